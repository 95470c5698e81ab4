"""One load at a time of one thing in this process: who comes while it runs gets what it brings."""

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future

KeyOf = tuple[str, bytes, bool]


class Flights:
    """Loads under way, by key, the tokens that stood when they began, and whether they may bring what was true before."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: dict[KeyOf, Future[bytes]] = {}

    def join(self, key: KeyOf) -> Future[bytes] | None:
        """Return the load that is under way, or None: then it is the caller's to make, and to `land`."""
        with self._lock:
            future = self._under_way.get(key)
            if future is None:
                self._under_way[key] = Future()
            return future

    def land(self, key: KeyOf, load: Callable[[], bytes]) -> bytes:
        """Run the load; hand what it brings, or its error, to all who joined. Those of a thread that is ended are cancelled."""
        with self._lock:
            future = self._under_way[key]
        try:
            payload = load()
        except BaseException as error:
            self._leave(key)
            future.set_exception(error if isinstance(error, Exception) else CancelledError())
            raise
        self._leave(key)
        future.set_result(payload)
        return payload

    def _leave(self, key: KeyOf) -> None:
        with self._lock:
            del self._under_way[key]
