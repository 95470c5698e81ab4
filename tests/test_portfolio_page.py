"""Portfolio, history and leaderboard: sums that add up, sentences, and ways to the ticket."""

from decimal import Decimal

import pytest
from django.test import Client

from caching import queries, standings
from characters.models import Character
from onepiece_market.jinja import when
from tests.factories import CharacterFactory, UserFactory
from tests.test_pages import get, order, order_quickly
from trading.binding import as_user
from trading.models import LedgerEntry, User
from trading.selectors import leaders, portfolio

pytestmark = pytest.mark.django_db


@pytest.fixture
def trader() -> User:
    """Return a trader with 100,000.00."""
    return UserFactory.create()


@pytest.fixture
def signed_in(client: Client, trader: User) -> Client:
    """Return a browser in which the trader is signed in."""
    client.force_login(trader)
    return client


def mine(user: User):
    """Return a trader's portfolio."""
    with as_user(user):
        return portfolio(user.pk)


def traded(client: Client) -> tuple[Character, Character]:
    """Buy, sell and hold: 10 bought, 4 sold of one, 1 of another."""
    nami, zoro = CharacterFactory.create(name="Nami", bounty=7_654_321), CharacterFactory.create(name="Zoro", bounty=0)
    order(client, nami, quantity="10")
    order(client, nami, action="sell", quantity="4")
    order(client, zoro, quantity="1")
    return nami, zoro


def test_gains_of_what_is_held_and_what_was_sold_add_up_to_the_gain_since_the_start(signed_in: Client, trader: User) -> None:
    traded(signed_in)
    it = mine(trader)
    assert it.opening == 100_000
    assert it.cash + it.holdings_value == it.total
    assert it.gain + it.realised == it.overall_gain == it.total - 100_000 < 0
    (first,) = [leader for leader in leaders(None) if leader.user_id == trader.pk]
    assert it.worth == first.worth
    assert it.total - it.sale_fees == first.worth < it.total


def test_the_portfolio_shows_its_sum_and_every_share_of_it(signed_in: Client, trader: User) -> None:
    traded(signed_in)
    page, it = get(signed_in, "/portfolio/"), mine(trader)
    sums = [e.text for e in page.find("dl", css="sum-line")]
    assert sums[0] == f"Cash฿{it.cash:,.2f} + Positions฿{it.holdings_value:,.2f} = Total฿{it.total:,.2f}"
    shares = [Decimal(e.text.split(" %")[0]) for e in page.find("td", css="bar-cell")]
    assert shares == [round(Decimal(it.share(p)) * 100, 1) for p in it.positions]
    assert f"counts you with ฿{it.worth:,.2f}" in page.text


def test_a_position_says_its_value_and_gain_and_has_the_bar_of_its_share(signed_in: Client, trader: User) -> None:
    traded(signed_in)
    page, it = get(signed_in, "/portfolio/"), mine(trader)
    for position in it.positions:
        (row,) = page.find("tr", id=f"position-{position.character_id}")
        lost = f"−฿{-position.gain:,.2f} ▼ −{-position.gain_percent:.1f} %"
        told = [str(position.quantity), f"฿{position.price:,.2f}", f"฿{position.value:,.2f}{lost}", lost]
        assert [cell.text for cell in page.after(row, "td")[:4]] == told
        assert float(page.after(row, "rect", "fill")[0].attributes["width"]) == round(it.share(position) * 100, 1)


def test_the_largest_position_comes_first(signed_in: Client) -> None:
    for name, quantity in (("Ant", 1), ("Bear", 9), ("Cat", 5)):
        order(signed_in, CharacterFactory.create(name=name), quantity=str(quantity))
    assert [e.text for e in get(signed_in, "/portfolio/").find("a", css="name")] == ["Bear", "Cat", "Ant"]


def test_sell_half_and_sell_all_lead_to_a_ticket_that_does_it(signed_in: Client, trader: User) -> None:
    nami, zoro = traded(signed_in)
    page = get(signed_in, "/portfolio/")
    own = {e.text: e.attributes["href"] for e in page.find("a") if e.text.startswith("Sell")}
    assert set(own) == {"Sell half of Nami", "Sell all of Nami", "Sell all of Zoro"}  # of one share there is no half
    ticket = get(signed_in, own["Sell half of Nami"]).fields("ticket")
    assert (ticket["action"], ticket["quantity"]) == ("sell", "3")
    assert signed_in.post(f"/characters/{nami.pk}/trade/", ticket).status_code == 302
    assert [p.quantity for p in mine(trader).positions] == [3, 1]
    quote = get(signed_in, zoro.get_absolute_url())
    assert [e.attributes["href"] for e in quote.find("a") if e.text == "Sell all"] == [own["Sell all of Zoro"]]


