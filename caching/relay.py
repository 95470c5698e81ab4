"""The relay: what triggers noted in cache_outbox becomes renewed tokens. It covers every write that sends no signal."""

import time
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.db import connections, transaction
from django_redis import get_redis_connection

from caching.keys import raised_by
from caching.service import connection
from caching.tokens import renew, token_keys

BATCH = 500
PATIENCE = 1.0  # seconds
POLL = 0.004  # seconds between two looks at what another relay is telling
ROWS = "SELECT count(*), sum(xmin::text::bigint) FROM crew_analytics"  # another refresh left others behind
# The row is gone only if the cache has acknowledged the renewal: whatever dies in between, it is told again.
TAKE = """
DELETE FROM cache_outbox WHERE id IN (SELECT id FROM cache_outbox ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED)
RETURNING kind, row_id, extract(epoch FROM clock_timestamp() - at) * 1000
"""


def relay(using: str = "owner") -> list[float]:
    """Renew what one batch of the outbox makes stale, then commit that it is done. Raises RedisError, and keeps the batch.

    Return how old each note was, in ms. Two relays at once take different rows.
    """
    with transaction.atomic(using=using, durable=True), connections[using].cursor() as cursor:
        cursor.execute(TAKE, [BATCH])
        notes = cursor.fetchall()
        if notes:
            events = events_of((kind, row_id) for kind, row_id, _ in notes)
            renew(connection(), token_keys(settings.CACHE_SPACE, events))
    return [float(age) for _, _, age in notes]


def settle(using: str = "owner") -> bool:
    """Relay until all that is noted by now was told, by us or by another relay; return whether it was within a second.

    What is cached after that is not made stale by what was written before. Raises RedisError.
    """
    until = time.monotonic() + PATIENCE
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT coalesce(max(id), 0) FROM cache_outbox")
        (last,) = cursor.fetchone()
        while time.monotonic() < until:
            told = relay(using)
            cursor.execute("SELECT EXISTS (SELECT FROM cache_outbox WHERE id <= %s)", [last])
            if cursor.fetchone() == (False,):
                return True
            if not told:
                time.sleep(POLL)
    return False


def see_refresh(last: tuple[Any, ...] | None, using: str = "owner") -> tuple[Any, ...]:
    """Renew what crew_analytics makes stale if its rows are not those of `last`; return what to compare with next time.

    A materialized view fires no trigger: this sees a REFRESH by hand. One query. Raises RedisError.
    """
    with connections[using].cursor() as cursor:
        cursor.execute(ROWS)
        rows: tuple[Any, ...] = cursor.fetchone()
    if rows != last:
        renew(connection(), token_keys(settings.CACHE_SPACE, raised_by("crew_analytics", None)))
    return rows


def events_of(notes: Iterable[tuple[str, int | None]]) -> list[str]:
    """Return the events that these notes tell of, each once."""
    return list(dict.fromkeys(event for kind, pk in notes for event in raised_by(kind, None if pk is None else [pk])))


def forget_what_a_restart_revived() -> bool:
    """Empty the cache and the sessions' copies if the server is another run than before; return whether it was.

    A server that begins with an old file knows neither the renewals nor the logouts since. Raises RedisError.
    """
    redis, key = connection(), f"{settings.CACHE_SPACE}:run"
    run = str(redis.info("server")["run_id"]).encode()
    if redis.get(key) == run:
        return False
    for database in (get_redis_connection("sessions"), redis):
        database.flushdb(asynchronous=True)
    redis.set(key, run)
    return True
