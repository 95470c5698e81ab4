"""The pages: what they show, what they cost in queries, and that forms do what they say. HTML is read, not searched."""

import re
import uuid
from collections.abc import Callable, Iterable
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any, NamedTuple

import pytest
from django.core.management import call_command
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver, include, path, resolve

from characters.board import BoardQuery
from characters.loading import DATA, read_table
from characters.models import BountyEvent, Character
from characters.selectors import board
from characters.services import write_characters, write_crews
from crews.models import Crew
from tests.factories import CharacterFactory, CrewFactory, UserFactory
from trading.binding import as_user
from trading.models import Account, Holding, LedgerEntry, User

pytestmark = pytest.mark.django_db

VOID = {"meta", "link", "img", "input", "br", "hr"}
PASSWORD = "Thousand-Sunny-1"


class Element(NamedTuple):
    """One element of a page, with the text inside it."""

    tag: str
    attributes: dict[str, str]
    inside: list[str]

    @property
    def text(self) -> str:
        """The text, on one line."""
        return " ".join("".join(self.inside).split())

    @property
    def classes(self) -> list[str]:
        """The classes."""
        return self.attributes.get("class", "").split()


class Page(HTMLParser):
    """A page as a flat list of its elements in document order."""

    def __init__(self, response: HttpResponse) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(response.content.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        element = Element(tag, {name: value or "" for name, value in attrs}, [])
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element without an inside."""
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}, []))

    def handle_endtag(self, tag: str) -> None:
        """Close the innermost element of this name."""
        while self._open and self._open.pop().tag != tag:
            pass

    def handle_data(self, data: str) -> None:
        """Add text to all that are open."""
        for element in self._open:
            element.inside.append(data)

    def find(self, tag: str = "", css: str = "", **attributes: str) -> list[Element]:
        """Return the elements with this tag, class and attributes."""
        return [
            e
            for e in self.elements
            if tag in ("", e.tag)
            and (not css or css in e.classes)
            and all(e.attributes.get(name.replace("_", "-")) == value for name, value in attributes.items())
        ]

    @property
    def text(self) -> str:
        """All that a reader sees."""
        return (self.find("body") or self.elements)[0].text

    @property
    def names(self) -> list[str]:
        """The names in the rows of class `character`, in order."""
        rows = sum("character" in e.classes for e in self.elements)
        names = [e.text for e in self.find("a", css="name")]
        assert len(names) == rows
        return names

    def after(self, element: Element, tag: str = "", css: str = "") -> list[Element]:
        """Return the elements with this tag and class that begin behind the beginning of another."""
        place = next(n for n, e in enumerate(self.elements) if e is element)
        return [e for e in self.elements[place + 1 :] if tag in ("", e.tag) and (not css or css in e.classes)]

    def fields(self, form_id: str) -> dict[str, str]:
        """Return what a browser would send of this form."""
        start = self.elements.index(self.find("form", id=form_id)[0])
        inputs = [e.attributes for e in self.elements[start:] if e.tag == "input"]
        return {e["name"]: e.get("value", "") for e in inputs if "name" in e and (e.get("type") != "radio" or "checked" in e)}


def get(client: Client, address: str, status: int = 200, **parameters: str) -> Page:
    """Return a page, after checking its status."""
    response = client.get(address, parameters)
    assert response.status_code == status, response.status_code
    return Page(response)


def statements(action: Callable[[], object]) -> list[str]:
    """Return the statements that an action sends, but for those that begin and end transactions."""
    with CaptureQueriesContext(connection) as captured:
        action()
    return [q["sql"] for q in captured if not re.match(r"BEGIN|COMMIT|SAVEPOINT|RELEASE", q["sql"])]


def add_characters(count: int, **fields: object) -> list[Character]:
    """Add characters in one statement."""
    start = Character.objects.count()
    return Character.objects.bulk_create(
        Character(**{"name": f"Pirate {n:03}", "description": "At sea.", **fields}) for n in range(start, start + count)
    )


@pytest.fixture
def bundled() -> None:
    """Load the data that comes with the market, as the site's own role."""
    write_crews(read_table(DATA / "crews.csv"), "default")
    write_characters(read_table(DATA / "characters.csv"), "default")


@pytest.fixture
def trader() -> User:
    """Return a trader with 100,000.00."""
    return UserFactory.create()


@pytest.fixture
def signed_in(client: Client, trader: User) -> Client:
    """Return a browser in which the trader is signed in."""
    client.force_login(trader)
    return client


def cash(user: User) -> Decimal:
    """Return a trader's cash."""
    with as_user(user):
        return Account.objects.get(user=user).balance


def held(user: User) -> dict[int, int]:
    """Return a trader's positions."""
    with as_user(user):
        return dict(Holding.objects.filter(user=user).values_list("character_id", "quantity"))


def kinds(user: User) -> list[str]:
    """Return the kinds of a trader's ledger entries, oldest first."""
    with as_user(user):
        return list(LedgerEntry.objects.filter(user=user).order_by("created_at").values_list("kind", flat=True))


def order(client: Client, character: Character, **changed: str) -> HttpResponse:
    """Open the quote page, change the ticket's fields, and send it."""
    fields = get(client, character.get_absolute_url()).fields("ticket")
    return client.post(f"/characters/{character.pk}/trade/", {**fields, **changed})


# --- what a page costs

ANONYMOUS, SIGNED_IN = False, True
# Address, who, statements with nothing cached: within a test's transaction reads go past the cache.
COSTS = [
    ("/", ANONYMOUS, 3),
    ("/", SIGNED_IN, 4),
    ("/?sort=name&min_price=1&crew=1", ANONYMOUS, 3),
    ("/?sort=name&after={first}", ANONYMOUS, 4),
    ("/?q=pirate", ANONYMOUS, 3),
    ("/?q=pyrate", ANONYMOUS, 3),
    ("/search/suggest/?q=pyr", ANONYMOUS, 1),
    ("/characters/{first}/pirate-000/", ANONYMOUS, 4),
    ("/characters/{first}/pirate-000/", SIGNED_IN, 10),
    ("/characters/{first}/preview/?action=buy&quantity=2", SIGNED_IN, 7),
    ("/compare/?a={first}", ANONYMOUS, 2),
    ("/compare/?a={first}&b={second}", ANONYMOUS, 4),
    ("/compare/?a={first}&b={second}", SIGNED_IN, 5),
    ("/crews/", ANONYMOUS, 2),
    ("/crews/?sort=members", ANONYMOUS, 2),
    ("/crews/{crew}/straw-hat-pirates/", ANONYMOUS, 5),
    ("/portfolio/", SIGNED_IN, 7),
    ("/history/", SIGNED_IN, 5),
    ("/leaderboard/", ANONYMOUS, 1),
    ("/leaderboard/", SIGNED_IN, 8),
    ("/fair/", ANONYMOUS, 3),
    ("/fair/", SIGNED_IN, 9),
    ("/prices/?id={first}&id={second}", ANONYMOUS, 1),
    ("/login/", ANONYMOUS, 0),
    ("/logout/", ANONYMOUS, 0),
    ("/signup/", ANONYMOUS, 0),
    ("/try/", ANONYMOUS, 0),
    ("/reset/", ANONYMOUS, 0),
    ("/recover/", ANONYMOUS, 0),
    ("/reset/sent/", ANONYMOUS, 0),
    ("/account/", SIGNED_IN, 3),
    ("/account/email/", SIGNED_IN, 1),
    ("/account/password/", SIGNED_IN, 1),
    ("/account/elsewhere/", SIGNED_IN, 1),
    ("/account/codes/", SIGNED_IN, 3),
    ("/account/delete/", SIGNED_IN, 6),
    ("/healthz", ANONYMOUS, 0),
    ("/readyz", ANONYMOUS, 1),
]
NOT_COUNTED = {  # the route's name: why it is not above
    "cache": "For staff, one query: tests/test_monitoring.py.",
    "trade": "An order is a POST.",
    "poster": "One query: tests/test_posters.py.",
    "share": "One query: tests/test_posters.py.",
    "data_json": "All that is stored, in parts: tests/test_downloads.py.",
    "ledger_csv": "All that is stored, in parts: tests/test_downloads.py.",
    "password_reset_confirm": "Its address holds a secret that was sent by mail: tests/test_recovery.py.",
}


def routes(patterns: Iterable[URLPattern | URLResolver] | None = None) -> set[str]:
    """Return the names of the site's routes but for those of the desk."""
    found: set[str] = set()
    for pattern in get_resolver("onepiece_market.urls").url_patterns if patterns is None else patterns:
        if isinstance(pattern, URLPattern):
            found |= {pattern.name} if pattern.name else set()
        elif pattern.namespace != "admin":
            found |= routes(pattern.url_patterns)
    return found


def test_every_route_is_counted_or_says_why_not() -> None:
    places = (address.format(first=1, second=2, crew=1).partition("?")[0] for address, _, _ in COSTS)
    counted = {resolve(place).url_name for place in places}
    assert counted & NOT_COUNTED.keys() == set()
    assert counted | NOT_COUNTED.keys() == routes()


def test_no_page_costs_more_queries_with_300_characters_than_with_3(client: Client, trader: User) -> None:
    crew = CrewFactory.create(name="Straw Hat Pirates")
    browser = Client()
    browser.force_login(trader)
    costs = []
    for count in (3, 297):
        characters = add_characters(count, bounty=0, crew=crew)
        for character in characters:
            assert order_quickly(trader, character)
        first, second = Character.objects.order_by("id").values_list("pk", flat=True)[:2]
        places = {"first": first, "second": second, "crew": crew.pk}
        for address, signed_in, _ in COSTS:
            visitor, place = (browser if signed_in else client), address.format(**places)
            visitor.get(place)  # the session is in the cache from here on
            costs.append((address, signed_in, len(statements(lambda v=visitor, p=place: get(v, p)))))
    assert costs == COSTS * 2
    assert len([e for e in get(browser, "/portfolio/").find("tr") if "id" in e.attributes]) == 300


def order_quickly(user: User, character: Character) -> bool:
    """Buy one share without a page."""
    with as_user(user), connection.cursor() as cursor:
        cursor.execute("SELECT execute_trade(%s, %s, 'buy', 1, NULL) ->> 'code'", [user.pk, character.pk])
        return bool(cursor.fetchone() == ("ok",))


# --- the board: filters, orders, pages


def test_the_board_shows_each_tradeable_character_once(client: Client, bundled: None) -> None:
    page = get(client, "/")
    assert len(page.names) == 50
    assert page.names[0] == "Gol D. Roger"


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({"min_price": "100"}, ["Rich", "Even"]),
        ({"max_price": "100"}, ["Even", "Poor"]),
        ({"min_price": "100.00", "max_price": "100"}, ["Even"]),
        ({"min_bounty": "4000001"}, ["Rich"]),
        ({"max_bounty": "4000000"}, ["Even", "Poor"]),
        ({"min_bounty": "0", "sort": "bounty"}, ["Rich", "Even", "Poor"]),
        ({"sort": "price-low"}, ["Poor", "Even", "Rich"]),
        ({"sort": "name"}, ["Even", "Poor", "Rich"]),
        ({"min_price": "99999999"}, []),
        ({"q": "even", "min_price": "101"}, []),
        ({"q": "even", "min_price": "99"}, ["Even"]),
    ],
)
def test_filters_and_orders_are_in_the_address(client: Client, filters: dict[str, str], names: list[str]) -> None:
    for name, bounty in (("Poor", 1_000_000), ("Even", 4_000_000), ("Rich", 9_000_000)):
        CharacterFactory.create(name=name, bounty=bounty)
    assert get(client, "/", **filters).names == names