def test_the_quote_page_says_how_much_of_the_portfolio_a_position_is(signed_in: Client, trader: User) -> None:
    nami, _ = traded(signed_in)
    position = get(signed_in, nami.get_absolute_url()).find("section", css="position-block")[0].text
    it = mine(trader)
    first = it.positions[0]
    assert f"Of your portfolio{it.share(first) * 100:.1f} %" in position
    assert f"Value฿{first.value:,.2f} Gain−฿{-first.gain:,.2f} ▼ −{-first.gain_percent:.1f}" in position
    assert f"Paid, with fees฿{first.cost_basis:,.2f}" in position
    page = get(signed_in, nami.get_absolute_url())
    (bar,) = page.after(page.find("section", css="position-block")[0], "rect", "fill")[:1]
    assert float(bar.attributes["width"]) == round(it.share(first) * 100, 1)


def test_a_movement_is_a_sentence(signed_in: Client) -> None:
    traded(signed_in)
    rows = [e.text for e in get(signed_in, "/history/").find("th") if e.attributes.get("scope") == "row"]
    assert rows[0].startswith("Bought 1 × Zoro at ฿10.00 Fee ฿0.10")
    assert rows[1].startswith("Sold 4 × Nami at ฿138.33 Fee ฿5.54")
    assert rows[-1].startswith("Opening deposit")


def test_a_movement_says_its_amount_its_balance_and_when_it_was(signed_in: Client, trader: User) -> None:
    traded(signed_in)
    with as_user(trader):
        entries = list(LedgerEntry.objects.order_by("-created_at"))
    page = get(signed_in, "/history/")
    rows = [e for e in page.find("tr") if {"trade", "deposit"} & set(e.classes)]
    for row, entry in zip(rows, entries, strict=True):
        amount, moments = page.after(row, "data", "amount")[0], page.after(row, "time")[:2]
        sign = "+" if entry.amount > 0 else "−"
        assert (Decimal(amount.attributes["value"]), amount.text) == (entry.amount, f"{sign}฿{abs(entry.amount):,.2f}")
        assert page.after(row, "data", "balance")[0].text == f"฿{entry.balance_after:,.2f}"
        moment = (entry.created_at.isoformat(), when(entry.created_at))
        assert [(e.attributes["datetime"], e.text) for e in moments] == [moment] * 2


def test_the_history_says_what_was_paid_in_fees_so_far(signed_in: Client, trader: User) -> None:
    assert not get(signed_in, "/history/").find("data", id="fees")
    traded(signed_in)
    with as_user(trader):
        paid = sum(entry.fee for entry in LedgerEntry.objects.all())
    [shown] = get(signed_in, "/history/").find("data", id="fees")
    assert (Decimal(shown.attributes["value"]), shown.text) == (paid, f"฿{paid:,.2f}")


def test_an_empty_portfolio_says_what_to_do(signed_in: Client) -> None:
    page = get(signed_in, "/portfolio/")
    assert page.find("h2")[0].text == "Your hold is empty"
    assert page.find("a", href="/?max_price=500")


def test_the_reader_below_the_first_hundred_sees_his_own_line(signed_in: Client, trader: User) -> None:
    assert order_quickly(trader, CharacterFactory.create())
    UserFactory.create_batch(101)
    page = get(signed_in, "/leaderboard/")
    assert len(page.find("tr", css="leader")) == 101
    (last,) = page.find("tr", css="me")
    assert last.text.startswith("102")
    assert "You are number 102" in page.text
    assert "You are number" not in get(Client(), "/leaderboard/").text


def test_everybody_is_told_how_late_a_trade_counts(signed_in: Client) -> None:
    late = f"A trade counts here within {standings.TTL + queries.LEADERS_PAGE.ttl} seconds"
    assert f"{late}, your own at once." in get(signed_in, "/leaderboard/").text
    assert f"{late}." in get(Client(), "/leaderboard/").text


def test_a_guest_is_told_how_to_keep_what_he_has(client: Client) -> None:
    client.force_login(UserFactory.create(is_guest=True))
    assert "You trade as a guest" in get(client, "/portfolio/").text
    assert "Guests are not ranked" in get(client, "/leaderboard/").text


def test_only_who_is_ranked_is_told_what_the_leaderboard_counts_him_with(client: Client, signed_in: Client, trader: User) -> None:
    guest, character = UserFactory.create(is_guest=True), CharacterFactory.create()
    assert order_quickly(guest, character)
    assert order_quickly(trader, character)
    assert "The leaderboard counts you with ฿" in get(signed_in, "/portfolio/").text
    client.force_login(guest)
    text = get(client, "/portfolio/").text
    assert "The leaderboard would count you with ฿" in text
    assert "if you signed up" in text
