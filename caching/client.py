"""The Redis client of all aliases: every command goes through the circuit breaker."""

import os
from functools import partial
from typing import Any

from django_redis import get_redis_connection
from redis import Redis
from redis.client import Pipeline
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import MaxConnectionsError
from redis.exceptions import TimeoutError as RedisTimeoutError

from caching.breaker import Breaker

BREAKER = Breaker()  # of this process: all aliases are databases of one server
os.register_at_fork(after_in_child=lambda: BREAKER.close())
LOST = (RedisConnectionError, RedisTimeoutError, OSError)


class OpenError(RedisConnectionError):
    """The cache did not answer a moment ago; it was not asked."""


class GuardedRedis(Redis):
    """A Redis client that gives up at once while the server is known not to answer."""

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send one command. Raises RedisError."""
        if BREAKER.is_open:
            raise OpenError
        try:
            return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        except MaxConnectionsError:
            raise  # we are busy, not the server
        except LOST:
            BREAKER.trip(partial(_come_back, self))
            raise

    def ask(self, packed: bytes) -> Any:
        """Send one packed command, past redis-py's packing, retries and metrics: most of a hit's own cost. Raises RedisError."""
        if BREAKER.is_open:
            raise OpenError
        try:
            return self._ask(packed)
        except RedisTimeoutError:
            BREAKER.trip(partial(_come_back, self))
            raise
        except RedisConnectionError:
            self.ping()  # a restart has cut it: this finds the server again, or trips the breaker
            return self._ask(packed)

    def _ask(self, packed: bytes) -> Any:
        connection = self.connection_pool.own()  # type: ignore[attr-defined]  # a Pool
        try:
            connection.send_packed_command((packed,), check_health=False)
            return connection.read_response()
        except BaseException:  # whatever ended it: an answer that still comes must not be the next question's
            connection.disconnect()
            raise

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> "GuardedPipeline":  # noqa: FBT001, FBT002  redis-py's
        """Return a pipeline behind the same breaker."""
        return GuardedPipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)


class GuardedPipeline(Pipeline):
    """Several commands at once, behind the same breaker."""

    def execute(self, raise_on_error: bool = True) -> list[Any]:  # noqa: FBT001, FBT002  redis-py's
        """Send them. Raises RedisError."""
        if BREAKER.is_open:
            raise OpenError
        try:
            return super().execute(raise_on_error)
        except MaxConnectionsError:
            raise
        except LOST:
            BREAKER.trip(partial(_come_back, Redis(connection_pool=self.connection_pool)))
            raise


def _come_back(client: Redis) -> None:
    """Ask, past the breaker; once there is an answer, drop the copies of sessions: a logout meanwhile did not reach them."""
    Redis.execute_command(client, "PING")  # type: ignore[no-untyped-call]
    with Redis(connection_pool=get_redis_connection("sessions").connection_pool) as sessions:
        sessions.flushdb(asynchronous=True)