def test_the_crew_filter_keeps_one_crew_and_can_be_removed(client: Client) -> None:
    crew = CrewFactory.create(name="Heart Pirates")
    CharacterFactory.create(name="Bepo", crew=crew)
    CharacterFactory.create(name="Yamato")
    page = get(client, "/", crew=str(crew.pk), sort="name")
    assert page.names == ["Bepo"]
    assert [e.attributes["value"] for e in page.find("option") if "selected" in e.attributes] == ["name", str(crew.pk)]
    (chip,) = [e for e in page.find("a") if "Heart Pirates" in e.text and "Remove" in e.text]
    assert get(client, chip.attributes["href"]).names == ["Bepo", "Yamato"]


def test_an_unreadable_filter_is_a_400_with_a_sentence_and_keeps_what_was_typed(client: Client) -> None:
    CharacterFactory.create(name="Bepo")
    page = get(client, "/", 400, min_price="cheap", q="bepo")
    assert page.find("input", name="min_price")[0].attributes["value"] == "cheap"
    assert page.find("p", id="e-min_price")[0].text == "Enter a price such as 250 or 99.50."
    assert page.names == ["Bepo"]


SORTS: dict[str, Callable[[Character], Any]] = {
    "cap": lambda c: (-(c.market_cap or 0), -c.pk),
    "bounty": lambda c: (-(c.bounty or 0), -c.pk),
    "price-high": lambda c: (-(c.current_price or 0), -c.pk),
    "price-low": lambda c: (c.current_price, c.pk),
    "name": lambda c: c.name,
}


