"""The sorted set says what the SQL function leaderboard says; it is counted once, and anew when it must."""

import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings
from django.db import connections, transaction
from django.test.utils import CaptureQueriesContext

from caching import standings as module
from caching import stats
from caching.service import connection
from caching.standings import NAME, TTL, standings
from characters.models import BountyEvent, Character
from tests.clients import in_threads
from tests.factories import CharacterFactory, UserFactory
from tests.market import tick
from tests.money import trade_by_sql
from tests.test_cache_down import until
from tests.valkey import Valkey
from trading import selectors
from trading.closing import close
from trading.models import User
from trading.selectors import Leader

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not settings.EMBEDDED_VALKEY, reason="starts the embedded Valkey's program"),
]
WORTHS = (7, 5, 9, 5, 5, 1, 9, 5, 3, 5, 0, 5)  # many are worth the same, as all new accounts are


@pytest.fixture
def zoro() -> Character:
    """Lend a character at 100.00."""
    return CharacterFactory(name="Zoro")


@pytest.fixture
def traders(valkey: Valkey) -> list[User]:
    """Lend traders of these worths, in millions of berries. Each third is simulated."""
    traders: list[User] = UserFactory.create_batch(len(WORTHS))
    for trader in traders[::3]:
        trader.is_simulated = True
        trader.save()
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        cursor.execute("SET LOCAL ROLE market_system")  # as a bug in a definer function could
        for trader, worth in zip(traders, WORTHS, strict=True):
            cursor.execute("UPDATE accounts SET balance = %s WHERE user_id = %s", [worth * 10**6 + Decimal("0.01"), trader.pk])
    return traders


def buy(trader: User, character: Character, quantity: int = 100) -> None:
    """Buy at any price."""
    assert trade_by_sql(trader.pk, trader.pk, character.pk, "buy", quantity)["success"]


def line_of(trader: User) -> Leader:
    """Return the trader's line in PostgreSQL."""
    (line,) = (line for line in selectors.leaders(None) if line.user_id == trader.pk)
    return line


def loads() -> int:
    """Return how often the set was counted."""
    return stats.totals([NAME])[NAME].loads


@pytest.fixture(autouse=True)
def _from_zero() -> None:
    stats._counts.clear()


# --- what it says


@pytest.mark.parametrize("limit", range(1, len(WORTHS) + 3))
def test_it_says_what_postgresql_says_wherever_it_is_cut(traders: list[User], limit: int) -> None:
    expected = selectors.leaders(limit)
    for _ in range(2):
        assert standings(limit).leaders == expected


@pytest.mark.parametrize("limit", [1, 4, 8, 20])
def test_everybody_finds_his_own_line_within_and_below_the_limit(traders: list[User], limit: int) -> None:
    for trader in traders:
        found = standings(limit, line_of(trader)._replace(rank=0))
        assert found == (selectors.leaders(limit), line_of(trader))


@pytest.mark.parametrize("worth", ["0.00", "5000000.00", "5000000.01", "5000000.02", "9000000.01", "20000000.00"])
def test_my_rank_is_that_of_what_i_am_worth_now(traders: list[User], worth: str) -> None:
    standings(3)
    for trader in traders:
        me = Leader(0, trader.pk, trader.username, Decimal(worth), trader.is_simulated)
        expected = selectors.rank_of(me.worth, me.user_id)
        assert standings(3, me).me == me._replace(rank=expected)
        assert standings(20, me).me == me._replace(rank=expected)


def test_worths_are_exact_to_a_hundredth_of_a_berry(traders: list[User]) -> None:
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        cursor.execute("SET LOCAL ROLE market_system")
        cursor.execute("UPDATE accounts SET balance = 80000000000000.01 + mod(user_id, 2) * 0.01")
    assert standings(20).leaders == selectors.leaders(20)


def test_the_cache_tells_who_is_simulated(traders: list[User]) -> None:
    for _ in range(2):
        assert [standings(20, line_of(trader)).me.is_simulated for trader in traders] == [True, False, False] * 4
        assert sum(leader.is_simulated for leader in standings(20).leaders) == 4


# --- when it is counted


def test_an_empty_leaderboard_is_not_counted_at_each_read(valkey: Valkey) -> None:
    assert [standings(5) for _ in range(3)] == [([], None)] * 3
    assert loads() == 1


