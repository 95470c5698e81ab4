"""One load of a missing key, in a process and across processes; the others wait, or get what was true a moment ago."""

import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.http import Http404

from caching import misses, queries, stats
from caching.flights import Flights
from caching.keys import any_of
from caching.service import CachedRead, CacheService, connection, place_of
from caching.standings import standings
from tests.factories import UserFactory
from trading.selectors import Leader

pytestmark = pytest.mark.django_db(transaction=True)
PK = 1


class NoFlights(Flights):
    """Threads that know nothing of each other, as processes do: what is left is the lease."""

    def join(self, key: Any) -> None:
        return None

    def land(self, key: Any, load: Callable[[], bytes]) -> bytes:
        return load()


class Loader:
    """A selector that can be held up, and counts."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.value = 1
        self.go = threading.Event()
        self.error: type[BaseException] | None = None

    def __call__(self, pk: int) -> int:
        value = self.value
        self.begun.append(value)
        assert self.go.wait(10)
        if self.error:
            raise self.error
        return value


@pytest.fixture
def loader() -> Loader:
    """Lend a loader that waits for `go`."""
    return Loader()


@pytest.fixture
def row(loader: Loader) -> CachedRead:
    """Lend a read of one character's events that loads by it."""
    return queries.CHARACTER_DATA._replace(name="HELD", load=loader, revive=int)


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the threads of this test be as strangers."""
    monkeypatch.setattr(misses, "_flights", NoFlights())


class Crowd:
    """Threads that read."""

    def __init__(self) -> None:
        self.got: list[Any] = []
        self.threads: list[threading.Thread] = []

    def sends(self, read: Callable[[], Any], count: int = 1) -> None:
        for _ in range(count):
            self.threads.append(threading.Thread(target=self._read, args=(read,)))
            self.threads[-1].start()

    def _read(self, read: Callable[[], Any]) -> None:
        try:
            self.got.append(read())
        except BaseException as error:
            self.got.append(type(error))

    def comes_home(self) -> list[Any]:
        for thread in self.threads:
            thread.join(10)
        return self.got


@pytest.fixture
def crowd(loader: Loader) -> Iterator[Crowd]:
    """Lend readers; none is left behind."""
    crowd = Crowd()
    yield crowd
    loader.go.set()
    crowd.comes_home()


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that comes by itself."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline


def test_processes_that_miss_at_once_make_one_load(row: CachedRead, loader: Loader, crowd: Crowd, processes: None) -> None:
    crowd.sends(lambda: row(PK), 20)
    until(lambda: bool(loader.begun))
    time.sleep(0.1)  # all of them look, and wait
    loader.go.set()
    assert crowd.comes_home() == [1] * 20
    assert loader.begun == [1]


@pytest.mark.parametrize("elsewhere", [False, True])
def test_who_waits_is_counted(
    row: CachedRead, loader: Loader, crowd: Crowd, elsewhere: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if elsewhere:
        monkeypatch.setattr(misses, "_flights", NoFlights())
    stats._counts.clear()
    crowd.sends(lambda: row(PK))
    until(lambda: bool(loader.begun))
    crowd.sends(lambda: row(PK), 3)
    until(lambda: stats.totals([row.name])[row.name].waits == 3)
    loader.go.set()
    crowd.comes_home()
    counts = stats.totals([row.name])[row.name]
    assert (counts.hits, counts.misses, counts.waits, counts.loads) == (0, 4, 3, 1)


def test_a_write_between_the_look_and_the_lease_makes_nobody_wait(
    row: CachedRead, loader: Loader, monkeypatch: pytest.MonkeyPatch
) -> None:
    loader.go.set()
    claim, leases = misses.Miss._claim, list[str]()

    def written_meanwhile(self: misses.Miss, lease: str) -> Any:
        leases.append(lease)
        if len(leases) == 1:
            CacheService.renew([f"character {PK}"])
        return claim(self, lease)

    monkeypatch.setattr(misses.Miss, "_claim", written_meanwhile)
    assert row(PK) == 1
    assert len(set(leases)) == len(leases) == 2  # another lease, under the tokens that stand now
    assert row(PK) == 1
    assert loader.begun == [1]


def test_prices_that_move_while_the_leaderboard_is_counted_do_not_make_it_count_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nami, counts = UserFactory(username="nami"), list[int]()

    def leaders(limit: int | None) -> list[Leader]:
        counts.append(1)
        if len(counts) < 5:
            CacheService.renew([any_of("character")])
        return [Leader(1, nami.pk, "nami", Decimal(100_000))]

    monkeypatch.setattr("trading.selectors.leaders", leaders)
    assert [line.username for line in standings(10).leaders] == ["nami"]
    assert counts == [1]


def test_a_process_that_dies_while_it_loads_blocks_the_others_for_its_lease(
    row: CachedRead, loader: Loader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(misses, "LEASE", 0.4)
    loader.go.set()
    tokens = misses.complete(connection(), place_of(row, (PK,)).tokens, [None] * 3)
    connection().set(f"{place_of(row, (PK,)).key}:lease:{b''.join(tokens).hex()}", b"", px=400)  # his, and nobody lets go of it
    started = time.monotonic()
    assert row(PK) == 1
    assert 0.3 < time.monotonic() - started < 2
    assert row(PK) == 1
    assert loader.begun == [1]


def test_a_lease_that_never_ends_blocks_nobody_for_ever(row: CachedRead, loader: Loader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(misses, "LEASE", 0.2)
    loader.go.set()
    tokens = misses.complete(connection(), place_of(row, (PK,)).tokens, [None] * 3)
    lease = f"{place_of(row, (PK,)).key}:lease:{b''.join(tokens).hex()}"
    connection().set(lease, b"", px=20_000)
    started = time.monotonic()
    assert row(PK) == 1
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("error", [ValueError, Http404, SystemExit])
def test_a_load_that_fails_fails_for_all_who_wait_and_blocks_nobody(
    row: CachedRead, loader: Loader, crowd: Crowd, error: type[BaseException]
) -> None:
    loader.error = error
    crowd.sends(lambda: row(PK))
    until(lambda: bool(loader.begun))
    crowd.sends(lambda: row(PK), 3)
    time.sleep(0.05)
    loader.go.set()
    got = crowd.comes_home()
    assert set(got) == {error}
    assert len(loader.begun) == (4 if error is SystemExit else 1)  # who waited for a thread that is ended loads for himself
    assert connection().keys("*:lease:*") == []
    loader.error = None
    if error is not Http404:  # that he is not there is an answer, and kept
        assert row(PK) == 1


def written_since(row: CachedRead, loader: Loader, crowd: Crowd, writes: int = 1) -> None:
    """Have 1 stored, then written over, and somebody who is loading 2."""
    loader.go.set()
    row(PK)
    loader.go.clear()
    loader.value = 2
    for _ in range(writes):
        CacheService.renew([f"character {PK}"])
    crowd.sends(lambda: row(PK))
    until(lambda: len(loader.begun) == 2)


@pytest.mark.parametrize("elsewhere", [False, True])
def test_who_may_see_what_was_true_a_moment_ago_does_not_wait(
    row: CachedRead, loader: Loader, crowd: Crowd, elsewhere: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if elsewhere:
        monkeypatch.setattr(misses, "_flights", NoFlights())
    written_since(row, loader, crowd)
    assert row(PK, may_be_old=True) == 1
    loader.go.set()
    assert crowd.comes_home() == [2]
    assert row(PK, may_be_old=True) == 2


def test_what_was_true_too_long_ago_is_nobodys(
    row: CachedRead, loader: Loader, crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(misses, "OLD_MS", 50)
    written_since(row, loader, crowd)
    time.sleep(0.1)
    crowd.sends(lambda: row(PK, may_be_old=True))
    time.sleep(0.05)
    assert crowd.got == []
    loader.go.set()
    assert crowd.comes_home() == [2, 2]


def test_what_was_true_two_writes_ago_is_nobodys(row: CachedRead, loader: Loader, crowd: Crowd) -> None:
    written_since(row, loader, crowd, writes=2)
    crowd.sends(lambda: row(PK, may_be_old=True))
    time.sleep(0.05)
    assert crowd.got == []
    loader.go.set()
    assert crowd.comes_home() == [2, 2]


def test_who_comes_after_a_write_does_not_join_the_load_from_before_it(row: CachedRead, loader: Loader, crowd: Crowd) -> None:
    crowd.sends(lambda: row(PK))
    until(lambda: loader.begun == [1])
    loader.value = 2
    CacheService.renew([f"character {PK}"])
    crowd.sends(lambda: row(PK))
    time.sleep(0.3)  # he is waiting, for his own load or for the one from before
    loader.go.set()
    assert sorted(crowd.comes_home()) == [1, 2]
    assert row(PK) == 2


def test_who_wants_it_fresh_is_not_given_what_somebody_else_was_content_with(
    row: CachedRead, loader: Loader, crowd: Crowd
) -> None:
    """Another process loads; here one who is content with the old value asks, then one who is not."""
    loader.go.set()
    row(PK)
    loader.value = 2
    CacheService.renew([f"character {PK}"])
    redis, place = connection(), place_of(row, (PK,))
    tokens = misses.complete(redis, place.tokens, redis.mget(place.tokens))
    lease = f"{place.key}:lease:{b''.join(tokens).hex()}"
    redis.set(lease, b"", px=60_000)
    claim, claimed = misses.Miss._claim, threading.Event()

    def slowly(self: misses.Miss, lease: str) -> Any:
        if self.may_be_old:
            assert claimed.wait(10)
        return claim(self, lease)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(misses.Miss, "_claim", slowly)
        crowd.sends(lambda: ("old", row(PK, may_be_old=True)))
        time.sleep(0.05)
        crowd.sends(lambda: ("fresh", row(PK)))
        time.sleep(0.05)
        claimed.set()
        until(lambda: len(crowd.got) == 1)
        redis.delete(lease)  # the other process died
        assert sorted(crowd.comes_home()) == [("fresh", 2), ("old", 1)]
