"""Five routes to a bounty: each previewed, none moves anything but by a tick, and nobody trades in between."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.db import ProgrammingError, connections
from django.test import Client
from django.utils import timezone

import sql
from characters.models import BountyEvent, Character, Listing
from tests.clients import connect, send, waits_then
from tests.factories import CharacterFactory, UserFactory
from tests.market import rule, tick
from tests.money import trade_by_sql
from tests.test_admin import CHARACTERS, announce, form_at
from tests.test_imports import act
from tests.test_imports import send as send_file
from trading.models import User

pytestmark = pytest.mark.django_db(transaction=True)

LOCK = "LOCK TABLE accounts IN EXCLUSIVE MODE;"
ANNOUNCE = "INSERT INTO bounty_events (character_id, amount, chapter) VALUES (%s, 16000000, 7)"
WRITTEN = ("bounty", "current_price", "market_cap", "listing__fundamental")
MOVED = "Luffy: bounty ฿4,000,000 → ฿16,000,000, price ฿{} → ฿{}"


class Market(NamedTuple):
    """Luffy at F = 100.00, whom a trader holds; a member of the staff; a place for files."""

    luffy: Character
    trader: User
    staff: Client
    folder: Path


@pytest.fixture
def market(tmp_path: Path) -> Market:
    luffy, trader, staff = CharacterFactory(name="Luffy"), UserFactory(username="trader"), Client()
    trade_by_sql(trader.pk, trader.pk, luffy.pk, "buy", 50)
    tick()
    staff.force_login(UserFactory(username="nami", is_staff=True, is_superuser=True))
    return Market(luffy, trader, staff, tmp_path)


def by_form(market: Market) -> str:
    """Look at the form as it comes back, then tick and save."""
    url, typed = f"{CHARACTERS}{market.luffy.pk}/change/", {"bounty_events-0-amount": "16000000", "bounty_events-0-chapter": "7"}
    shown = market.staff.post(url, {**form_at(market.staff, url).values, **typed, "_save": "Save"}).content.decode()
    assert not told()
    announce(market.staff, url, **typed)
    return shown


def by_list(market: Market) -> str:
    """Look at the list as it comes back, then tick and save."""
    typed = {"form-0-new_bounty": "16,000,000", "form-0-new_chapter": "7"}
    sent = {**form_at(market.staff, CHARACTERS).values, **typed, "_save": "Save"}
    shown = market.staff.post(CHARACTERS, sent).content.decode()
    assert not told()
    announce(market.staff, CHARACTERS, **typed)
    return shown


def by_import(market: Market) -> str:
    """Look at what a file would do, then confirm."""
    record, shown = send_file(market.staff, "name,description,bounty,chapter\nLuffy,Somebody at sea.,16000000,7\n")
    assert not told()
    act(market.staff, record)
    return shown


def by_loader(market: Market) -> str:
    """Look at what a dry run says, then load."""
    sheet, out = market.folder / "sheet.csv", StringIO()
    sheet.write_text("name,description,bounty,chapter\nLuffy,Somebody at sea.,16000000,7\n", encoding="utf-8")
    call_command("load_characters", sheet, dry_run=True, stdout=out)
    assert not told()
    call_command("load_characters", sheet, stdout=StringIO())
    return out.getvalue()


def by_sql(market: Market) -> str:
    """Look at bounty_moves, then insert, both as market_app."""
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT name, price, new_price FROM bounty_moves(ARRAY[%s], ARRAY[16000000], ARRAY[7])", [market.luffy.pk])
        [(name, price, new_price)] = cursor.fetchall()
        assert not told()
        cursor.execute(ANNOUNCE, [market.luffy.pk])
    return f"{name} {price} {new_price}"


ROUTES: dict[str, Callable[[Market], str]] = {
    "form": by_form, "list": by_list, "import": by_import, "loader": by_loader, "sql": by_sql,
}  # fmt: skip
every_route = pytest.mark.parametrize("route", ROUTES.values(), ids=ROUTES.keys())


def told() -> list[BountyEvent]:
    """Return what was announced of Luffy beyond the bounty that he was listed with."""
    return list(BountyEvent.objects.exclude(amount=4_000_000))


def written(luffy: Character) -> tuple[Any, ...]:
    """Return bounty, price, market cap and F."""
    return tuple(Character.objects.values_list(*WRITTEN).get(pk=luffy.pk))


def codes(market: Market) -> list[str]:
    """Return what a buy and a sale are answered."""
    pk, luffy = market.trader.pk, market.luffy.pk
    return [str(trade_by_sql(pk, pk, luffy, action, 1)["code"]) for action in ("buy", "sell")]


@contextmanager
def broken(name: str, guard: str, instead: str = "") -> Iterator[None]:
    """Run the block with a guard of a function broken."""
    text = sql.read(f"functions/{name}")
    assert text.count(guard) == 1, guard
    rule(sql.again(text.replace(guard, instead)))
    try:
        yield
    finally:
        rule(sql.again(text))


# --- every route


@every_route
def test_a_bounty_moves_by_an_event_and_a_tick_and_the_preview_says_how(market: Market, route: Callable[[Market], str]) -> None:
    before = written(market.luffy)
    assert before == (4_000_000, Decimal("101.82"), 101_820_000, 100)
    shown = route(market)
    [event] = told()
    assert (event.amount, event.chapter, event.applied_at) == (16_000_000, 7, None)
    assert abs(event.effective_at - timezone.now()) < timedelta(minutes=1)
    assert written(market.luffy) == before
    tick()
    assert written(market.luffy) == (16_000_000, Decimal("203.63"), 203_630_000, 200)
    for price in ("101.82", "203.63"):
        assert price in shown
    tick()
    assert written(market.luffy)[3] == 200


@every_route
def test_nobody_trades_between_the_announcement_and_the_tick(market: Market, route: Callable[[Market], str]) -> None:
    assert codes(market) == ["ok", "ok"]
    route(market)
    assert codes(market) == ["not_tradeable", "not_tradeable"]
    tick()
    assert codes(market) == ["ok", "ok"]


@every_route
def test_without_the_halt_they_would(
    market: Market, route: Callable[[Market], str], broken_trade: Callable[[str, str], None]
) -> None:
    """Negative control of the test above: buy at the old price, sell at the new."""
    broken_trade("AND NOT l.awaits_bounty ", "")
    route(market)
    assert codes(market) == ["ok", "ok"]


@every_route
def test_news_is_taken_back_before_a_tick_and_kept(market: Market, route: Callable[[Market], str]) -> None:
    before = written(market.luffy)
    route(market)
    [event] = told()
    url = f"{CHARACTERS}news/{event.pk}/withdraw/"
    assert url in market.staff.get(f"{CHARACTERS}{market.luffy.pk}/change/").content.decode()
    assert "nothing has moved yet" in market.staff.get(url).content.decode()
    assert "is withdrawn" in market.staff.post(url, follow=True).content.decode()
    assert codes(market) == ["ok", "ok"]
    tick()
    assert written(market.luffy) == before
    [event] = told()
    assert event.withdrawn_at is not None
    page = market.staff.get(f"{CHARACTERS}{market.luffy.pk}/change/").content.decode()
    assert "฿16,000,000 (withdrawn)" in page


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE characters SET bounty = 16000000",
        "UPDATE characters SET current_price = 200",
        "UPDATE listings SET fundamental = 200",
        "UPDATE bounty_events SET amount = 16000000",
        "UPDATE bounty_events SET applied_at = NULL, withdrawn_at = NULL",
        "INSERT INTO listings (character_id, fundamental, full_vote) VALUES (1, 200, 50)",
        "SELECT await_news(1)",
    ],
)
def test_no_other_statement_of_the_site_moves_one(market: Market, statement: str) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"), connections["default"].cursor() as cursor:
        cursor.execute(statement)


def test_the_owner_who_writes_a_bounty_without_news_moves_no_value(market: Market) -> None:
    rule("UPDATE characters SET bounty = 16000000")
    tick()
    assert written(market.luffy)[1:] == (Decimal("101.82"), 101_820_000, 100)


# --- a trade and the announcement at the same moment


def order(market: Market) -> tuple[int, int, str, int, str]:
    return (market.trader.pk, market.luffy.pk, "buy", 1, "10000000-0000-0000-0000-000000000000")


def buy(market: Market) -> str:
    with connect() as connection:
        return str(send(connection, order(market))["code"])


def begin_to_buy(market: Market) -> Callable[[Any], object]:
    """Return what buys on a connection and leaves the transaction open."""

    def first(connection: Any) -> None:
        connection.execute(f"SET LOCAL market.user_id = '{market.trader.pk}'")
        connection.execute("SELECT execute_trade(%s, %s, %s, %s, NULL, %s::uuid)", order(market))

    return first


def tell(market: Market) -> None:
    with connect() as connection:
        connection.execute(ANNOUNCE, [market.luffy.pk])


def test_an_order_that_meets_the_announcement_waits_for_it_and_is_refused(market: Market) -> None:
    answer, waited = waits_then(lambda one: one.execute(ANNOUNCE, [market.luffy.pk]), lambda: buy(market))
    assert (answer.result(), waited) == ("not_tradeable", True)


def test_an_announcement_waits_for_the_trades_under_way(market: Market) -> None:
    """Who has read the old price commits before the news is out: nobody keeps an order open and decides when he has heard it."""
    answer, waited = waits_then(begin_to_buy(market), lambda: tell(market))
    assert (answer.exception(), waited, codes(market)) == (None, True, ["not_tradeable"] * 2)


def test_without_the_lock_an_order_commits_between_the_announcement_and_the_tick(market: Market) -> None:
    """Negative control of the two tests above."""
    with broken("await_news", LOCK):
        answer, waited = waits_then(lambda one: one.execute(ANNOUNCE, [market.luffy.pk]), lambda: buy(market))
        assert (answer.result(), waited) == ("ok", False)
        tick()
        answer_told, waited = waits_then(begin_to_buy(market), lambda: tell(market))
        assert (answer_told.exception(), waited) == (None, False)


def test_two_who_tell_of_one_character_wait_for_each_other_and_one_tick_applies_both(market: Market) -> None:
    answer, waited = waits_then(lambda one: one.execute(ANNOUNCE, [market.luffy.pk]), lambda: tell(market))
    assert (answer.exception(), waited) == (None, True)
    assert tick()["news"] == 2
    assert written(market.luffy)[0] == 16_000_000


# --- when


def test_news_of_a_later_moment_stops_trade_now_and_moves_then(market: Market) -> None:
    url = f"{CHARACTERS}{market.luffy.pk}/change/"
    moment = (timezone.now() + timedelta(minutes=5)).replace(second=0, microsecond=0)
    rule("SELECT make_price_partitions(now(), now() + interval '1 day')")
    announce(
        market.staff, url, **{"bounty_events-0-amount": "16000000", "bounty_events-0-effective_at": f"{moment:%Y-%m-%dT%H:%M}"}
    )
    assert [event.effective_at for event in told()] == [moment]
    tick()
    assert (codes(market), written(market.luffy)[0]) == (["not_tradeable"] * 2, 4_000_000)
    tick(moment)
    assert (codes(market), written(market.luffy)[0]) == (["ok"] * 2, 16_000_000)


def test_a_moment_that_has_passed_is_a_sentence(market: Market) -> None:
    url = f"{CHARACTERS}{market.luffy.pk}/change/"
    typed = {"bounty_events-0-amount": "16000000", "bounty_events-0-effective_at": "1997-07-22T00:00", "_save": "Save"}
    shown = market.staff.post(url, {**form_at(market.staff, url).values, **typed}).content.decode()
    assert "This has passed already" in shown
    assert not told()


def test_what_a_tick_has_applied_is_not_withdrawn_by_the_page_of_before(market: Market) -> None:
    by_sql(market)
    [event] = told()
    url = f"{CHARACTERS}news/{event.pk}/withdraw/"
    tick()
    assert "A tick has applied this news" in market.staff.get(url).content.decode()
    assert "Nothing was withdrawn" in market.staff.post(url, follow=True).content.decode()
    tick()
    assert written(market.luffy)[0] == 16_000_000


def test_a_withdrawal_leaves_other_news_waiting(market: Market) -> None:
    by_sql(market)
    BountyEvent.objects.create(character=market.luffy, amount=25_000_000, chapter=8)
    last = BountyEvent.objects.get(amount=25_000_000)
    rule("SELECT withdraw_bounty(%s)", last.pk)
    assert codes(market) == ["not_tradeable"] * 2
    tick()
    assert (written(market.luffy)[0], codes(market)) == (16_000_000, ["ok"] * 2)


# --- the list


def test_the_list_shows_every_price_that_moves_and_saves_nothing_before(market: Market) -> None:
    CharacterFactory(name="Zoro", bounty=None)
    typed = {"form-0-new_bounty": "16000000", "form-1-new_bounty": "9000000", "form-1-epithet": "Pirate Hunter", "_save": "Save"}
    shown = market.staff.post(CHARACTERS, {**form_at(market.staff, CHARACTERS).values, **typed}).content.decode()
    assert [re.sub(r"<[^>]+>", "", row) for row in re.findall(r'<tr><th scope="row">.*?</tr>', shown.split("</caption>")[1])] == [
        "Luffy฿4,000,000 → ฿16,000,000฿101.82 → ฿203.63",
        "Zorounknown → ฿9,000,000฿25.00 → ฿150.00",
    ]
    assert 'value="Pirate Hunter"' in shown
    assert (told(), Character.objects.get(name="Zoro").epithet) == ([], "")
    announce(market.staff, CHARACTERS, **typed)
    tick()
    bounties = Character.objects.order_by("name").values_list("bounty", "epithet")
    assert list(bounties) == [(16_000_000, ""), (9_000_000, "Pirate Hunter")]
    assert {event.staff_id for event in told()} == {User.objects.get(username="nami").pk}


def test_what_was_confirmed_in_the_list_is_no_confirmation_of_anything_else(market: Market) -> None:
    sent = {**form_at(market.staff, CHARACTERS).values, "form-0-new_bounty": "16000000", "_save": "Save"}
    box = re.search(r'name="is_sure" value="(\w+)"', market.staff.post(CHARACTERS, sent).content.decode())
    assert box
    for changes in ({"form-0-new_bounty": "160000000", "is_sure": box[1]}, {"is_sure": "on"}):
        assert market.staff.post(CHARACTERS, {**sent, **changes}).status_code == 200
    assert not told()


def test_a_chapter_in_the_list_dates_a_bounty_or_is_a_sentence(market: Market) -> None:
    sent = {**form_at(market.staff, CHARACTERS).values, "form-0-new_chapter": "7", "_save": "Save"}
    assert "This dates a bounty, but there is none." in market.staff.post(CHARACTERS, sent).content.decode()


def test_who_may_not_announce_has_no_place_to_and_cannot_forge_one(market: Market) -> None:
    user, client = UserFactory(is_staff=True), Client()
    user.user_permissions.add(*Permission.objects.filter(codename__in=("view_character", "change_character")))
    client.force_login(user)
    form = form_at(client, CHARACTERS).values
    assert not [name for name in form if "new_" in name]
    client.post(CHARACTERS, {**form, "form-0-new_bounty": "16000000", "form-0-epithet": "Typed", "_save": "Save"})
    market.luffy.refresh_from_db()
    assert (market.luffy.epithet, told()) == ("Typed", [])
    BountyEvent.objects.create(character=market.luffy, amount=16_000_000)
    assert client.post(f"{CHARACTERS}news/{told()[0].pk}/withdraw/").status_code == 403


# --- files


def test_a_file_that_is_loaded_twice_before_a_tick_tells_its_news_once(market: Market) -> None:
    by_loader(market)
    sheet, out = market.folder / "sheet.csv", StringIO()
    call_command("load_characters", sheet, stdout=out)
    assert "characters: 0 new, 0 changed, 1 as they were" in out.getvalue()
    _, shown = send_file(market.staff, sheet.read_bytes())
    assert "there is nothing to import" in shown
    assert len(told()) == 1


def test_the_loader_says_what_moves_and_a_dry_run_changes_nothing(market: Market) -> None:
    sheet, out = market.folder / "sheet.csv", StringIO()
    sheet.write_text("name,description,bounty\nLuffy,Rewritten.,16000000\nUsopp,New.,5\n", encoding="utf-8")
    call_command("load_characters", sheet, dry_run=True, stdout=out)
    said = [MOVED.format("101.82", "203.63"), "1 new, 1 changed", "This was a dry run"]
    assert [text in out.getvalue() for text in said] == [True] * 3
    assert list(Character.objects.values_list("name", "description")) == [("Luffy", "Somebody at sea.")]
    assert codes(market) == ["ok", "ok"]
    out = StringIO()
    call_command("load_characters", sheet, stdout=out)
    assert [text in out.getvalue() for text in said] == [True, True, False]


def test_a_price_that_moved_since_the_preview_does_not_hinder_an_import_a_bounty_does(market: Market) -> None:
    content = "name,description,bounty\nLuffy,Somebody at sea.,16000000\n"
    record, shown = send_file(market.staff, content)
    trade_by_sql(market.trader.pk, market.trader.pk, market.luffy.pk, "sell", 50)
    tick()
    assert "imported from" in act(market.staff, record, seen=shown)
    tick()
    record, shown = send_file(market.staff, content.replace("16000000", "9000000"))
    BountyEvent.objects.create(character=market.luffy, amount=25_000_000)
    tick()
    assert "The market changed since this preview" in act(market.staff, record, seen=shown)
    assert Listing.objects.get(pk=market.luffy.pk).fundamental == 250
