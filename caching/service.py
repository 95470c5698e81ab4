"""CacheService: reads that are fresh by proof. Which reads there are, and what makes each stale, is in queries.py.

A read is one MGET of its tokens and its value: a hit if the value was stored under exactly these tokens. A miss loads, and
stores under the tokens that were read before the query. Who writes renews the tokens after COMMIT. So a value that was loaded
before a renewal is never read after it, whatever the order in which loads and writes end.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache, partial
from typing import Any, NamedTuple

from django.conf import settings
from django.db import transaction
from django_redis import get_redis_connection
from hiredis import pack_command
from redis import RedisError

from caching import stats
from caching.client import GuardedRedis
from caching.copies import Copy, until
from caching.envelope import GZIP, OddError, unseal
from caching.keys import key_of, raised_by
from caching.misses import Miss, Place, opened
from caching.shapes import Reviver, reviver_of
from caching.tokens import renew, token_keys


class CachedRead(NamedTuple):
    """One row of the table: what is read, for how long at most it is kept, and the events that make it stale.

    load: a selector, whose annotation says what it returns. stale_by: its arguments to the events. revive: from JSON to that.
    """

    name: str
    load: Callable[..., Any]
    ttl: int
    stale_by: Callable[..., Sequence[str]]
    revive: Reviver

    def __call__(self, *args: Any, may_be_old: bool = False, timeout: int | None = None) -> Any:
        """Return what `load` returns, from the cache where it is fresh. Raises what `load` raises."""
        return CacheService.read(self, args, may_be_old=may_be_old, timeout=timeout or self.ttl)


READS: dict[str, CachedRead] = {}
PAGES: dict[str, CachedRead] = {}


def cached(name: str, load: Callable[..., Any], ttl: int, stale_by: Callable[..., Sequence[str]]) -> CachedRead:
    """Declare one cached read; a hit is of the types that its loader's annotation names."""
    READS[name] = CachedRead(name, load, ttl, stale_by, reviver_of(load))
    return READS[name]


def page(name: str, ttl: int, stale_by: Callable[..., Sequence[str]]) -> CachedRead:
    """Declare a whole page, rendered by its view (caching/bodies.py). Its first argument is the site's own address."""
    PAGES[name] = CachedRead(name, _by_its_view, ttl, stale_by, _compressed)
    return PAGES[name]


def _by_its_view(*args: Any) -> bytes:
    raise NotImplementedError("A page is rendered by its view.")


def _compressed(value: Any) -> bytes:
    """Return the compressed body of a page. Raises TypeError for anything else."""
    if not isinstance(value, bytes) or not value.startswith(GZIP):
        raise TypeError(f"{type(value).__name__} is no body of a page.")
    return value


class CacheService:
    """Cached reads by name, over one mechanism."""

    @staticmethod
    def get_cache_key(prefix: str, *args: object, **kwargs: object) -> str:
        """Return the key of a read; different arguments never share one. Raises TypeError."""
        return key_of(prefix, *args, **kwargs)

    @staticmethod
    def cache_character_data(character_id: int, timeout: int = 300) -> Any:
        """Return a character as the module shapes it, amounts as text. Raises Http404."""
        return READS["CHARACTER_DATA"](character_id, timeout=timeout)

    @staticmethod
    def cache_top_characters(limit: int = 10, timeout: int = 600) -> Any:
        """Return the characters of the highest market caps, as many as asked for."""
        return READS["TOP_CHARACTERS"](limit, timeout=timeout)

    @staticmethod
    def invalidate_character_cache(character_id: int, using: str | None = None) -> None:
        """Make everything stale that shows this character, once the transaction has committed. Nobody needs to: writes tell."""
        events = raised_by("character", [character_id])
        transaction.on_commit(lambda: CacheService.renew(events), using=using, robust=True)

    @staticmethod
    def renew(events: Sequence[str]) -> bool:
        """Make everything stale that these events make stale. Return whether the cache heard it: if not, the relay repeats it."""
        try:
            renew(connection(), token_keys(settings.CACHE_SPACE, events))
        except RedisError:
            return False
        return True

    @staticmethod
    def read(
        row: CachedRead, args: tuple[Any, ...], *, may_be_old: bool, timeout: int,
        load: Callable[..., Any] | None = None, copy: Copy | None = None,
    ) -> Any:  # fmt: skip
        """Return a fresh value; one that was true half a second ago to whom that is good enough, while another loads.

        load: what loads it instead of the row's own loader. copy: where this process keeps it. One MGET for a hit.
        Within a transaction nothing is cached: it may hold what nobody else may see yet.
        """
        load = load or partial(row.load, *args)
        if transaction.get_connection().in_atomic_block:
            return load()
        place = place_of(row, args)
        redis = connection()
        try:
            if copy and (value := copy.stands(redis, place)):
                stats.note(row.name, hits=1, bytes=len(value))
                return value
            end = until(redis, place) if copy else 0.0
            *tokens, stored = redis.ask(place.look)
        except RedisError:
            stats.note(row.name, bypasses=1)
            return load()
        payload = unseal(stored, tokens)
        if payload is not None:
            stats.note(row.name, hits=1, bytes=len(payload))
            with suppress(OddError):  # what we did not write is a miss
                value = opened(row.name, payload, row.revive)
                if copy:
                    copy.keep(value, tokens, end)
                return value
        return Miss(row.name, load, row.revive, timeout, place, redis, may_be_old).value(tokens, stored)


def connection() -> GuardedRedis:
    """Return a client of the cache's database, behind the circuit breaker."""
    client: GuardedRedis = get_redis_connection("default")
    return client


def place_of(row: CachedRead, args: tuple[Any, ...]) -> Place:
    """Return where a read stands. Values belong to one release: the next one may shape them otherwise."""
    return _place(settings.CACHE_SPACE, row, *args)


@lru_cache(maxsize=4096, typed=True)  # typed: 1 and True are equal, and two keys
def _place(space: str, row: CachedRead, *args: Any) -> Place:
    key = f"{space}:{settings.CACHE_RELEASE}:{key_of(row.name, *args)}"
    tokens = token_keys(space, row.stale_by(*args))
    return Place(key, tokens, pack_command(("MGET", *tokens, key)), pack_command(("MGET", *tokens)))  # type: ignore[arg-type]  # any number of them