@pytest.mark.parametrize("sort", SORTS)
def test_walking_the_pages_meets_every_character_once_in_order_also_with_ties(client: Client, sort: str) -> None:
    for bounty in (None, 0, 4_000_000, 9_000_000):
        add_characters(40, bounty=bounty)
    expected = sorted(Character.objects.exclude(bounty=None) if sort == "bounty" else Character.objects.all(), key=SORTS[sort])
    walked, address = [], f"/?sort={sort}&min_price=1"
    while address:
        page = get(client, address)
        walked.append(page.names)
        address = next((e.attributes["href"] for e in page.find("a", rel="next")), "")
        assert not address or "min_price=1" in address
    assert [name for names in walked for name in names] == [c.name for c in expected]
    assert [len(names) for names in walked[:-1]] == [50] * (len(walked) - 1)


def test_a_page_after_nobody_is_the_first_page(client: Client) -> None:
    CharacterFactory.create(name="Bepo")
    assert get(client, "/", after="999999").names == ["Bepo"]


# --- search


def test_every_bundled_character_is_the_first_answer_to_its_own_name(bundled: None) -> None:
    names = list(Character.objects.values_list("name", flat=True))
    firsts = {name: board(BoardQuery(q=name)).rows[0].name for name in names}
    assert {name: first for name, first in firsts.items() if first != name} == {}


def test_every_bundled_alias_finds_its_character(bundled: None) -> None:
    aliases = [(c.name, alias) for c in Character.objects.all() for alias in c.aliases]
    found = {alias: [row.name for row in board(BoardQuery(q=alias)).rows] for _, alias in aliases}
    assert [(name, alias) for name, alias in aliases if name not in found[alias]] == []


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("nami", "Nami"),
        ("NAMI", "Nami"),
        ("zoro", "Roronoa Zoro"),
        ("sogeking", "Usopp"),
        ("big mom", "Charlotte Linlin"),
        ("surgeon of death", "Trafalgar D. Water Law"),
        ("luf", "Monkey D. Luffy"),
        ("doflam", "Donquixote Doflamingo"),
        ("ルフィ", "Monkey D. Luffy"),
        ("roronoa zollo", "Roronoa Zoro"),
        ("lufy", "Monkey D. Luffy"),
        ("kaidoo", "Kaido"),
        ("chpper", "Tony Tony Chopper"),
        ("mihwk", "Dracule Mihawk"),
        ("who's-who", "Who's-Who"),
    ],
)
def test_search_finds_who_is_meant_first(client: Client, bundled: None, typed: str, meant: str) -> None:
    assert get(client, "/", q=typed).names[0] == meant


def test_an_exact_name_comes_before_richer_characters_who_only_contain_it(client: Client) -> None:
    CharacterFactory.create(name="Nami of the Storm", bounty=9_000_000_000, aliases=["Nami"], epithet="Nami")
    CharacterFactory.create(name="Nami", bounty=1)
    assert get(client, "/", q="nami").names == ["Nami", "Nami of the Storm"]


