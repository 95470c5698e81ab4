"""Fifty readers who miss the same key at once, in one process and in four: how often it is loaded, how long the slowest waits."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from statistics import median
from typing import Any, NamedTuple

from django.core.cache import cache  # noqa: TID251  the control
from django.db import connection

from caching.queries import TOP_CHARACTERS
from tests.bench.process import Process
from tests.drills.report import Row

READERS, PROCESSES, ROUNDS = 50, 4, 10
SLOW = "SELECT pg_sleep(0.1), count(*) FROM crews"
AHEAD = 0.2  # seconds: when all begin, from now
POOL = ThreadPoolExecutor(READERS)


class Rush(NamedTuple):
    """What happened in one process: milliseconds of each load and of the slowest reader."""

    loads: list[float]
    slowest: float


def rows() -> list[Row]:
    """Rush ours in one process and in four, then Django's own get_or_set."""
    return [*_rows("one process", 1), *_rows(f"{PROCESSES} processes", PROCESSES), _control()]


def _rows(where: str, processes: int) -> list[Row]:
    rounds = _rounds("ours", processes)
    counts = [float(len(rush.loads)) for rush in rounds]
    ratios = [rush.slowest / max(rush.loads) for rush in rounds]
    took = median(max(rush.loads) for rush in rounds)
    return [
        Row(f"{READERS} misses at once, {where}: loads, most", max(counts), 1, "", counts),
        Row(f"the slowest of them / its load ({took:.0f} ms), {where}", median(ratios), 1.4, "x", ratios),
    ]


def _control() -> Row:
    counts = [float(len(rush.loads)) for rush in _rounds("plain", 1)]
    return Row(f"{READERS} misses at once, Django's get_or_set: loads (the control)", min(counts), 2, "", counts, at_least=True)


def _rounds(make: str, processes: int) -> list[Rush]:
    with ExitStack() as stack:
        crowd = [stack.enter_context(Process("stampede", make)) for _ in range(processes)]
        return [_rush(crowd) for _ in range(ROUNDS + 1)][1:]  # the first opens connections


def _rush(crowd: list[Process]) -> Rush:
    """Let all begin at one moment; put together what happened in each process."""
    begin = time.monotonic() + AHEAD  # one clock for all processes
    number = time.monotonic_ns()  # nobody has read that yet
    for place, process in enumerate(crowd):
        process.send(number, READERS * (place + 1) // len(crowd) - READERS * place // len(crowd), begin)
    parts = [Rush(*process.answer()) for process in crowd]
    return Rush([load for part in parts for load in part.loads], max(part.slowest for part in parts))


def ours() -> Callable[..., Rush]:
    """Rush a row of ours; its argument is a number that nobody has read yet."""
    loads: list[float] = []
    row = TOP_CHARACTERS._replace(name="STAMPEDE", load=lambda number: _load(loads))
    return lambda number, readers, begin: _readers(loads, lambda: row(number), readers, begin)


def plain() -> Callable[..., Rush]:
    """Rush Django's get_or_set."""
    loads: list[float] = []
    read = cache.get_or_set
    return lambda number, readers, begin: _readers(
        loads, lambda: read(f"stampede:{number}", lambda: _load(loads), 600), readers, begin
    )


def _load(loads: list[float]) -> int:
    """Query for about 100 ms, and note how many exactly."""
    started = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute(SLOW)
        count = cursor.fetchone()[1]
    loads.append((time.perf_counter() - started) * 1000)
    return int(count)


def _readers(loads: list[float], read: Callable[[], Any], readers: int, begin: float) -> Rush:
    """Read in so many threads at one moment, each over a connection that is open already, as a server's threads have."""
    loads.clear()
    times = list(POOL.map(lambda _: _read(read, begin), range(readers)))
    return Rush(loads[:], max(times))


def _read(read: Callable[[], Any], begin: float) -> float:
    """Return the milliseconds of one reader."""
    connection.ensure_connection()
    time.sleep(max(0, begin - time.monotonic()))
    started = time.perf_counter()
    read()
    return (time.perf_counter() - started) * 1000
