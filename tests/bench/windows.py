"""How long a write is not known to the cache: from its commit until its token is renewed."""

import os
import random
import signal
import time
from collections.abc import Callable
from statistics import median, quantiles
from typing import Any

from django.db import connections, transaction

from caching.models import Outbox
from caching.queries import CHARACTER_DATA
from caching.service import connection, place_of
from characters.models import Character
from tests.bench.process import Process
from tests.bench.worker import Worker
from tests.drills.report import Row

WRITES, CRASHES = 200, 40
PATIENCE = 30  # seconds
POLL = 0.0002  # seconds
BAR = 1000  # ms: no promise, but a window beyond it would be a fault
RAW = "UPDATE characters SET description = description || '.' WHERE id = %s"


def rows() -> list[Row]:
    """Measure the window of a save, of a write that sends no signal, and of a writer who dies after his commit."""
    pk = Character.objects.earliest("id").pk
    found = _rows("commit -> renewal by signal", [_by_signal(pk) for _ in range(WRITES)])
    with Worker(), Process("windows", "crasher") as process:
        found += _rows("commit -> renewal by the relay alone", [_by_relay(pk) for _ in range(WRITES)])
        return found + _rows("crash after commit -> renewal by the relay", [_by_crash(pk, process) for _ in range(CRASHES)])


def _token_of(pk: int) -> bytes | None:
    found: Any = connection().get(place_of(CHARACTER_DATA, (pk,)).tokens[0])
    return found  # type: ignore[no-any-return]


def relayed() -> None:
    """Wait until the relay has told the cache of every write that is committed. Raises TimeoutError."""
    _until(lambda: not Outbox.objects.using("owner").exists())


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("The cache was not told of a write.")
        time.sleep(POLL)


def _renewed(pk: int, before: bytes | None) -> float:
    """Wait until the token is another one; return when."""
    _until(lambda: _token_of(pk) != before)
    return time.monotonic()


def _rows(what: str, samples: list[float]) -> list[Row]:
    return [
        Row(f"{what}, p50", median(samples), BAR, "ms", samples),
        Row(f"{what}, p99", quantiles(samples, n=100, method="inclusive")[-1], BAR, "ms", samples),
    ]


def _by_signal(pk: int) -> float:
    """Save; return the milliseconds from the commit until the renewal was acknowledged."""
    before, committed = _token_of(pk), []
    with transaction.atomic(using="owner"):
        transaction.on_commit(lambda: committed.append(time.monotonic()), using="owner")  # before the renewal
        save(pk)
    ended = time.monotonic()
    assert _token_of(pk) != before
    return (ended - committed[0]) * 1000


def _by_relay(pk: int) -> float:
    """Write past the ORM at any moment of the relay's pause; return the milliseconds until the renewal was seen."""
    relayed()
    time.sleep(random.uniform(0, 0.04))
    before = _token_of(pk)
    with connections["owner"].cursor() as cursor:
        cursor.execute(RAW, [pk])
    committed = time.monotonic()
    return (_renewed(pk, before) - committed) * 1000


def _by_crash(pk: int, process: Process) -> float:
    """Let a writer die; return the milliseconds from his commit until the renewal was seen."""
    relayed()
    before = _token_of(pk)
    process.send(pk)
    seen = _renewed(pk, before)
    return float(seen - process.answer()) * 1000


def save(pk: int) -> None:
    """Save a character."""
    character = Character.objects.using("owner").get(pk=pk)
    character.description += "."
    character.save(update_fields=["description"])


def crasher() -> Callable[[int], float]:
    """Save in a child that is killed between its commit and the renewal; answer when it had committed."""
    return _crash


def _crash(pk: int) -> float:
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:  # nothing is connected here yet: it opens connections of its own
        _die_after_commit(pk, writing)
    os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading) as said:
        return float(said.read())


def _die_after_commit(pk: int, writing: int) -> None:
    def die() -> None:
        os.write(writing, str(time.monotonic()).encode())
        os.kill(os.getpid(), signal.SIGKILL)

    with transaction.atomic(using="owner"):
        transaction.on_commit(die, using="owner")
        save(pk)
