"""Generation tokens: a value is fresh if it was stored under the tokens that stand now. Who writes renews them."""

import secrets
import time
from collections.abc import Iterable, Sequence

from redis import Redis

BYTES = 18  # of a token: when it was renewed (ms), a random name, and the name of the token before, 6 bytes each
LIFE = 86_400  # seconds; longer than any value
UNKNOWN = bytes(6)  # when: nobody knows; before: nobody knows
# Random, not counted: a counter that was evicted would begin again, and revive what was stored under its first numbers.
# What is no token of ours is written over, whatever it is: one odd key must not keep a whole batch from being renewed.
RENEW = """
for number, key in ipairs(KEYS) do
    local before = redis.pcall('GET', key)
    local name = string.rep('\\0', 6)
    if type(before) == 'string' and #before == 18 then
        name = string.sub(before, 7, 12)
    end
    redis.call('SET', key, ARGV[number + 1] .. name, 'EX', ARGV[1])
end
"""


def token_keys(space: str, events: Iterable[str]) -> list[str]:
    """Return where the tokens of these events stand. Releases share them: a writer of one makes values of all stale."""
    return [f"{space}:token:{event}" for event in events]


def renew(redis: Redis, keys: Sequence[str]) -> None:
    """Make every value stale that was stored under one of these tokens. Call after COMMIT. Raises RedisError.

    Once this has returned, no read that begins later gets what was loaded before.
    """
    now = (time.time_ns() // 1_000_000).to_bytes(6)
    redis.eval(RENEW, len(keys), *keys, LIFE, *(now + secrets.token_bytes(6) for _ in keys))


def complete(redis: Redis, keys: Sequence[str], tokens: Sequence[bytes | None]) -> list[bytes]:
    """Return these tokens with those that are missing made; if somebody else makes one at the same time, his counts.

    What is still none then is no token of ours: it is written over. Raises RedisError.
    """
    for only_new in (True, False):
        missing = [key for key, token in zip(keys, tokens, strict=True) if not _is_token(token)]
        if missing:
            with redis.pipeline(transaction=False) as pipe:
                for key in missing:
                    pipe.set(key, _first_token(), ex=LIFE, nx=only_new)
                pipe.mget(keys)
                tokens = pipe.execute()[-1]
    return [token if token and _is_token(token) else _first_token() for token in tokens]  # evicted again: nothing will fit


def was_just_before(stored: bytes, standing: bytes, ms: int) -> bool:
    """Return whether one token is the other's, or was replaced by it at most so many milliseconds ago."""
    if stored == standing:
        return True
    when = int.from_bytes(standing[:6])
    return standing[12:] == stored[6:12] and time.time_ns() // 1_000_000 - when <= ms


def bytes_of(found: Sequence[bytes | str | None]) -> list[bytes | None]:
    """Return what redis-py answered: text never comes, our clients decode nothing."""
    return [None if one is None or isinstance(one, str) else one for one in found]


def _first_token() -> bytes:
    return UNKNOWN + secrets.token_bytes(6) + UNKNOWN


def _is_token(token: bytes | None) -> bool:
    return token is not None and len(token) == BYTES
