"""The leaderboard as a sorted set: its first lines, and the rank of anybody in O(log n). Rebuilt from PostgreSQL when it is gone.

The set is named by the tokens that stood before it was counted, as every cached value is stored under them: moved prices and new
names make it stale at once. A trade does not: the set is at most TTL seconds old, and whoever asks for his own rank says what
he is worth now.
"""

import math
import secrets
import time
from collections.abc import Iterable
from decimal import Decimal
from itertools import batched
from typing import NamedTuple

from django.conf import settings
from django.db import transaction
from redis import RedisError

from caching import stats
from caching.client import GuardedRedis
from caching.keys import any_of
from caching.misses import LEASE, POLL
from caching.service import connection
from caching.tokens import bytes_of, complete, token_keys
from trading import selectors
from trading.selectors import Leader

NAME, TTL = "STANDINGS", 10  # seconds
EVENTS = (any_of("character"), any_of("trader"))
LAST = 2**31  # above every id
AT_ONCE = 1000  # members a command
MARKS = ("", "simulated")  # between id and name of a member


class Standings(NamedTuple):
    """The first lines of the leaderboard, and the reader's own, wherever it is."""

    leaders: list[Leader]
    me: Leader | None


def standings(limit: int, me: Leader | None = None) -> Standings:
    """Return the first lines; and the reader's, given with what he is worth now, with his rank.

    Worths below 90 trillion berries are exact. Without the cache PostgreSQL counts.
    """
    if not transaction.get_connection().in_atomic_block:
        try:
            return _read(connection(), limit, me)
        except RedisError:
            stats.note(NAME, bypasses=1)
    return _merged(selectors.leaders(limit + 1), limit, me, selectors.rank_of(me.worth, me.user_id) if me else 0)


def recount() -> None:
    """Count all traders anew and keep the set for another TTL, unless somebody counts them just now. Raises RedisError."""
    redis = connection()
    key = _key(redis)
    if redis.set(_lease(key), b"", nx=True, px=int(LEASE * 1000)):
        _build(redis, key)


class LostError(RedisError):
    """The set was counted and is gone again, or whoever counts it does not end."""


def _read(redis: GuardedRedis, limit: int, me: Leader | None) -> Standings:
    """Ask the set, and count it first if it is gone; one counts, once, the others wait. Raises RedisError."""
    until, outcome = time.monotonic() + LEASE, "hits"
    key = _key(redis)  # once: prices that move while it is counted need not be in it, he asked before
    while True:
        found = _ask(redis, key, limit, me)
        if found:
            stats.note(NAME, **{outcome: 1})
            return found
        if time.monotonic() > until:
            raise LostError
        outcome = "misses"
        if _claim(redis, key):
            _build(redis, key)
            until = 0.0  # a cache that is too small for it is not filled again and again
        else:
            time.sleep(POLL)


def _ask(redis: GuardedRedis, key: str, limit: int, me: Leader | None) -> Standings | None:
    """Return what the set says, None if it is gone. One round trip."""
    worth = _cents(me.worth) if me else 0
    with redis.pipeline(transaction=True) as pipe:  # at one moment: the set may be evicted between two commands
        pipe.zscore(key, NOBODY)
        pipe.zrevrange(key, 0, limit, withscores=True)
        pipe.zcount(key, f"({worth}", "+inf")
        pipe.zscore(key, _member(me) if me else NOBODY)
        is_there, lines, above, mine = pipe.execute()
    if is_there is None:
        return None
    try:
        leaders = [_leader(line) for line in lines]
    except (ValueError, OverflowError):  # nobody here wrote that
        redis.delete(key)
        return None
    return _merged(leaders, limit, me, above + 1 - (mine is not None and mine > worth))


def _claim(redis: GuardedRedis, key: str) -> bool:
    """Ask for the lease, then look again: who held it may have counted since we looked. Return whether it is ours to count."""
    with redis.pipeline(transaction=True) as pipe:
        pipe.set(_lease(key), b"", nx=True, px=int(LEASE * 1000))
        pipe.exists(key)
        mine, is_there = pipe.execute()
    if mine and is_there:
        redis.delete(_lease(key))
    return bool(mine and not is_there)


def _merged(lines: Iterable[Leader], limit: int, me: Leader | None, rank: int) -> Standings:
    """Return these lines with the reader's as of now. Who is worth the same shares a rank; the older account comes first."""
    own = [me] if me else []
    others = [line for line in lines if line.user_id and line.user_id != (me.user_id if me else 0)]
    ranked: list[Leader] = []
    for line in sorted(others + own, key=lambda leader: (-leader.worth, leader.user_id))[:limit]:
        same = ranked and ranked[-1].worth == line.worth
        ranked.append(line._replace(rank=ranked[-1].rank if same else len(ranked) + 1))
    within = next((line for line in ranked if me and line.user_id == me.user_id), None)
    return Standings(ranked, within or (me._replace(rank=rank) if me else None))


def _key(redis: GuardedRedis) -> str:
    keys = token_keys(settings.CACHE_SPACE, EVENTS)
    tokens = complete(redis, keys, bytes_of(redis.mget(keys)))
    return f"{settings.CACHE_SPACE}:{settings.CACHE_RELEASE}:{NAME}:{b''.join(tokens).hex()}"


def _lease(key: str) -> str:
    return f"{key}:lease"


def _build(redis: GuardedRedis, key: str) -> None:
    """Count all traders once, put the set in its place as a whole, and let go of the lease."""
    started = time.perf_counter()
    building = f"{key}:{secrets.token_hex(8)}"
    try:
        scores = {NOBODY: -math.inf} | {_member(leader): _cents(leader.worth) for leader in selectors.leaders(None)}
        stats.note(NAME, loads=1, load_us=int((time.perf_counter() - started) * 1e6))
        for some in batched(scores.items(), AT_ONCE):  # in one transaction 100,000 would take longer than the time-out
            with redis.pipeline(transaction=True) as pipe:
                pipe.zadd(building, dict(some))
                pipe.expire(building, TTL)
                pipe.execute()
        if redis.zcard(building) != len(scores):  # a part of it was evicted
            raise LostError
        redis.rename(building, key)
    finally:
        redis.delete(_lease(key))


def _leader(line: tuple[bytes, float]) -> Leader:
    """Return a member and its score as a line without a rank."""
    backwards, mark, username = line[0].decode().split(":", 2)
    user_id = LAST - int(backwards)
    return Leader(0, user_id, username, Decimal(int(line[1])).scaleb(-2) if user_id else Decimal(0), bool(MARKS.index(mark)))


def _member(leader: Leader) -> str:
    """Return the name of a line in the set: among equal worths it is read backwards, and the older account comes first."""
    return f"{LAST - leader.user_id:010}:{MARKS[leader.is_simulated]}:{leader.username}"


def _cents(worth: Decimal) -> int:
    return int(worth.scaleb(2))


NOBODY = _member(Leader(0, 0, "", Decimal(0)))  # keeps an empty leaderboard from looking like a lost one