def test_a_guess_at_the_spelling_says_so(client: Client, bundled: None) -> None:
    assert "Nobody here is called" in get(client, "/", q="lufy").text
    assert "Nobody here is called" not in get(client, "/", q="luffy").text


@pytest.mark.parametrize("nonsense", ["xqzwvk", "12345678", "!!!", "' UNION qxzv --", "& | !", ":*", "()", "\\", "%"])
def test_nonsense_finds_nobody(client: Client, bundled: None, nonsense: str) -> None:
    page = get(client, "/", q=nonsense)
    assert page.names == []
    assert "No character matches this search." in page.text


def test_a_search_finds_who_is_not_traded_but_not_who_was_deactivated(client: Client) -> None:
    CharacterFactory.create(name="Ohara One", is_tradeable=False)
    CharacterFactory.create(name="Ohara Two", is_active=False)
    page = get(client, "/", q="ohara")
    assert page.names == ["Ohara One"]
    assert "not traded" in page.text
    assert get(client, "/").names == []


# --- the quote page


def test_a_character_without_crew_and_bounty_has_a_page(client: Client) -> None:
    character = CharacterFactory.create(name="Yamato", bounty=None, crew=None)
    page = get(client, character.get_absolute_url())
    assert Decimal(page.find("data", id="price")[0].attributes["value"]) == character.current_price == 25
    assert "Bounty unknown" in page.text


def test_a_bounty_of_nothing_has_a_page(client: Client) -> None:
    assert "no bounty" in get(client, CharacterFactory.create(bounty=0).get_absolute_url()).text


def test_a_bounty_that_became_unknown_has_a_page(client: Client) -> None:
    character = CharacterFactory.create(bounty=4_000_000)
    BountyEvent.objects.using("default").bulk_create([BountyEvent(character=character, amount=None, chapter=2)])
    page = get(client, character.get_absolute_url())
    assert "Chapter 2" in page.text
    assert "Bounty unknown" in page.text


@pytest.mark.parametrize("name", ["Trade", "Preview", "trade-", "!!!", "ナミ", "-", "Monkey D. Luffy", "x" * 100])
def test_every_name_has_an_address_that_works(client: Client, name: str) -> None:
    character = CharacterFactory.create(name=name)
    assert get(client, character.get_absolute_url()).find("h1")[0].text == name


def test_other_addresses_of_a_character_lead_to_its_own_and_keep_the_query(client: Client) -> None:
    character = CharacterFactory.create(name="Nico Robin")
    own = f"/characters/{character.pk}/nico-robin/"
    for address in (f"/characters/{character.pk}/", f"/characters/{character.pk}/robin/"):
        response = client.get(address, {"action": "sell", "quantity": "2"})
        assert (response.status_code, response["Location"]) == (302, f"{own}?action=sell&quantity=2")


def test_other_addresses_of_a_crew_lead_to_its_own(client: Client) -> None:
    crew = CrewFactory.create(name="Kid Pirates")
    assert client.get(f"/crews/{crew.pk}/")["Location"] == f"/crews/{crew.pk}/kid-pirates/"
    get(client, CrewFactory.create(name="海賊").get_absolute_url())


@pytest.mark.parametrize("address", ["/characters/999999999/", "/crews/999999999/x/", "/characters/1234567890/", "/nowhere/"])
def test_unknown_addresses_get_our_404_page(client: Client, address: str) -> None:
    assert get(client, address, 404).find("h1")[0].text == "Nothing on this chart"


def test_a_deactivated_character_keeps_its_page_but_has_no_ticket(signed_in: Client) -> None:
    crew = CrewFactory.create(name="Alabasta")
    character = CharacterFactory.create(name="Pell", crew=crew)
    assert get(signed_in, character.get_absolute_url()).find("form", id="ticket")
    Character.objects.filter(pk=character.pk).update(is_active=False)
    assert not get(signed_in, character.get_absolute_url()).find("form", id="ticket")
    assert get(signed_in, crew.get_absolute_url()).names == []


def test_names_and_searches_are_escaped(signed_in: Client) -> None:
    attack = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    crew = CrewFactory.create(name=attack)
    character = CharacterFactory.create(name=f"{attack}!", crew=crew, epithet=attack, description=attack, aliases=[attack])
    addresses = [character.get_absolute_url(), crew.get_absolute_url(), "/"]
    pages = [get(signed_in, address) for address in addresses]
    pages += [get(signed_in, "/", q=f'"{attack}'), get(signed_in, character.get_absolute_url(), quantity=f'"{attack}')]
    for page in pages:
        assert attack in page.text or f'"{attack}' in {e.attributes.get("value") for e in page.elements}
        assert [e for e in page.elements if e.tag == "script" and "src" not in e.attributes] == []
        assert [e for e in page.elements if "onerror" in e.attributes] == []


# --- the ticket


