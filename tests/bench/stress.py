"""Writers, readers and a worker that is killed meanwhile: how many reads were stale. The module's cache in the same loop."""

import random
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any, NamedTuple

from django.core.cache import cache  # noqa: TID251  the module's scheme
from django.db import connections

from caching.client import BREAKER
from caching.queries import CHARACTER_DATA
from caching.service import connection, place_of
from characters.models import Character
from characters.selectors import character_data
from tests.bench.windows import relayed
from tests.bench.worker import Worker
from tests.drills.report import Row
from tests.module_cache import ModuleCache, invalidating_on_save

ROUNDS, READERS = 400, 8
KILL = 19  # rounds between two kills: odd, so that both kinds of writes meet them
PAUSE = 0.005  # seconds at most between a reader's query and his store
RAW = "UPDATE characters SET name = %s WHERE id = %s"


class Stale(NamedTuple):
    """Reads that got an older value than the one whose renewal had ended when they began."""

    after_saves: int
    after_raw: int
    racing: int  # began before this round's write, and got less than the round before had promised
    reads: int
    killed: int


class Ours:
    """CacheService."""

    invalidating = nullcontext

    def read(self, pk: int) -> Any:
        """Return the data of a character."""
        return CHARACTER_DATA._replace(load=_slowly)(pk)

    def expire(self, pk: int) -> None:
        """Forget the value, as its TTL would."""
        connection().delete(place_of(CHARACTER_DATA, (pk,)).key)


class Module:
    """The module's cache, invalidated as the module does: when an object is saved."""

    invalidating = staticmethod(invalidating_on_save)

    def read(self, pk: int) -> Any:
        """Return the data of a character."""
        return ModuleCache.cache_character_data(pk, _slowly)

    def expire(self, pk: int) -> None:
        """Forget the value, as its TTL would."""
        cache.delete(ModuleCache.get_cache_key("character", pk))


def rows() -> list[Row]:
    """Run ours, then the control."""
    ours, module = _run(Ours()), _run(Module())
    what = f"{ROUNDS} rounds, {ours.reads} reads, worker killed {ours.killed} times"
    late = ours.after_saves + ours.after_raw
    return [
        Row(f"stale reads after the renewal ({what})", late, 0, "", []),
        Row("stale reads that began before the next write and raced with it", ours.racing, 0, "", []),
        Row("the module's cache in the same loop, stale after saves (the control)", module.after_saves, 1, "", [], at_least=True),
        Row("the module's cache, stale after raw SQL (the control)", module.after_raw, 1, "", [], at_least=True),
    ]


def _run(scheme: Ours | Module) -> Stale:
    """Write by save and by raw SQL in turn; in half of the rounds the value has just expired."""
    pk = Character.objects.latest("id").pk
    late, racing = [0, 0], 0
    _write(pk, 0)
    scheme.expire(pk)
    with ThreadPoolExecutor(2 * READERS) as pool, scheme.invalidating(), Worker() as worker:
        for number in range(1, ROUNDS + 1):
            restart = worker.kill_soon() if number % KILL == 0 else None
            if number % 4 < 2:
                scheme.expire(pk)
            early = [pool.submit(_is_stale, scheme, pk, number - 1) for _ in range(READERS)]
            time.sleep(random.uniform(0, PAUSE))
            _write(pk, number)
            late[number % 2] += _count([pool.submit(_is_stale, scheme, pk, number) for _ in range(READERS)])
            racing += _count(early)
            if restart:
                restart.join()
    return Stale(late[0], late[1], racing, 2 * READERS * ROUNDS, worker.killed)


def _write(pk: int, number: int) -> None:
    """Commit a new name and wait until its renewal has ended: a save's with the save, if the cache heard it; else the relay's."""
    opened, name = BREAKER.opened, f"Stress {number}"
    if number % 2 == 0:
        Character(pk=pk, name=name).save(using="owner", update_fields=["name"])
    else:
        with connections["owner"].cursor() as cursor:
            cursor.execute(RAW, [name, pk])
    if number % 2 or BREAKER.is_open or BREAKER.opened > opened:
        relayed()


def _is_stale(scheme: Ours | Module, pk: int, promised: int) -> bool:
    return int(scheme.read(pk)["name"].split()[1]) < promised


def _count(reads: list["Future[bool]"]) -> int:
    return sum(read.result() for read in reads)


def _slowly(pk: int) -> dict[str, Any]:
    """Load, and be held up before the value is stored: the race that deleting keys loses."""
    data = character_data(pk)
    time.sleep(random.uniform(0, PAUSE))
    return data
