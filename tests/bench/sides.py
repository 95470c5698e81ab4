"""The sides of the comparison, each run in a process and with settings of its own: ways to read the ten top characters."""

import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from statistics import median
from typing import Any

from django.core.cache import cache  # noqa: TID251  the module's scheme
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django_redis import get_redis_connection

from caching.queries import TOP_CHARACTERS
from caching.service import CacheService, place_of
from characters.models import Character
from characters.selectors import TOP, top_characters
from crews.models import Crew

LIMIT = 10
WARM_UP = 20  # calls of each round that are not counted: the others had the processor meanwhile
Read = Callable[[], Any]


def timed(read: Read) -> Callable[[int], float]:
    """Return what answers "n" with the median of n calls, in microseconds."""

    def measure(calls: int) -> float:
        for _ in range(WARM_UP):
            read()
        samples = []
        for _ in range(calls):
            started = time.perf_counter_ns()
            read()
            samples.append(time.perf_counter_ns() - started)
        return median(samples) / 1000

    return measure


def hit(read: Read) -> Callable[[int], float]:
    """Return the same of a cache, once it has shown that it answers with the right rows and without a query."""
    wanted = [row["id"] for row in top_characters(LIMIT)]
    read()
    with CaptureQueriesContext(connection) as queries:
        found = read()
    if len(queries) or [row["id"] for row in found] != wanted:
        raise RuntimeError(f"{len(queries)} queries, {found}: not a hit.")
    return timed(read)


def raw() -> Callable[[int], float]:
    """GET the bytes that ours stored, over the same client."""
    CacheService.cache_top_characters(LIMIT)
    key = place_of(TOP_CHARACTERS, (LIMIT,)).key
    assert get_redis_connection("default").get(key)
    return timed(lambda: get_redis_connection("default").get(key))


def ours() -> Callable[[int], float]:
    """Hit with CacheService."""
    return hit(lambda: CacheService.cache_top_characters(LIMIT))


def module() -> Callable[[int], float]:
    """Hit as the module does: get_or_set."""
    load = partial(top_characters, LIMIT)
    return hit(lambda: cache.get_or_set(f"top_characters:{LIMIT}", load, 600))


def query() -> Callable[[int], float]:
    """Evaluate the query as the selector builds it, with what the settings have patched into the ORM."""
    return hit(_query)


def orm() -> Callable[[int], float]:
    """Evaluate it over the ORM alone."""
    return timed(_query)


def _query() -> Any:
    return list(Character.objects.active().order_by("-market_cap", "-id").values(*TOP)[:LIMIT])


def inplace() -> Callable[[int], float]:
    """Evaluate the query as cacheops' performance tips advise: the queryset is changed in its place, not copied."""
    return hit(lambda: list(Character.objects.inplace().active().order_by("-market_cap", "-id").values(*TOP)[:LIMIT]))


def kept() -> Callable[[int], float]:
    """Evaluate the query without building it each time: a copy of a queryset that is kept."""
    wanted = Character.objects.active().order_by("-market_cap", "-id").values(*TOP)[:LIMIT]
    return hit(lambda: list(wanted.all()))


def decorated() -> Callable[[int], float]:
    """Call the selector under cacheops' @cached_as, which goes past the ORM, too."""
    cached_as = import_module("cacheops").cached_as  # in the group `bench`: not everybody has it
    read = cached_as(Character, Crew, timeout=600)(top_characters)
    return hit(lambda: read(LIMIT))
