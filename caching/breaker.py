"""A circuit breaker: while the cache does not answer, nobody waits for it but a thread that asks whether it is back."""

import threading
import time
from collections.abc import Callable

PAUSE = 0.5  # seconds between two questions


class Breaker:
    """Closed: calls go through. A failed call opens it; it closes when `ping` answers again.

    Nobody's request is the one that tries: a thread asks, so that a hung server costs one time-out, not one a page.
    """

    def __init__(self, pause: float = PAUSE) -> None:
        self.opened = 0  # how often
        self._pause = pause
        self.close()

    def close(self) -> None:
        """Let calls through. For a forked process, too: the thread that asks, and whoever held the lock, stayed behind."""
        self._lock = threading.Lock()
        self.is_open = False

    def trip(self, ping: Callable[[], object]) -> None:
        """Open, and close as soon as `ping` returns instead of raising."""
        with self._lock:
            if self.is_open:
                return
            self.is_open = True
            self.opened += 1
        threading.Thread(target=self._watch, args=(ping,), name="cache-breaker", daemon=True).start()

    def _watch(self, ping: Callable[[], object]) -> None:
        while True:
            time.sleep(self._pause)
            try:
                ping()
            except Exception:  # noqa: S112  whatever it is, the server is not back
                continue
            self.is_open = False
            return
