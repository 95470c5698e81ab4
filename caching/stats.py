"""What the cached reads do, counted by row: in this process, added up in Redis once a second, in all and by the minute."""

import threading
import time
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from django.conf import settings
from django_redis import get_redis_connection
from redis import RedisError

FLUSH = 1.0  # seconds
MINUTES = 30  # how far back the rates go
_KEPT = (MINUTES + 2) * 60  # seconds


class Counts(NamedTuple):
    """What one row has done: reads that hit, missed, went past the cache, waited for another's load; loads and their time."""

    hits: int = 0
    misses: int = 0
    bypasses: int = 0
    waits: int = 0
    loads: int = 0
    load_us: int = 0
    bytes: int = 0

    @property
    def rate(self) -> float | None:
        """The share of reads that hit, 0 to 1; None without a read."""
        reads = self.hits + self.misses + self.bypasses
        return self.hits / reads if reads else None

    @property
    def load_ms(self) -> float | None:
        """What a load takes on average, in ms; None where there was none, or nobody took its time."""
        return self.load_us / self.loads / 1000 if self.loads and self.load_us else None

    @property
    def bytes_a_hit(self) -> float | None:
        """How large a value is on average; None where there was none, or it is not one value."""
        return self.bytes / self.hits if self.hits and self.bytes else None


_FIELDS = {name: number for number, name in enumerate(Counts._fields)}
_lock = threading.Lock()
_counts: defaultdict[str, list[int]] = defaultdict(lambda: [0] * len(_FIELDS))
_next_flush = 0.0


def note(row: str, **counted: int) -> None:
    """Add to the counts of a row, by the names of Counts."""
    global _next_flush
    now = time.monotonic()
    with _lock:
        counts = _counts[row]
        for name, count in counted.items():
            counts[_FIELDS[name]] += count
        due = now > _next_flush
        if due:
            _next_flush = now + FLUSH
    if due:
        flush()


def flush() -> None:
    """Add what this process has counted to Redis. What cannot be added is kept for the next time."""
    with _lock:
        counted = {row: counts[:] for row, counts in _counts.items()}
        _counts.clear()
    minute = _minute_key(this_minute())
    try:
        with get_redis_connection("default").pipeline(transaction=False) as pipe:
            for row, counts in counted.items():
                for name, number in _FIELDS.items():
                    if counts[number]:
                        pipe.hincrby(_key(), f"{row} {name}", counts[number])
                        pipe.hincrby(minute, f"{row} {name}", counts[number])
            pipe.expire(minute, _KEPT)
            pipe.execute()
    except RedisError:
        with _lock:
            for row, counts in counted.items():
                _counts[row] = [a + b for a, b in zip(_counts[row], counts, strict=True)]


def totals(rows: Iterable[str]) -> dict[str, Counts]:
    """Return the counts of these rows since the cache was empty. Raises RedisError."""
    flush()
    return _read(get_redis_connection("default").hgetall(_key()), rows)


def by_minute(rows: Iterable[str]) -> dict[str, list[Counts]]:
    """Return the counts of the last 30 minutes, the present one last. One round trip. Raises RedisError."""
    rows, now = list(rows), this_minute()
    with get_redis_connection("default").pipeline(transaction=False) as pipe:
        for minute in range(now - MINUTES + 1, now + 1):
            pipe.hgetall(_minute_key(minute))
        minutes = [_read(found, rows) for found in pipe.execute()]
    return {row: [minute[row] for minute in minutes] for row in rows}


def _read(found: dict[bytes, bytes], rows: Iterable[str]) -> dict[str, Counts]:
    return {row: Counts(*[_number(found.get(f"{row} {name}".encode())) for name in Counts._fields]) for row in rows}


def _number(text: bytes | None) -> int:
    """Return a count; what nobody here wrote counts nothing."""
    return int(text) if text and text.isdigit() else 0


def this_minute() -> int:
    """Return the minute that counts belong to now."""
    return int(time.time() // 60)


def _key() -> str:
    return f"{settings.CACHE_SPACE}:stats"


def _minute_key(minute: int) -> str:
    return f"{settings.CACHE_SPACE}:stats:{minute}"
