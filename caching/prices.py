"""The price board as a hash: the prices of a few characters, each stored under its own tokens; two round trips at most.

Write-through: whoever renews a character's tokens stores its price anew (events.py). What is missing is loaded in one query.
"""

import re
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from decimal import Decimal
from itertools import batched

from django.conf import settings
from django.db import transaction
from redis import RedisError

from caching import stats
from caching.client import GuardedRedis
from caching.keys import one_of
from caching.service import connection
from caching.tokens import BYTES, bytes_of, complete, token_keys
from characters.selectors import prices_of

NAME, TTL = "PRICES", 600  # seconds
MOST = 100  # ids at once
NONE = b"-"  # not on the market
TEXT = re.compile(rb"-|[0-9]{1,15}(\.[0-9]{1,4})?")
Tokens = dict[int, bytes]


def prices(ids: Iterable[int]) -> dict[int, Decimal]:
    """Return the prices of these characters in berries, by id; who is not on the market is left out. At most 100 ids."""
    wanted = list(dict.fromkeys(ids))[:MOST]
    if not wanted:
        return {}
    if transaction.get_connection().in_atomic_block:
        return prices_of(wanted)
    redis = connection()
    try:
        tokens = _tokens(redis, wanted)
        found = _fresh(tokens, bytes_of(redis.hmget(_key(), [str(pk) for pk in wanted])))
        missing = [pk for pk in wanted if pk not in found]
        stats.note(NAME, hits=len(found), misses=len(missing))
        found |= _store(redis, missing, tokens)
    except RedisError:
        stats.note(NAME, bypasses=len(wanted))
        return prices_of(wanted)
    return {pk: Decimal(found[pk].decode()) for pk in wanted if found[pk] != NONE}


def write_through(ids: Iterable[int]) -> None:
    """Store the prices of these characters anew. Call after their tokens were renewed.

    Within a transaction of the site nothing is stored: it may hold what nobody else may see yet.
    """
    if transaction.get_connection().in_atomic_block:
        return
    with suppress(RedisError):
        redis = connection()
        for some in batched(ids, MOST):
            _store(redis, some, _tokens(redis, some))


def _tokens(redis: GuardedRedis, ids: Sequence[int]) -> Tokens:
    """Return the tokens that a price is stored under: the character's own, and that of all."""
    events = [one_of("character", pk) for pk in ids]
    keys = token_keys(settings.CACHE_SPACE, [*(own for own, _ in events), events[0][1]])
    *own, of_all = complete(redis, keys, bytes_of(redis.mget(keys)))
    return {pk: token + of_all for pk, token in zip(ids, own, strict=True)}


def _fresh(tokens: Tokens, stored: Sequence[bytes | None]) -> dict[int, bytes]:
    """Return the texts that were stored under exactly these tokens; what nobody here wrote is none."""
    size = 2 * BYTES
    return {
        pk: text[size:]
        for (pk, token), text in zip(tokens.items(), stored, strict=True)
        if text is not None and text[:size] == token and TEXT.fullmatch(text[size:])
    }


def _store(redis: GuardedRedis, ids: Sequence[int], tokens: Tokens) -> dict[int, bytes]:
    """Load these prices and store them under the tokens that stood before. One query, none for nobody."""
    if not ids:
        return {}
    started = time.perf_counter()
    loaded = prices_of(ids)
    stats.note(NAME, loads=1, load_us=int((time.perf_counter() - started) * 1e6))
    texts = {pk: str(loaded[pk]).encode() if pk in loaded else NONE for pk in ids}
    with redis.pipeline(transaction=False) as pipe:
        pipe.hset(_key(), mapping={str(pk): tokens[pk] + text for pk, text in texts.items()})
        pipe.expire(_key(), TTL, nx=True)  # not prolonged: nothing, and nobody who does not exist, is kept for longer
        pipe.execute()
    return texts


def _key() -> str:
    return f"{settings.CACHE_SPACE}:{settings.CACHE_RELEASE}:{NAME}"