@pytest.mark.parametrize("place", ["/characters/{pk}/{slug}/", "/characters/{pk}/preview/"])
def test_the_ticket_shows_cost_fee_cash_and_position_before_the_order(signed_in: Client, trader: User, place: str) -> None:
    character = CharacterFactory.create(name="Nami")
    address = place.format(pk=character.pk, slug="nami")
    buy = "".join(e.text for e in get(signed_in, address, action="buy", quantity="3").find("div", css="preview"))
    for shown in ("3 × ฿100.00", "฿300.00", "฿3.00", "฿99,697.00", "0 → 3"):
        assert shown in buy
    assert kinds(trader) == ["opening"]
    order(signed_in, character, quantity="3")
    sell = "".join(e.text for e in get(signed_in, address, action="sell", quantity="2").find("div", css="preview"))
    for shown in ("2 × ฿100.00", "฿200.00", "฿2.00", "฿99,895.00", "3 → 1"):
        assert shown in sell


def test_what_the_preview_promised_is_what_the_order_does(signed_in: Client, trader: User) -> None:
    character = CharacterFactory.create(bounty=12_345_678)  # a price with cents: the fee is rounded up
    shown = get(signed_in, character.get_absolute_url(), action="buy", quantity="7").find("div", css="preview")[0].text
    assert order(signed_in, character, quantity="7").status_code == 302
    assert f"Cash after ฿{cash(trader):,.2f}" in shown.replace("Cash after฿", "Cash after ฿")


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"action": "buy", "quantity": "1000000"}, "insufficient_funds"),
        ({"action": "sell", "quantity": "1"}, "insufficient_shares"),
        ({"action": "buy", "quantity": "1_000"}, "invalid_quantity"),
        ({"action": "steal", "quantity": "1"}, "invalid_action"),
    ],
)
def test_the_ticket_warns_of_an_order_that_would_be_refused(signed_in: Client, asked: dict[str, str], code: str) -> None:
    character = CharacterFactory.create()
    for address in (character.get_absolute_url(), f"/characters/{character.pk}/preview/"):
        page = get(signed_in, address, **asked)
        assert [e.text for e in page.elements if e.attributes.get("data-code") == code], address


def test_the_ticket_asks_strangers_to_sign_up_and_the_preview_is_closed_to_them(client: Client) -> None:
    character = CharacterFactory.create()
    page = get(client, character.get_absolute_url())
    assert not page.find("form", id="ticket")
    assert page.find("a", href=f"/login/?next={character.get_absolute_url()}")
    assert client.get(f"/characters/{character.pk}/preview/").status_code == 403


# --- orders


