"""What a read does that found nothing fresh: it loads once for all who ask, and stores under the tokens that stood before."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, NamedTuple

from django.http import Http404
from redis import RedisError

from caching import stats
from caching.client import GuardedRedis
from caching.envelope import ABSENT, OddError, content, payload_of, seal, tokens_of, unseal, value_of
from caching.flights import Flights
from caching.shapes import Reviver
from caching.tokens import BYTES, complete, was_just_before

LEASE = 5.0  # seconds that one process may load before another may, too
POLL = 0.004  # seconds between two looks of who waits for another process
ABSENT_TTL = 60  # seconds
OLD_MS = 500  # who may be shown what was true a moment ago may be shown it this long after the renewal

_flights = Flights()


class Place(NamedTuple):
    """Where one read stands in Redis: its value and its tokens; and packed, what asks for all of it and for the tokens alone."""

    key: str
    tokens: list[str]
    look: bytes
    glance: bytes


class Miss(NamedTuple):
    """A read that found nothing fresh. ttl in seconds; may_be_old: whether what was true a second ago is good enough."""

    name: str
    load: Callable[[], Any]
    revive: Reviver
    ttl: int
    place: Place
    redis: GuardedRedis
    may_be_old: bool

    def value(self, tokens: Sequence[bytes | None], stored: bytes | None) -> Any:
        """Return the value: loaded here, by another thread, or by another process."""
        stats.note(self.name, misses=1)
        try:
            standing = complete(self.redis, self.place.tokens, tokens)
        except RedisError:
            return self.load()
        key = (self.place.key, b"".join(standing), self.may_be_old)  # who wants it fresh never joins who may bring the old
        future = _flights.join(key)
        if future is None:
            return self._open(_flights.land(key, lambda: self._payload(standing)))
        if (old := self._old(standing, stored)) is not None:
            return self._open(old)
        stats.note(self.name, waits=1)
        try:
            payload = future.result(LEASE)
        except (FutureTimeoutError, CancelledError):  # who loaded hangs, or was ended
            payload = self._pack()
        return self._open(payload)

    def _payload(self, tokens: list[bytes]) -> bytes:
        """Load under the lease of these tokens, or wait for whom holds it: he may have stored it since we looked."""
        until = time.monotonic() + LEASE
        waited = False
        while True:
            lease = f"{self.place.key}:lease:{b''.join(tokens).hex()}"
            try:
                mine, now, stored = self._claim(lease)
                if (payload := self._readable(unseal(stored, now))) is not None:
                    if mine:
                        self._send(("DEL", lease))
                    return payload
                if (mine and now == tokens) or time.monotonic() > until:
                    return self._load(tokens, lease)
                if now != tokens:  # written meanwhile: what is being loaded under the old ones will not fit
                    tokens = complete(self.redis, self.place.tokens, now)
                    continue
                if (old := self._old(tokens, stored)) is not None:
                    return old
            except RedisError:
                return self._pack()
            if not waited:
                stats.note(self.name, waits=1)
            waited = True
            time.sleep(POLL)

    def _claim(self, lease: str) -> tuple[bool, list[bytes | None], bytes | None]:
        """Ask for the lease, then look again; return whether it is ours, the tokens and what is stored. One round trip."""
        with self.redis.pipeline(transaction=False) as pipe:
            pipe.set(lease, b"", nx=True, px=int(LEASE * 1000))
            pipe.mget([*self.place.tokens, self.place.key])
            mine, (*now, stored) = pipe.execute()
        return bool(mine), now, stored

    def _load(self, tokens: list[bytes], lease: str) -> bytes:
        """Load, store under the tokens that stood before, and let go of the lease."""
        started = time.perf_counter()
        try:
            payload = self._pack()
        except BaseException:
            self._send(("DEL", lease))
            raise
        stats.note(self.name, loads=1, load_us=int((time.perf_counter() - started) * 1e6))
        ttl = ABSENT_TTL if payload == ABSENT else self.ttl
        self._send(("SET", self.place.key, seal(tokens, payload), "EX", ttl), ("DEL", lease))
        return payload

    def _send(self, *commands: tuple[Any, ...]) -> None:
        """Send commands that may get lost: then the lease ends by itself, and the next read misses."""
        try:
            with self.redis.pipeline(transaction=False) as pipe:
                for command in commands:
                    pipe.execute_command(*command)  # type: ignore[no-untyped-call]
                pipe.execute()
        except RedisError:
            pass

    def _old(self, tokens: Sequence[bytes], stored: bytes | None) -> bytes | None:
        """Return the value before, if that is good enough: within a second of the renewal."""
        if not self.may_be_old or stored is None:
            return None
        before = tokens_of(stored, len(tokens), BYTES)
        if not all(was_just_before(old, now, OLD_MS) for old, now in zip(before, tokens, strict=True)):
            return None
        return self._readable(content(stored, 1 + BYTES * len(tokens)))

    def _pack(self) -> bytes:
        """Load and return the payload, also of what is not there."""
        try:
            return payload_of(self.load())
        except Http404:
            return ABSENT

    def _open(self, payload: bytes) -> Any:
        return opened(self.name, payload, self.revive)

    def _readable(self, payload: bytes | None) -> bytes | None:
        """Return a payload that we can have written, None for any other."""
        try:
            if payload not in (None, ABSENT):
                self._open(payload)
        except OddError:
            return None
        return payload


def opened(name: str, payload: bytes, revive: Reviver) -> Any:
    """Return the value of a payload. Raises Http404 for what is not there, OddError for what we did not write."""
    if payload == ABSENT:
        raise Http404(f"{name}: not there.")
    try:
        return revive(value_of(payload))
    except (TypeError, ValueError, AttributeError, ArithmeticError) as error:  # JSON of another shape
        raise OddError from error