def test_threads_that_miss_at_once_count_once(traders: list[User], valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> None:
    expected, go = selectors.leaders(5), threading.Event()
    count = selectors.leaders

    def held(limit: int | None) -> list[Leader]:
        assert go.wait(10)
        return count(limit)

    def ask(_: int) -> list[Leader]:
        try:
            return standings(5).leaders
        finally:
            connections.close_all()

    def look() -> None:
        """Let go of who counts once everybody has looked twice."""
        until(lambda: valkey.client(1).info("commandstats").get("cmdstat_zcount", {"calls": 0})["calls"] >= 24)
        go.set()

    monkeypatch.setattr(selectors, "leaders", held)
    watcher = threading.Thread(target=look)
    watcher.start()
    assert in_threads(ask, list(range(8))) == [expected] * 8
    watcher.join()
    assert loads() == 1


def test_who_looked_before_it_was_there_and_asks_for_the_lease_after_does_not_count_again(
    traders: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = module._claim

    def late(*args: Any) -> bool:
        monkeypatch.setattr(module, "_claim", claim)
        standings(5)
        return claim(*args)

    monkeypatch.setattr(module, "_claim", late)
    assert standings(5).leaders == selectors.leaders(5)
    assert loads() == 1
    assert connection().keys("*:lease") == []


def test_a_set_that_is_evicted_as_soon_as_it_is_counted_is_counted_once(
    traders: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    build = module._build

    def lost(redis: Any, key: str) -> None:
        build(redis, key)
        redis.delete(key)

    monkeypatch.setattr(module, "_build", lost)
    assert standings(5).leaders == selectors.leaders(5)
    assert loads() == 1


# --- what is seen at once, and what within seconds


def worth_of(trader: User) -> Decimal:
    """Return what a trader is worth on the leaderboard."""
    return next(line.worth for line in standings(100).leaders if line.user_id == trader.pk)


def test_a_moved_price_is_seen_at_once(traders: list[User], zoro: Character) -> None:
    buy(traders[0], zoro)
    before = worth_of(traders[0])
    BountyEvent.objects.create(character=zoro, amount=40_000_000, chapter=1)
    tick()
    assert worth_of(traders[0]) == line_of(traders[0]).worth > before


def test_a_new_trader_and_a_new_name_are_seen_at_once(traders: list[User]) -> None:
    standings(100)
    nami = User.objects.create(username="nami")
    assert standings(100).leaders == selectors.leaders(None)
    nami.username = "namizo"
    nami.save()
    assert "namizo" in {line.username for line in standings(100).leaders}


def test_the_name_of_a_closed_account_is_gone_at_once(traders: list[User]) -> None:
    assert traders[2].username in {line.username for line in standings(100).leaders}
    close(traders[2])
    assert standings(100).leaders == selectors.leaders(None)
    assert traders[2].pk not in {line.user_id for line in standings(100).leaders}


def test_others_see_a_trade_when_the_set_has_lived_its_seconds(traders: list[User], zoro: Character) -> None:
    before = worth_of(traders[0])
    buy(traders[0], zoro)
    assert worth_of(traders[0]) == before
    (key,) = list[bytes](connection().keys(f"*:{NAME}:*"))
    assert 0 < connection().pttl(key) <= TTL * 1000
    connection().pexpire(key, 1)
    until(lambda: not connection().exists(key))
    assert worth_of(traders[0]) == line_of(traders[0]).worth < before


# --- without the cache


@pytest.mark.parametrize("away", [Valkey.kill, Valkey.hang])
def test_without_the_cache_postgresql_says_the_same(traders: list[User], valkey: Valkey, away: Callable[[Valkey], None]) -> None:
    asked: list[tuple[int, Leader | None]] = [(limit, me) for limit in (1, 4, 20) for me in (None, *map(line_of, traders))]
    expected = [standings(*one) for one in asked]
    away(valkey)
    assert [standings(*one) for one in asked] == expected


def test_within_a_transaction_nothing_is_counted_into_the_set(traders: list[User]) -> None:
    with transaction.atomic():
        UserFactory(username="nami")
        assert "nami" in {line.username for line in standings(100).leaders}
        transaction.set_rollback(True)
    assert loads() == 0


def test_a_hit_asks_postgresql_nothing(traders: list[User]) -> None:
    me = line_of(traders[5])
    standings(5, me)
    with CaptureQueriesContext(connections["default"]) as asked:
        standings(5, me)
    assert len(asked) == 0


def test_a_set_of_many_is_made_in_steps_and_nothing_of_them_is_left(traders: list[User], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 2)
    assert standings(100).leaders == selectors.leaders(None)
    (key,) = connection().keys(f"*:{NAME}:*")
    assert connection().zcard(key) == len(WORTHS) + 1


def test_a_set_that_is_evicted_in_part_while_it_is_made_is_shown_to_nobody(
    traders: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    def evicting(items: Any, size: int) -> Any:
        some = list(items)
        yield some[:5]
        connection().delete(*connection().keys(f"*:{NAME}:*:????????????????"))  # what is being made, not its lease
        yield some[5:]

    monkeypatch.setattr(module, "batched", evicting)
    assert standings(100).leaders == selectors.leaders(None)


@pytest.mark.parametrize(("odd", "score"), [("odd", 7), ("12::name", float("inf")), ("x:y", 7), ("12:odd:name", 7)])
def test_odd_members_are_no_traders(traders: list[User], odd: str, score: float) -> None:
    standings(100)
    (key,) = connection().keys(f"*:{NAME}:*")
    connection().zadd(key, {odd: score})
    assert standings(100).leaders == selectors.leaders(None)