def test_buying_and_selling_through_the_form(trader: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(trader)
    character = CharacterFactory.create(name="Nami")
    response = order(browser, character, quantity="10")
    assert (response.status_code, response["Location"]) == (302, character.get_absolute_url())
    page = get(browser, response["Location"])
    assert "Bought 10 × Nami at ฿100.00, fee ฿10.00." in page.text
    assert page.find("data", css="quantity")[0].attributes["value"] == "10"
    assert (cash(trader), held(trader)) == (Decimal("98990.00"), {character.pk: 10})
    order(browser, character, action="sell", quantity="10")
    assert (cash(trader), held(trader)) == (Decimal("99980.00"), {})
    assert kinds(trader) == ["opening", "buy", "sell"]


def test_an_order_without_the_csrf_token_is_refused_with_our_page(trader: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(trader)
    character = CharacterFactory.create()
    response = order(browser, character, csrfmiddlewaretoken="")
    assert response.status_code == 403
    assert Page(response).find("h1")[0].text == "This form has expired"
    assert kinds(trader) == ["opening"]


def test_sending_one_form_twice_trades_once(signed_in: Client, trader: User) -> None:
    character = CharacterFactory.create()
    fields = {**get(signed_in, character.get_absolute_url()).fields("ticket"), "quantity": "2"}
    answers = [signed_in.post(f"/characters/{character.pk}/trade/", fields).status_code for _ in range(2)]
    assert answers == [302, 302]
    assert kinds(trader) == ["opening", "buy"]
    order(signed_in, character, quantity="2")  # the control: a fresh form trades again
    assert kinds(trader) == ["opening", "buy", "buy"]


REFUSED = [
    ({"quantity": "1000000"}, 422, "insufficient_funds"),
    ({"action": "sell", "quantity": "5"}, 422, "insufficient_shares"),
    ({"quantity": "ten"}, 422, "invalid_quantity"),
    ({"quantity": ""}, 422, "invalid_quantity"),
    ({"action": "steal"}, 422, "invalid_action"),
    ({"price": "99.50"}, 409, "price_moved"),
    ({"price": "NaN"}, 422, "invalid_price"),
    ({"trade_id": "7"}, 422, "invalid_trade_id"),
]


@pytest.mark.parametrize(("typed", "status", "code"), REFUSED)
def test_a_refused_order_says_why_and_keeps_what_was_typed(
    signed_in: Client, trader: User, typed: dict[str, str], status: int, code: str
) -> None:
    character = CharacterFactory.create()
    response = order(signed_in, character, **typed)
    assert response.status_code == status
    page = Page(response)
    (reason,) = [e for e in page.elements if "data-code" in e.attributes]
    assert reason.attributes["data-code"] == code
    assert reason.text.endswith((".", "funds"))
    again = page.fields("ticket")
    assert again["quantity"] == typed.get("quantity", "1")
    assert again["action"] == ("sell" if typed.get("action") == "sell" else "buy")
    assert (cash(trader), held(trader), kinds(trader)) == (100_000, {}, ["opening"])


def test_a_refused_order_can_be_sent_again_with_the_price_of_now(signed_in: Client, trader: User) -> None:
    character = CharacterFactory.create()
    page = Page(order(signed_in, character, price="99.50", quantity="2"))
    assert signed_in.post(f"/characters/{character.pk}/trade/", page.fields("ticket")).status_code == 302
    assert held(trader) == {character.pk: 2}


@pytest.mark.parametrize(("action", "seen"), [("buy", "99.51"), ("sell", "100.50")])
def test_a_price_that_moved_by_a_sliver_is_no_reason_to_refuse(signed_in: Client, trader: User, action: str, seen: str) -> None:
    """Filled at the price of now, 100.00. Up to half a per cent: one hundredth more is refused."""
    character = CharacterFactory.create()
    order(signed_in, character, quantity="5")
    beyond = Decimal(seen) + Decimal("0.01" if action == "sell" else "-0.01")
    assert order(signed_in, character, action=action, price=str(beyond)).status_code == 409
    assert order(signed_in, character, action=action, price=seen).status_code == 302
    assert cash(trader) == 100_000 - 505 + (99 if action == "sell" else -101)


@pytest.mark.parametrize("action", ["buy", "sell"])
def test_the_dearest_price_that_can_be_sent_is_no_error(signed_in: Client, action: str) -> None:
    assert order(signed_in, CharacterFactory.create(), action=action, price="99999999.99").status_code in (302, 409)


def test_a_trade_id_used_for_another_order_is_refused(signed_in: Client, trader: User) -> None:
    character, used = CharacterFactory.create(), str(uuid.uuid4())
    order(signed_in, character, quantity="1", trade_id=used)
    response = order(signed_in, character, quantity="2", trade_id=used)
    assert response.status_code == 409
    assert [e for e in Page(response).elements if e.attributes.get("data-code") == "trade_id_reused"]
    assert held(trader) == {character.pk: 1}


@pytest.mark.parametrize("field", ["is_active", "is_tradeable"])
def test_an_order_for_a_character_that_is_no_longer_traded_is_refused_with_its_code(
    signed_in: Client, trader: User, field: str
) -> None:
    character = CharacterFactory.create()
    fields = get(signed_in, character.get_absolute_url()).fields("ticket")
    Character.objects.filter(pk=character.pk).update(**{field: False})
    response = signed_in.post(f"/characters/{character.pk}/trade/", fields)
    assert response.status_code == 422
    assert [e for e in Page(response).elements if e.attributes.get("data-code") == "not_tradeable"]
    assert kinds(trader) == ["opening"]


def test_an_order_of_a_stranger_leads_to_the_login_and_back(client: Client) -> None:
    character = CharacterFactory.create(name="Nami")
    response = client.post(f"/characters/{character.pk}/trade/", {"action": "buy", "quantity": "1"})
    assert (response.status_code, response["Location"]) == (302, f"/login/?next=/characters/{character.pk}/nami/")


# --- money


def test_the_portfolio_shows_cash_and_positions_as_values(signed_in: Client, trader: User) -> None:
    character = CharacterFactory.create()
    order(signed_in, character, quantity="10")
    page = get(signed_in, "/portfolio/")
    assert Decimal(page.find("data", id="cash")[0].attributes["value"]) == cash(trader) == 98_990
    assert Decimal(page.find("data", id="total")[0].attributes["value"]) == 99_990
    (row,) = page.find("tr", id=f"position-{character.pk}")
    assert character.name in row.text
    assert page.find("data", css="quantity")[0].attributes["value"] == "10"


def test_the_history_is_walked_to_its_end_newest_first(signed_in: Client, trader: User) -> None:
    character = CharacterFactory.create(bounty=0)
    for _ in range(60):
        assert order_quickly(trader, character)
    first = get(signed_in, "/history/")
    assert len(first.find("tr", css="trade")) == 50
    second = get(signed_in, "/history/" + first.find("a", rel="next")[0].attributes["href"])
    assert (len(second.find("tr", css="trade")), len(second.find("tr", css="deposit"))) == (10, 1)
    assert not second.find("a", rel="next")
    balances = [Decimal(e.attributes["value"]) for page in (first, second) for e in page.find("data", css="balance")]
    assert balances == sorted(balances)
    assert balances[-1] == 100_000


def test_nobody_sees_the_money_of_another(signed_in: Client) -> None:
    character, other = CharacterFactory.create(), UserFactory.create()
    assert order_quickly(other, character)
    assert not get(signed_in, "/portfolio/").find("tr", id=f"position-{character.pk}")
    assert not get(signed_in, "/history/").find("tr", css="trade")


def test_the_leaderboard_marks_the_reader(signed_in: Client, trader: User) -> None:
    UserFactory.create_batch(2)
    page = get(signed_in, "/leaderboard/")
    assert len(page.find("tr", css="leader")) == 3
    assert [trader.username in e.text for e in page.find("tr", css="me")] == [True]


@pytest.mark.django_db(transaction=True)
def test_the_crews_pages_show_numbers_that_add_up(client: Client) -> None:
    call_command("load_characters", verbosity=0)
    page = get(client, "/crews/")
    assert len(page.find("tr", css="crew")) == Crew.objects.count() == 47
    crew = Crew.objects.get(name="Straw Hat Pirates")
    (row,) = [e for e in page.find("tr", css="crew") if crew.name in e.text]
    assert "฿8,816,001,000" in row.text
    members = get(client, crew.get_absolute_url())
    assert len(members.names) == 10
    assert members.find("data", id="total-bounty")[0].attributes["value"] == "8816001000"


# --- ways on


@pytest.mark.parametrize(
    ("address", "way"),
    [
        ("/?q=xqzwvk", "/"),
        ("/?sort=name&after={last}", "/?sort=name"),
        ("/crews/", "/"),
        ("/leaderboard/", "/signup/"),
        ("/compare/", "/"),
        ("/history/", "/"),
        ("/history/?before=2000-01-01T00:00:00Z", "/history/"),
        ("/portfolio/", "/"),
    ],
)
def test_where_there_is_nothing_to_see_a_button_leads_on(client: Client, address: str, way: str) -> None:
    last = CharacterFactory.create().pk
    if address.startswith(("/history/", "/portfolio/")):
        client.force_login(UserFactory.create(is_staff=address == "/history/"))
    page = get(client, address.format(last=last))
    (empty,) = page.find("div", css="empty")
    assert page.after(empty, "a", "button")[0].attributes["href"] == way


@pytest.mark.parametrize(
    ("who", "button", "way"),
    [({"is_guest": True}, "Keep your account", "/signup/"), ({"is_staff": True}, "See the market", "/")],
)
def test_an_empty_leaderboard_asks_nobody_for_what_he_cannot_do(
    client: Client, who: dict[str, bool], button: str, way: str
) -> None:
    client.force_login(UserFactory.create(**who))
    page = get(client, "/leaderboard/")
    (empty,) = page.find("div", css="empty")
    link = page.after(empty, "a")[0]
    assert (link.text, link.attributes["href"]) == (button, way)


def test_an_empty_market_says_how_it_is_filled(client: Client) -> None:
    assert "manage.py load_characters" in get(client, "/").find("div", css="empty")[0].text


def test_all_that_can_be_reached_is_reached_in_the_order_of_the_page(signed_in: Client) -> None:
    character = CharacterFactory.create()
    order(signed_in, character, quantity="2")
    for address in ("/", "/?max_price=500", "/portfolio/", character.get_absolute_url()):
        reached = [e for e in get(signed_in, address).elements if e.tag in ("a", "button", "input", "select", "summary")]
        assert {e.attributes.get("tabindex", "0") for e in reached} == {"0"}, address


def test_the_search_in_the_head_of_a_page_has_a_button(client: Client) -> None:
    page = get(client, "/crews/")
    (form,) = page.find("form", css="site-search")
    assert page.after(form, "button")[0].attributes["type"] == "submit"
    assert page.after(form, "button")[0].text == "Search"


# --- accounts


def signup_fields(**changed: str) -> dict[str, str]:
    """Return a filled-in sign-up form."""
    return {"username": "robin", "password1": PASSWORD, "password2": PASSWORD, **changed}


def test_signing_up_opens_an_account_and_signs_in() -> None:
    browser = Client(enforce_csrf_checks=True)
    token = get(browser, "/signup/").find("input", name="csrfmiddlewaretoken")[0].attributes["value"]
    response = browser.post("/signup/", signup_fields(csrfmiddlewaretoken=token))
    assert (response.status_code, response["Location"]) == (302, "/")
    robin = User.objects.get(username="robin")
    assert (cash(robin), kinds(robin)) == (100_000, ["opening"])
    assert "Welcome aboard." in get(browser, "/").text
    assert get(browser, "/portfolio/").find("data", id="cash")


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"password2": "another"}, "The two password fields didn’t match."),
        ({"password1": "short", "password2": "short"}, "This password is too short."),
        ({"username": ""}, "This field is required."),
        ({"username": "no spaces"}, "Enter a valid username."),
        ({"username": "x" * 151}, "at most 150 characters"),
        ({"username": "taken"}, "A user with that username already exists."),
    ],
)
def test_a_refused_sign_up_says_why_and_keeps_the_name(client: Client, changed: dict[str, str], sentence: str) -> None:
    UserFactory.create(username="taken")
    response = client.post("/signup/", signup_fields(**changed))
    assert response.status_code == 422
    page = Page(response)
    assert sentence in page.text
    assert page.find("input", name="username")[0].attributes.get("value", "") == changed.get("username", "robin")
    assert User.objects.count() == 1


