"""/fair/ says what the database has: the rules of now, what is stopped, what the reader does to prices, what rings gain."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.utils import timezone

from characters.models import BountyEvent, Character
from onepiece_market.jinja import day, percent, when
from tests.factories import CharacterFactory, UserFactory
from tests.market import rule, tick, under_rules
from tests.money import trade_by_sql
from tests.test_pages import Page, get
from tests.test_rings import rows
from trading.models import MarketTick, User

pytestmark = pytest.mark.django_db(transaction=True)
AGES = {"min_account_days": 7, "min_trading_days": 3}


@pytest.fixture
def trader() -> User:
    """Return a trader with 100,000.00."""
    return UserFactory.create()


@pytest.fixture
def asks_for_age() -> Iterator[None]:
    """Let votes count after 7 days, with trades on 3."""
    with under_rules(**AGES):
        yield


def said(page: Page, name: str) -> str:
    """Return the text of the element with this id, spaces as typed."""
    (element,) = page.find(id=name)
    return element.text


def signed_in(user: User) -> Page:
    """Return the page as this user sees it."""
    client = Client()
    client.force_login(user)
    return get(client, "/fair/")


def buy(user: User, character: Character, quantity: int) -> None:
    """Buy."""
    assert trade_by_sql(user.pk, user.pk, character.pk, "buy", quantity)["code"] == "ok"


def opened_before(days: int, trading_days: int = 0) -> User:
    """Return a trader who was here so many days ago already, and traded on so many of the days since."""
    character, user = CharacterFactory(), User.objects.bulk_create([User(username="old hand")])[0]
    now = timezone.now()
    rule("SELECT open_account_at(%s, %s)", user.pk, now - timedelta(days=days))
    for ago in range(trading_days):
        rule("SELECT execute_trade_at(%s, %s, 'buy', 1, NULL, NULL, %s)", user.pk, character.pk, now - timedelta(days=days - ago))
    return user


# --- the rules of now


@pytest.mark.parametrize(
    ("place", "changed", "before", "after"),
    [
        ("commission", {"commission": Decimal("0.02")}, "1 %", "2 %"),
        ("most", {"kappa": 12_000}, "1.8 %", "1.2 %"),
        ("cap", {"position_cap": 1}, "20 full votes", "1 full vote"),
        ("ages", {"min_account_days": 5, "min_trading_days": 1}, "from the first order", "after 5 days, with trades on 1 day"),
        ("ages", {"min_account_days": 1}, "from the first order", "after 1 day"),
        ("ages", {"min_trading_days": 2}, "from the first order", "with trades on 2 days"),
        ("breaker", {"breaker": 0.2}, "+49.2 % or −33 %", "+22.1 % or −18.1 %"),
        ("cooling", {"cooling": timedelta(minutes=90)}, "1 hour", "1.5 hours"),
        ("opening", {"opening_balance": 5_000}, "฿100,000.00", "฿5,000.00"),
        ("lost", {"kappa": 12_000}, "฿19.82", "฿80.21"),
    ],
)
def test_the_page_says_the_rules_that_are_in_the_database(
    client: Client, place: str, changed: dict[str, object], before: str, after: str
) -> None:
    assert said(get(client, "/fair/"), place) == before
    with under_rules(**changed):
        assert said(get(client, "/fair/"), place) == after


def test_the_example_is_what_the_functions_would_pay_out(client: Client, trader: User) -> None:
    character = CharacterFactory.create()
    buy(trader, character, 100)
    tick()
    answer = trade_by_sql(trader.pk, trader.pk, character.pk, "sell", 100)
    assert said(get(client, "/fair/"), "lost") == f"฿{100_000 - answer['balance']:.2f}"


def test_the_page_stands_in_an_empty_market_for_anybody(client: Client) -> None:
    page = get(client, "/fair/")
    assert said(page, "last-tick") == "none yet"
    assert said(page, "nothing-stopped")
    assert page.find(id="me") == []


def test_the_last_tick_is_told(client: Client) -> None:
    tick()
    assert said(get(client, "/fair/"), "last-tick") == when(MarketTick.objects.get().ticked_at)


def test_the_way_there_is_on_every_page_and_in_the_ticket(client: Client) -> None:
    character = CharacterFactory.create()
    assert len(get(client, "/crews/").find("a", href="/fair/")) == 1
    assert len(get(client, character.get_absolute_url()).find("a", href="/fair/")) == 2


# --- what is stopped


def test_a_halted_market_says_so_and_why(client: Client) -> None:
    assert not get(client, "/fair/").find(css="warning")
    with under_rules(is_halted=True, halt_reason="The books do not add up"):
        assert "stopped at the moment: The books do not add up." in get(client, "/fair/").find(css="warning")[0].text


def test_who_is_stopped_is_named_with_the_reason(client: Client) -> None:
    CharacterFactory.create(name="Calm")
    names = ("Cooling", "Halted", "News")
    cooling, halted, news = (CharacterFactory.create(name=name) for name in names)
    until = timezone.now() + timedelta(minutes=50)
    rule("UPDATE listings SET cools_until = %s WHERE character_id = %s", until, cooling.pk)
    rule("UPDATE listings SET halted = true WHERE character_id = %s", halted.pk)
    BountyEvent.objects.create(character=news, amount=16_000_000, chapter=5)
    assert [line.text for line in get(client, "/fair/").find("li") if line.text.startswith(("Calm", *names))] == [
        f"Cooling stopped by the circuit breaker until {when(until)}",
        "Halted stopped by staff",
        "News waits for a tick to apply news of the bounty",
    ]
    rule("UPDATE listings SET cools_until = now() - interval '1 second', halted = false")
    tick()
    assert said(get(client, "/fair/"), "nothing-stopped")


def test_of_many_who_are_stopped_twenty_are_named(client: Client) -> None:
    for _ in range(21):
        CharacterFactory.create()
    rule("UPDATE listings SET halted = true WHERE character_id > (SELECT min(character_id) FROM listings)")
    assert "and more" not in get(client, "/fair/").text
    rule("UPDATE listings SET halted = true")
    page = get(client, "/fair/")
    assert (len(page.find("a", css="name")), "and more" in page.text) == (20, True)


# --- the reader


def test_the_reader_sees_what_he_moves_most_and_by_how_much(trader: User) -> None:
    little, most = CharacterFactory.create(bounty=9_000_000), CharacterFactory.create()
    assert said(signed_in(trader), "effect") == "You hold nothing, so you move nothing."
    buy(trader, little, 30)
    buy(trader, most, 60)
    tick()
    page = signed_in(trader)
    most.refresh_from_db()
    assert most.current_price == Decimal("101.82")
    assert said(page, "effect") == "1.82 %"
    assert f"You move {most.name} most" in page.text
    assert "with 60 shares. A full vote takes 50;" in page.text
    assert said(page, "votes") == "Your votes count. What you trade now is counted at the next tick."


def test_where_demand_is_far_from_home_the_same_votes_move_less(trader: User) -> None:
    character = CharacterFactory.create()
    rule("UPDATE listings SET baseline = -2000000")
    buy(trader, character, 50)
    tick()
    assert said(signed_in(trader), "effect") == "0.18 %"


@pytest.mark.usefixtures("asks_for_age")
def test_a_new_reader_is_told_from_when_his_votes_count(trader: User) -> None:
    character = CharacterFactory.create()
    from_then = day(timezone.now().date() + timedelta(days=7))
    words = "Your votes do not count yet: they will from {}, if you have traded on {} by then."
    assert said(signed_in(trader), "votes") == words.format(from_then, "3 more days")
    buy(trader, character, 50)
    tick()
    page = signed_in(trader)
    assert said(page, "votes") == words.format(from_then, "2 more days")
    assert said(page, "effect") == "1.82 %"
    assert f"You would move {character.name} most" in page.text
    assert "if your votes counted" in page.text
    character.refresh_from_db()
    assert character.current_price == 100


@pytest.mark.usefixtures("asks_for_age")
@pytest.mark.parametrize(
    ("days", "traded", "words"),
    [
        (8, 2, "Your votes do not count yet: they will once you have traded on 1 more day."),
        (8, 3, "Your votes do not count yet: they will from the next daily count of accounts."),
        (6, 3, "Your votes do not count yet: they will from {}."),
    ],
)
def test_an_older_reader_is_told_what_is_lacking(days: int, traded: int, words: str) -> None:
    user = opened_before(days, traded)
    assert said(signed_in(user), "votes") == words.format(day(timezone.now().date() + timedelta(days=7 - days)))
    rule("SELECT count_account_at(%s, now())", user.pk)
    assert said(signed_in(user), "votes").startswith("Your votes count.") == ((days, traded) == (8, 3))


def test_guests_and_staff_are_told_that_they_move_nothing() -> None:
    guest, boss = UserFactory.create(is_guest=True), UserFactory.create(is_staff=True)
    assert (
        said(signed_in(guest), "votes") == "Votes of guests do not count. Keep your account, and they will from the first order."
    )
    with under_rules(**AGES):
        assert said(signed_in(guest), "votes").endswith("they will after 7 days, with trades on 3 days.")
    assert "Staff accounts do not trade and move nothing." in signed_in(boss).text


# --- rings


def test_the_table_of_rings_is_the_measured_one(client: Client) -> None:
    page = get(client, "/fair/")
    start = page.find("table", css="rings")[0]
    shown = [e.text for e in page.after(start, css="change")]
    ordered = sorted(rows(), key=lambda row: (int(row["accounts"]), row["min_account_days"], row["waited"], int(row["rounds"])))
    assert shown == [" ".join(percent(float(row["percent"])).split()) for row in ordered]
    assert [e.text for e in page.after(start, "th") if e.attributes["scope"] == "row"] == ["1", "2", "3", "10", "50"]
    assert "Measured with votes that count after 7 days, with trades on 3 days. Here they count from the first order" in page.text
