"""News of a bounty: trade stops when it is told, a tick applies it in one step, and nothing that races with it is lost."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connections, transaction
from django.utils import timezone

from characters.models import BountyEvent, Character, Listing
from tests.clients import connect, waits_then
from tests.factories import CharacterFactory, UserFactory
from tests.market import rule, tick, vote_mismatches
from tests.money import trade_by_sql

pytestmark = pytest.mark.django_db(transaction=True)

ANNOUNCE = "INSERT INTO bounty_events (character_id, amount) VALUES (%s, 16000000)"
WITHDRAW = "SELECT withdraw_bounty(%s)"


@pytest.fixture
def luffy() -> Character:
    """A character with a bounty of 4,000,000, at 100.00."""
    return CharacterFactory()


def tell(character: Character, amount: int | None, **fields: Any) -> BountyEvent:
    """Announce a bounty, as the site does."""
    return BountyEvent.objects.create(character=character, amount=amount, **fields)


def buy(character: Character, quantity: int = 50) -> str:
    """Let somebody new buy; return the answer's code."""
    user = UserFactory()
    code: str = trade_by_sql(user.pk, user.pk, character.pk, "buy", quantity)["code"]
    return code


def bounty(character: Character) -> int | None:
    """Return the bounty that pages show."""
    return Character.objects.get(pk=character.pk).bounty


def withdraw(event: BountyEvent) -> bool:
    """Take news back; return whether it was there."""
    [(was_there,)] = rule(WITHDRAW, event.pk)
    return bool(was_there)


# --- announcing


def test_news_of_later_stops_trade_until_then(luffy: Character) -> None:
    now = timezone.now()
    tell(luffy, 9_000_000)
    tell(luffy, 16_000_000, effective_at=now + timedelta(hours=1))
    assert tick(now + timedelta(seconds=9))["news"] == 1
    assert (bounty(luffy), buy(luffy)) == (9_000_000, "not_tradeable")
    assert BountyEvent.objects.get(amount=16_000_000).applied_at is None
    assert tick(now + timedelta(hours=1, seconds=9))["news"] == 1
    assert (bounty(luffy), buy(luffy)) == (16_000_000, "ok")


def test_the_site_cannot_say_that_news_was_applied_or_withdrawn(luffy: Character) -> None:
    event = tell(luffy, 16_000_000, applied_at=timezone.now(), withdrawn_at=timezone.now())
    event.refresh_from_db()
    assert (event.applied_at, event.withdrawn_at, buy(luffy)) == (None, None, "not_tradeable")


def test_news_that_changes_nothing_stops_nothing(luffy: Character) -> None:
    event = tell(luffy, 4_000_000)
    event.refresh_from_db()
    assert (event.applied_at is not None, buy(luffy)) == (True, "ok")


def test_news_that_changes_nothing_waits_with_news_that_does(luffy: Character) -> None:
    waiting = tell(luffy, 16_000_000)
    same = tell(luffy, 4_000_000)
    same.refresh_from_db()
    assert same.applied_at is None
    assert (buy(luffy), withdraw(waiting)) == ("not_tradeable", True)
    same.refresh_from_db()
    assert (same.applied_at is not None, buy(luffy), bounty(luffy)) == (True, "ok", 4_000_000)


def test_a_bounty_told_while_its_character_is_listed_is_part_of_the_listing() -> None:
    with transaction.atomic():
        luffy = CharacterFactory(bounty=None)
        tell(luffy, 4_000_000)
    luffy.refresh_from_db()
    assert (luffy.bounty, luffy.current_price, luffy.listing.listed_price, luffy.listing.full_vote) == (4_000_000, 100, 100, 50)
    assert buy(luffy) == "ok"


def test_news_from_a_transaction_older_than_the_listing_stops_trade_too() -> None:
    """It was not made with the listing: others may hold shares already."""
    with connect() as early, early.transaction():
        early.execute("SELECT now()")
        nami = CharacterFactory(bounty=None)
        assert buy(nami) == "ok"
        early.execute(ANNOUNCE, [nami.pk])
    nami.refresh_from_db()
    assert (nami.current_price, buy(nami), vote_mismatches()) == (25, "not_tradeable", [])
    tick()
    assert (bounty(nami), Listing.objects.get().full_vote) == (16_000_000, 200)


# --- applying


def test_a_value_that_staff_set_stands_when_news_changes_nothing(luffy: Character) -> None:
    Listing.objects.using("owner").update(fundamental=150)
    tell(luffy, 16_000_000)
    tell(luffy, 4_000_000)
    tick()
    luffy.refresh_from_db()
    assert (luffy.bounty, luffy.current_price, luffy.listing.fundamental) == (4_000_000, 150, 150)


def test_a_bounty_that_moves_no_price_is_shown() -> None:
    usopp = CharacterFactory(bounty=0)
    tell(usopp, 100)
    assert tick()["moved"] == []
    assert bounty(usopp) == 100