def account(name: str = "robin", **fields: object) -> User:
    """Return a user who can log in."""
    user = User(username=name, **fields)
    user.set_password(PASSWORD)
    user.save()
    return user


@pytest.mark.parametrize(
    ("asked", "place"),
    [
        ("", "/portfolio/"),
        ("/history/", "/history/"),
        ("/?q=nami&sort=name", "/?q=nami&sort=name"),
        ("//evil.example", "/portfolio/"),
        ("https://evil.example/", "/portfolio/"),
        ("/\\evil.example", "/portfolio/"),
        ("javascript:alert(1)", "/portfolio/"),
        ("http:///evil.example", "/portfolio/"),
        ("\x08//evil.example", "/portfolio/"),
    ],
)
def test_the_login_leads_on_to_where_one_was_but_never_to_another_site(client: Client, asked: str, place: str) -> None:
    account()
    shown = get(client, "/login/", next=asked)
    carried = [e.attributes["value"] for e in shown.find("input", name="next")]
    fields = {"username": "robin", "password": PASSWORD}
    assert client.post("/login/", {**fields, "next": asked})["Location"] == place
    assert carried in ([], [asked])
    assert client.get("/login/", {"next": asked})["Location"] == place  # and for who is signed in already


def test_a_wrong_password_says_so_and_keeps_the_name(client: Client) -> None:
    account()
    page = Page(client.post("/login/", {"username": "robin", "password": "wrong"}))
    assert "Please enter a correct username and password." in page.text
    assert page.find("input", name="username")[0].attributes["value"] == "robin"
    assert client.get("/portfolio/").status_code == 302


