"""Refusals: each has the site's page, says what to do, and leads the keyboard to what can be mended."""

import pytest
from django.test import Client

from tests.factories import CharacterFactory, UserFactory
from tests.test_pages import Page, get, order

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(client: Client) -> Client:
    """Return a browser in which a trader is signed in."""
    client.force_login(UserFactory.create())
    return client


@pytest.mark.parametrize("address", ["/", "/crews/", "/compare/", "/portfolio/", "/leaderboard/", "/characters/1/"])
def test_a_method_that_an_address_does_not_take_gets_our_page(client: Client, address: str) -> None:
    response = client.post(address)
    assert (response.status_code, response["Allow"]) == (405, "GET, HEAD")
    assert Page(response).find("h1")[0].text == "This door opens the other way"
    assert "does not take POST requests" in Page(response).text
    assert Page(response).find("a", css="button")


def test_the_405_of_a_strange_method_says_so_too(client: Client) -> None:
    response = client.generic("BREW", "/")
    assert response.status_code == 405
    assert "BREW" in Page(response).text


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"quantity": "ten"}, "quantity"),
        ({"quantity": "1000000"}, "quantity"),
        ({"action": "sell"}, "quantity"),
        ({"action": "steal"}, "action"),
    ],
)
def test_a_refused_order_leads_the_keyboard_to_the_wrong_field(browser: Client, typed: dict[str, str], field: str) -> None:
    character = CharacterFactory.create(name="Nami")
    page = Page(order(browser, character, **typed))
    assert page.find("title")[0].text == "Order refused: Nami · One Piece Market"
    (focused,) = [e for e in page.elements if "autofocus" in e.attributes]
    assert focused.attributes["name"] == field
    assert focused.attributes["aria-invalid"] == "true"
    describing = "fieldset" if field == "action" else "input"
    tied = [e for e in page.find(describing) if "ticket-error" in e.attributes.get("aria-describedby", "").split()]
    assert len(tied) == 1
    assert page.find("p", id="ticket-error")[0].text


def test_a_price_that_moved_is_no_wrong_field_the_reason_itself_has_the_focus(browser: Client) -> None:
    page = Page(order(browser, CharacterFactory.create(), price="99.50"))
    (focused,) = [e for e in page.elements if "autofocus" in e.attributes]
    assert focused.attributes["data-code"] == "price_moved"
    assert not [e for e in page.elements if e.attributes.get("aria-invalid")]


def test_a_page_that_refuses_nothing_takes_no_focus(browser: Client) -> None:
    page = get(browser, CharacterFactory.create().get_absolute_url())
    assert not [e for e in page.elements if "autofocus" in e.attributes]
    assert page.fields("ticket")["quantity"] == "1"


def test_insufficient_funds_says_what_to_do(browser: Client) -> None:
    page = Page(order(browser, CharacterFactory.create(), quantity="1000000"))
    assert "order fewer shares, or sell something first" in page.find("p", id="ticket-error")[0].text


def test_who_opens_the_logout_without_being_signed_in_is_told_so(client: Client) -> None:
    assert get(client, "/logout/").find("h1")[0].text == "You are logged out"


def test_crews_in_an_unknown_order_are_refused_and_shown_all_the_same(client: Client) -> None:
    page = get(client, "/crews/", 400, sort="password")
    assert [e.attributes["data-code"] for e in page.elements if "data-code" in e.attributes] == ["unknown_sort"]