def test_a_tick_does_not_apply_what_was_withdrawn(luffy: Character) -> None:
    gone = tell(luffy, 16_000_000)
    tell(luffy, 9_000_000)
    assert withdraw(gone)
    assert tick()["news"] == 1
    gone.refresh_from_db()
    assert (gone.applied_at, bounty(luffy)) == (None, 9_000_000)


# --- withdrawing


def test_news_is_withdrawn_once(luffy: Character) -> None:
    event = tell(luffy, 16_000_000)
    assert [withdraw(event), withdraw(event)] == [True, False]
    assert rule(WITHDRAW, 0) == [(False,)]


def test_withdrawing_what_was_applied_stops_trade_until_a_tick_went_back(luffy: Character) -> None:
    event = tell(luffy, 16_000_000)
    tick()
    assert withdraw(event)
    assert (bounty(luffy), buy(luffy)) == (16_000_000, "not_tradeable")
    tick()
    assert (bounty(luffy), buy(luffy)) == (4_000_000, "ok")


def test_withdrawing_one_of_two_leaves_the_other_waiting(luffy: Character) -> None:
    first, _ = tell(luffy, 9_000_000), tell(luffy, 16_000_000)
    assert withdraw(first)
    assert buy(luffy) == "not_tradeable"
    tick()
    assert bounty(luffy) == 16_000_000


def test_withdrawing_later_news_does_not_open_what_waits_for_an_earlier_withdrawal(luffy: Character) -> None:
    applied = tell(luffy, 16_000_000)
    tick()
    withdraw(applied)
    withdraw(tell(luffy, 9_000_000))
    assert buy(luffy) == "not_tradeable"
    tick()
    assert (bounty(luffy), buy(luffy)) == (4_000_000, "ok")


# --- races with a tick


def test_a_tick_waits_for_news_under_way_and_applies_it(luffy: Character) -> None:
    buy(luffy)
    answer, waited = waits_then(lambda one: one.execute(ANNOUNCE, [luffy.pk]), tick)
    assert (answer.result()["news"], waited) == (1, True)
    assert (bounty(luffy), buy(luffy)) == (16_000_000, "ok")


def test_without_the_lock_on_its_row_a_tick_would_forget_news_under_way(luffy: Character, broken: Callable[..., None]) -> None:
    """Negative control: trade is open again, and nobody applies it."""
    broken("tick_market_at", "    PERFORM FROM characters WHERE id = ANY (v_concerned) ORDER BY id FOR NO KEY UPDATE;\n", "")
    buy(luffy)
    waits_then(lambda one: one.execute(ANNOUNCE, [luffy.pk]), tick)
    tick()
    assert (bounty(luffy), buy(luffy)) == (4_000_000, "ok")


def test_news_waits_for_a_tick_under_way_and_is_applied_by_the_next(luffy: Character) -> None:
    buy(luffy)
    _, waited = waits_then(lambda one: one.execute("SELECT tick_market()"), lambda: tell(luffy, 16_000_000), "owner")
    assert (waited, bounty(luffy), buy(luffy)) == (True, 4_000_000, "not_tradeable")
    assert (tick()["news"], bounty(luffy)) == (1, 16_000_000)


def test_a_withdrawal_waits_for_a_tick_under_way_and_stops_nothing_that_it_settled(luffy: Character) -> None:
    old = tell(luffy, 9_000_000)
    tick()
    tell(luffy, 16_000_000)
    answer, waited = waits_then(lambda one: one.execute("SELECT tick_market()"), lambda: withdraw(old), "owner")
    assert (answer.result(), waited) == (True, True)
    assert (bounty(luffy), buy(luffy)) == (16_000_000, "ok")


def test_a_file_locks_its_characters_in_the_order_in_which_a_tick_does(tmp_path: Path) -> None:
    """Else each could hold a row that the other waits for. By name, the second of these two would come first."""
    first, second = CharacterFactory(name="Zoro"), CharacterFactory(name="Ace")
    file = tmp_path / "sheet.csv"
    file.write_text("name,description,epithet\nZoro,A swordsman.,Pirate Hunter\nAce,A brother.,Fire Fist\n", encoding="utf-8")
    lock = "SELECT FROM characters WHERE id = %s FOR NO KEY UPDATE"

    def load() -> None:
        try:
            call_command("load_characters", file, stdout=StringIO())
        finally:
            connections.close_all()

    with connect("owner") as one, connect("owner") as other, ThreadPoolExecutor(1) as pool:
        with one.transaction():
            one.execute(lock, [first.pk])
            loading = pool.submit(load)
            while not loading.done() and not rule(
                f"SELECT 1 FROM pg_locks WHERE {one.info.backend_pid} = ANY (pg_blocking_pids(pid))"
            ):
                pass
            other.execute(f"{lock} NOWAIT", [second.pk])
        loading.result(30)
    assert Character.objects.get(name="Ace").epithet == "Fire Fist"
