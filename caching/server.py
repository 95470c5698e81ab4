"""How the cache's server is."""

from typing import NamedTuple

from caching.models import Outbox
from caching.service import connection

MOST_COUNTED = 1000


class State(NamedTuple):
    """Memory in MB (max_mb 0: no limit), keys of the cache's database, keys evicted since the start, notes not yet relayed."""

    version: str
    used_mb: float
    max_mb: float
    keys: int
    evicted: int
    waiting: int


def state() -> State:
    """Return the state now. Needs market_owner. Raises RedisError."""
    redis = connection()
    info = redis.info()
    version = f"Valkey {info['valkey_version']}" if "valkey_version" in info else f"Redis {info['redis_version']}"
    waiting = Outbox.objects.using("owner").all()[:MOST_COUNTED].count()
    mb = 1024 * 1024
    return State(
        version, info["used_memory"] / mb, info["maxmemory"] / mb, redis.dbsize(), info["evicted_keys"], waiting
    )  # fmt: skip
