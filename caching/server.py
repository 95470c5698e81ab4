"""How the cache's server is, and whether a worker tells it what is written."""

from datetime import timedelta
from typing import NamedTuple

from django.db.models import Count, Min
from django.db.models.functions import Now

from caching.models import Outbox
from caching.service import connection

MOST_COUNTED = 1000
LATE = timedelta(seconds=5)  # that no note waits beside a worker that runs, not even while it is started again


class State(NamedTuple):
    """Memory in MB (max_mb 0: no limit), keys of the cache's database, keys evicted since the start, notes not yet relayed.

    late: how long the oldest note has waited, if that is longer than a worker takes.
    """

    version: str
    used_mb: float
    max_mb: float
    keys: int
    evicted: int
    waiting: int
    late: timedelta | None


def state() -> State:
    """Return the state now. Needs market_owner. One query. Raises RedisError."""
    redis = connection()
    info = redis.info()
    version = f"Valkey {info['valkey_version']}" if "valkey_version" in info else f"Redis {info['redis_version']}"
    waiting, late = _outbox()
    mb = 1024 * 1024
    return State(
        version, info["used_memory"] / mb, info["maxmemory"] / mb, redis.dbsize(), info["evicted_keys"], waiting, late
    )  # fmt: skip


def _outbox() -> tuple[int, timedelta | None]:
    """Return how many notes wait, at most 1,000, and since when if that is late."""
    notes = Outbox.objects.using("owner").order_by("id")[:MOST_COUNTED]
    found = notes.aggregate(waiting=Count("id"), age=Now() - Min("at"))
    age = found["age"]
    return found["waiting"], age if age and age > LATE else None
