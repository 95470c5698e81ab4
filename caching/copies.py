"""What a process keeps of what it has read: served again once Valkey has said that it would be found again."""

import time
from collections.abc import Sequence
from typing import NamedTuple

from caching.client import GuardedRedis
from caching.misses import Place


class Proof(NamedTuple):
    """A value, the tokens that it was found under, and when (monotonic) the cache drops it: then so do we."""

    value: bytes
    tokens: Sequence[bytes | None]
    until: float


class Copy:
    """What one read found last."""

    def __init__(self) -> None:
        self._proof: Proof | None = None  # replaced as one: several threads read the same page

    def stands(self, redis: GuardedRedis, place: Place) -> bytes | None:
        """Return the value if the tokens it was found under stand now: one MGET, of nothing but them. Raises RedisError."""
        proof = self._proof
        if proof and time.monotonic() < proof.until and redis.ask(place.glance) == proof.tokens:
            return proof.value
        return None

    def keep(self, value: bytes, tokens: Sequence[bytes | None], until: float) -> None:
        """Keep what was found."""
        self._proof = Proof(value, tokens, until)


def until(redis: GuardedRedis, place: Place) -> float:
    """Return when the cache drops what stands there. Ask before the look: what is stored in between stays longer."""
    return time.monotonic() + redis.pttl(place.key) / 1000