def test_logging_out_takes_a_form(signed_in: Client) -> None:
    assert get(signed_in, "/logout/").find("h1")[0].text == "Log out?"
    get(signed_in, "/portfolio/")
    for place in ("/", "/logout/"):
        assert get(signed_in, place).find("form", action="/logout/", method="post"), place
    assert signed_in.post("/logout/").status_code == 302
    assert signed_in.get("/portfolio/").status_code == 302


@pytest.mark.parametrize("address", ["/portfolio/", "/history/"])
def test_strangers_are_sent_to_the_login_and_back(client: Client, address: str) -> None:
    response = client.get(address)
    assert (response.status_code, response["Location"]) == (302, f"/login/?next={address}")


def test_who_is_signed_in_does_not_sign_up_again(signed_in: Client) -> None:
    assert signed_in.get("/signup/")["Location"] == "/portfolio/"
    assert signed_in.post("/signup/", signup_fields())["Location"] == "/portfolio/"
    assert User.objects.count() == 1


@pytest.fixture
def staff(client: Client) -> Client:
    """Return a browser in which a staff user, who has no account, is signed in."""
    client.force_login(UserFactory.create(is_staff=True))
    return client


def test_staff_without_an_account_are_told_so(staff: Client) -> None:
    response = staff.get("/portfolio/", follow=True)
    assert "Staff accounts do not trade." in Page(response).text
    assert "Nothing in the log" in get(staff, "/history/").text
    assert get(staff, "/leaderboard/").find("h2")[0].text == "No traders yet"


def test_staff_see_a_quote_page_that_does_not_ask_them_to_log_in(staff: Client) -> None:
    page = get(staff, CharacterFactory.create().get_absolute_url())
    assert not page.find("form", id="ticket")
    assert "Log in" not in page.find("section", css="ticket-block")[0].text


def test_an_order_of_staff_is_refused_with_its_code(staff: Client) -> None:
    character = CharacterFactory.create()
    order_fields = {"action": "buy", "quantity": "1", "price": "100.00", "trade_id": str(uuid.uuid4())}
    response = staff.post(f"/characters/{character.pk}/trade/", order_fields)
    assert response.status_code == 422
    assert [e for e in Page(response).elements if e.attributes.get("data-code") == "no_account"]


# --- the content security policy


def break_down(request: HttpRequest) -> HttpResponse:
    """Fail, for the page that says so."""
    raise RuntimeError


urlpatterns = [path("broken/", break_down), path("", include("onepiece_market.urls"))]


def inline(elements: Iterable[Element]) -> list[str]:
    """Return what a strict policy would block, or an attacker could use."""
    return [
        f"{e.tag} {name}={value}"
        for e in elements
        for name, value in [*e.attributes.items(), ("", "")]
        if name == "style"
        or name.startswith(("on", "hx-on"))
        or value.strip().lower().startswith("javascript:")
        or (not name and e.tag == "script" and (e.text or "src" not in e.attributes))
        or (not name and e.tag == "style")
    ]


@pytest.mark.urls("tests.test_pages")
def test_no_page_has_inline_code_and_every_answer_has_a_strict_policy(trader: User, bundled: None) -> None:
    visitor, browser, strict = Client(raise_request_exception=False), Client(), Client(enforce_csrf_checks=True)
    browser.force_login(trader)
    luffy = Character.objects.get(name="Monkey D. Luffy")
    order(browser, luffy)
    crew = luffy.crew.get_absolute_url()  # type: ignore[union-attr]
    places = [
        "/",
        "/?q=lufy",
        "/?min_price=x&after=1",
        luffy.get_absolute_url(),
        "/crews/",
        crew,
        "/leaderboard/",
        "/nowhere/",
    ]
    answers: list[Any] = [c.get(place) for c in (visitor, browser) for place in places]
    answers += [browser.get(place) for place in ("/portfolio/", "/history/", f"/characters/{luffy.pk}/preview/")]
    answers += [visitor.get(place) for place in ("/login/", "/signup/", "/admin/login/", "/?q=%00", "/broken/", "/healthz")]
    answers += [order(browser, luffy, quantity="x"), visitor.post("/signup/", {}), strict.post("/login/", {})]
    assert {answer.status_code for answer in answers} == {200, 400, 403, 404, 422, 500}
    for answer in answers:
        policy = set(answer["Content-Security-Policy"].split("; "))
        assert policy >= {"default-src 'self'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"}
        assert "unsafe" not in answer["Content-Security-Policy"]
        assert inline(Page(answer).elements) == [], answer.request["PATH_INFO"]


def test_the_search_for_inline_code_finds_it() -> None:
    html = "<p style='x' onclick='y'></p><script>z</script><style>a</style><a href=' JavaScript:b'></a><script src=c></script>"
    assert len(inline(Page(HttpResponse(html)).elements)) == 5


@pytest.mark.urls("tests.test_pages")
def test_a_failure_shows_our_page_and_not_a_traceback() -> None:
    answer = Client(raise_request_exception=False).get("/broken/")
    assert answer.status_code == 500
    page = Page(answer)
    assert page.find("h1")[0].text == "We sprang a leak"
    assert "RuntimeError" not in page.text
