"""The connections of one alias: each asks first whether its server is the one that it was."""

import threading
from typing import Any

from django.conf import settings
from redis import ConnectionPool
from redis.connection import Connection

# A server that was started again may have begun with an old file: that knows neither the renewals nor the logouts since.
# Who knows this run already looks no further: under pressure the key may be evicted, which is no reason to forget anything.
FORGET = """
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
if run ~= ARGV[1] and redis.call('GET', KEYS[1]) ~= run then
    redis.call('FLUSHDB', 'ASYNC')
    redis.call('SET', KEYS[1], run)
end
return run
"""


class Pool(ConnectionPool):
    """Connections that are lent, and beside them one for each thread, for the one command of a hit.

    What no other thread can have needs no lock, no count and no look whether it is in order: those cost as much as a round trip.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._run = b""
        super().__init__(*args, redis_connect_func=self._greet, **kwargs)

    def reset(self) -> None:
        """Begin anew, as a forked process does."""
        self._of_threads = threading.local()
        super().reset()

    def own(self) -> Connection:
        """Return this thread's connection; it ends with the thread."""
        self._checkpid()  # a forked process shares none with its parent
        try:
            connection: Connection = self._of_threads.connection
        except AttributeError:
            connection = self._of_threads.connection = self.connection_class(**self.connection_kwargs)
        return connection

    def _greet(self, connection: Connection) -> None:
        """Set a new connection up, and empty its database if an old file was read since: before anything in it is believed."""
        connection.on_connect()  # type: ignore[no-untyped-call]
        connection.send_command("EVAL", FORGET, 1, f"{settings.CACHE_SPACE}:run", self._run)  # type: ignore[no-untyped-call]
        self._run = connection.read_response()
