"""What a tick publishes is shown at once, by signals or by the relay alone, and is in the cache before anybody asks."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from redis import ConnectionError as RedisConnectionError

from caching import queries, warming
from caching import relay as relaying
from caching.models import Outbox
from caching.prices import prices
from caching.relay import relay, settle
from caching.service import CacheService
from caching.standings import standings
from caching.warming import warm
from characters.models import Character
from tests.clients import connect
from tests.factories import CharacterFactory, UserFactory
from tests.market import rule
from tests.money import trade_by_sql
from tests.test_audit import in_a_thread, run
from trading import ticking
from trading.ticking import tick

pytestmark = pytest.mark.django_db(transaction=True)
Shown = Callable[[Character], str]
BEFORE, AFTER = "100.00", "101.82"
SHOWN: dict[str, Shown] = {
    "a cached row": lambda character: str(queries.QUOTE(character.pk).price),
    "the price board": lambda character: str(prices([character.pk])[character.pk]),
    "the board": lambda _: prices_in(Client().get("/").text),
    "a quote page": lambda character: prices_in(Client().get(character.get_absolute_url()).text),
}


def prices_in(page: str) -> str:
    """Return which of the two prices a page names."""
    (found,) = set(re.findall(rf"\b(?:{BEFORE}|{AFTER})\b", page))
    return str(found)


@pytest.fixture
def luffy(transactional_db: None) -> Character:
    """Somebody at 100.00 whose price the next tick moves, and whose pages are cached."""
    character, user = CharacterFactory(name="Luffy"), UserFactory()
    assert trade_by_sql(user.pk, user.pk, character.pk, "buy", 50)["success"]
    while relay():
        pass
    assert {shown(character) for shown in SHOWN.values()} == {BEFORE}
    return character


def asked(work: Callable[[], object]) -> int:
    """Return how many queries the site asks meanwhile."""
    with CaptureQueriesContext(connections["default"]) as found:
        work()
    return len(found)


# --- the window of a tick


def test_everything_cached_shows_the_new_price_as_soon_as_the_tick_has_ended(luffy: Character) -> None:
    assert tick()
    assert {shown(luffy) for shown in SHOWN.values()} == {AFTER}


def test_without_signals_the_relay_alone_tells_of_it(luffy: Character, monkeypatch: pytest.MonkeyPatch) -> None:
    """And without both nobody does: the control."""
    monkeypatch.setattr(CacheService, "renew", lambda events: False)
    assert tick()
    assert {shown(luffy) for shown in SHOWN.values()} == {BEFORE}
    assert relay()
    assert {shown(luffy) for shown in SHOWN.values()} == {AFTER}


def test_a_tick_by_sql_is_told_of_by_the_relay(luffy: Character) -> None:
    rule("SELECT tick_market()::text")
    assert {shown(luffy) for shown in SHOWN.values()} == {BEFORE}
    assert relay()
    assert {shown(luffy) for shown in SHOWN.values()} == {AFTER}


def test_a_tick_that_is_rolled_back_tells_nobody(luffy: Character, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []
    monkeypatch.setattr(CacheService, "renew", heard.extend)
    monkeypatch.setattr(ticking, "Tick", lambda **_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        tick()
    assert (heard, relay()) == ([], [])
    monkeypatch.undo()
    monkeypatch.setattr(CacheService, "renew", heard.extend)
    assert tick()  # the control
    assert f"character {luffy.pk}" in heard


# --- warm_cache


@pytest.fixture
def crowd(transactional_db: None) -> list[Character]:
    """150 characters that the next tick moves: more than anybody names one by one."""
    user = UserFactory()
    characters: list[Character] = CharacterFactory.create_batch(150)
    for character in characters:
        assert trade_by_sql(user.pk, user.pk, character.pk, "buy", 5)["success"]
    while relay():
        pass
    return characters


def test_after_a_tick_prices_and_leaderboard_come_from_the_cache(crowd: list[Character]) -> None:
    ids = [character.pk for character in crowd]
    assert len(tick().moved) == 150  # type: ignore[union-attr]
    while relay():
        pass
    assert asked(lambda: prices(ids[:100])) == 1  # the control: what the relay told of a moment later made it stale
    assert tick()
    trade_again(crowd)
    assert len(tick().moved) == 150  # type: ignore[union-attr]
    assert sorted(warm()) == ids
    assert Outbox.objects.using("owner").count() == 0
    assert asked(lambda: [prices(ids[:100]), prices(ids[100:]), standings(10)]) == 0
    assert prices(ids[:1]) == {ids[0]: Character.objects.get(pk=ids[0]).current_price}


def trade_again(characters: list[Character]) -> None:
    """Let the one who holds them buy one more share of each."""
    [(user_id,)] = rule("SELECT id FROM users")
    for character in characters:
        assert trade_by_sql(user_id, user_id, character.pk, "buy", 1)["success"]


def test_the_leaderboard_is_counted_anew_with_what_everybody_is_worth_now(luffy: Character) -> None:
    before = standings(1).leaders[0].worth
    assert tick()
    warm()
    again: list[Decimal] = []
    assert asked(lambda: again.append(standings(1).leaders[0].worth)) == 0
    assert again[0] > before
    trade_by_sql(1, 1, luffy.pk, "buy", 50)  # costs a fee and makes nothing stale
    assert standings(1).leaders[0].worth == again[0]
    warm()
    assert standings(1).leaders[0].worth < again[0]


def test_it_waits_for_what_another_relay_is_telling(luffy: Character, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tick()
    order: list[str] = []
    monkeypatch.setattr(warming, "write_through", lambda _: order.append("stored"))
    with connect("owner") as other, ThreadPoolExecutor(1) as pool:
        with other.transaction():
            assert other.execute("SELECT id FROM cache_outbox FOR UPDATE").fetchall()
            other.execute("DELETE FROM cache_outbox")
            work = pool.submit(in_a_thread, warm)
            order.append("told")
        assert work.result(10) == [luffy.pk]
    assert order == ["told", "stored"]


def test_it_does_not_wait_for_ever(luffy: Character, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relaying, "PATIENCE", 0.1)
    assert settle() is True
    assert tick()
    with connect("owner") as other, other.transaction():
        other.execute("SELECT id FROM cache_outbox FOR UPDATE")
        assert settle() is False
    assert settle() is True


def test_before_the_first_tick_there_is_nothing_to_store(transactional_db: None) -> None:
    assert run("warm_cache") == ["0 prices and the leaderboard are cached"]


def test_without_a_cache_it_says_so(luffy: Character, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> None:
        raise RedisConnectionError("gone")

    monkeypatch.setattr(warming, "recount", gone)
    with pytest.raises(CommandError, match="The cache does not answer"):
        call_command("warm_cache")


# --- tick_market


def test_the_command_prints_what_moved(luffy: Character) -> None:
    CharacterFactory(name="Quiet")
    assert run("tick_market") == [
        "Luffy: ฿101.82",
        "Tick: 1 changes of votes, 0 news of bounties, 1 prices moved, 0 characters cool down",
    ]
    assert run("tick_market") == ["Tick: 0 changes of votes, 0 news of bounties, 0 prices moved, 0 characters cool down"]


def test_a_long_list_is_cut(crowd: list[Character]) -> None:
    lines = run("tick_market")
    assert (len(lines), lines[50]) == (52, "and 100 more")


def test_a_second_tick_at_the_same_moment_says_that_another_runs(luffy: Character) -> None:
    with connect("owner") as other:
        with other.transaction(force_rollback=True):
            other.execute("SELECT tick_market()")
            assert run("tick_market") == ["Another tick runs at this moment: nothing to do."]
        assert run("tick_market")[0] == "Luffy: ฿101.82"  # of the first nothing is left
