"""Hostile input: every parameter and field, with every trick of rules 29 to 33. Nothing breaks and nothing is written."""

import uuid
from decimal import Decimal
from urllib.parse import quote

import pytest
from django.http import HttpResponse
from django.test import Client
from hypothesis import given, strategies
from hypothesis import settings as hypothesis_settings
from pytest_django.fixtures import Settings

from characters.board import FIELDS, SORTS
from characters.models import Character
from tests.factories import CharacterFactory, UserFactory
from tests.test_pages import PASSWORD, Page, account, cash, held, kinds
from trading.models import User

pytestmark = pytest.mark.django_db

NUMBERS = [
    "1_000", "１２", "٣", "1e3", "NaN", "Infinity", "-Infinity", "-5", "+5", "--5", "0x10", "1,000", "1.234", ".5", "5.", "²",
    str(10**20), "9" * 5000, "½", "1 000", "True", "null", "[]", "{}", "1;2",
]  # fmt: skip
TEXTS = [
    "\0", "a\0b", "' OR 1=1 --", "'; DROP TABLE users; --", '"', "\\", "%s", "%(x)s", "{{7*7}}", "${7*7}",
    "<script>alert(1)</script>", "../../etc/passwd", "\r\nSet-Cookie: evil=1", "\u202e", "\ufeff", "\U0010ffff",
    "e" + "\u0301" * 90, "a & b | !c <-> (d", "x" * 5000,
]  # fmt: skip
KEYS = [
    "password", "?", "-?", "-password", "groups__name", "crew__name", "pk", "name;", "current_price", "-market_cap", "CAP",
    "__class__",
]  # fmt: skip
SURROGATE = "%ED%A0%80"  # a lone surrogate, as raw bytes
HOSTILE = [*NUMBERS, *TEXTS, *KEYS]


@pytest.fixture
def character() -> Character:
    """Return somebody to trade."""
    return CharacterFactory.create(name="Nami")


@pytest.fixture
def trader() -> User:
    """Return a trader with 100,000.00."""
    return UserFactory.create()


@pytest.fixture
def browser(trader: User) -> Client:
    """Return a browser in which the trader is signed in. It raises what would be a 500."""
    client = Client()
    client.force_login(trader)
    return client


def untouched(user: User) -> bool:
    """Tell whether a trader has what he began with."""
    return (cash(user), held(user), kinds(user)) == (Decimal(100_000), {}, ["opening"])


def code_of(response: HttpResponse) -> list[str]:
    """Return the codes of the refusals that a page shows with a sentence."""
    return [e.attributes["data-code"] for e in Page(response).elements if "data-code" in e.attributes and e.text.endswith(".")]


# --- addresses


def is_refused(field: str, value: str) -> bool:
    """Tell whether the board must refuse this value instead of guessing what is meant."""
    return "\0" in value or (len(value) > 100 if field == "q" else value not in SORTS if field == "sort" else True)


@pytest.mark.parametrize("field", FIELDS)
def test_the_board_refuses_each_hostile_value_with_a_sentence(character: Character, client: Client, field: str) -> None:
    for value in HOSTILE:
        response = client.get("/", {field: value})
        page = Page(response)
        assert response.status_code == (400 if is_refused(field, value.strip()) else 200), value
        if response.status_code == 400 and "\0" not in value:
            assert page.find("p", id=f"e-{field}") or page.find("div", role="alert"), value
            assert page.find("li")[0].text, value
    assert client.get("/", {field: "name" if field == "sort" else "1"}).status_code == 200  # the control


@pytest.mark.parametrize("place", ["/", "/history/", "/characters/{pk}/nami/", "/characters/{pk}/preview/", "/login/", "/crews/"])
def test_a_lone_surrogate_and_odd_encodings_break_no_page(browser: Client, character: Character, place: str) -> None:
    address, names = place.format(pk=character.pk), (*FIELDS, "before", "action", "quantity", "unknown")
    for raw in (SURROGATE, "%FF%FE", "%C0%80", "%", "%u0000", "%E0%80%80", "1&&&=&", "1&q=2&quantity=3", "[]"):
        query = "&".join(f"{name}={raw}" for name in names)
        assert browser.get(f"{address}?{query}").status_code in (200, 302, 400)


@pytest.mark.parametrize("field", ["crew", "after"])
@pytest.mark.parametrize("value", ["2147483648", "-1", "0", "999999999999999"])
def test_ids_beyond_integer_are_refused_and_unknown_ones_find_nothing_wrong(client: Client, field: str, value: str) -> None:
    assert client.get("/", {field: value}).status_code == (200 if value == "0" else 400)


@hypothesis_settings(max_examples=100, derandomize=True, deadline=None)
@given(strategies.text(min_size=1, max_size=100))
def test_no_search_breaks_the_board(text: str) -> None:
    assert Client().get("/", {"q": text}).status_code == (400 if "\0" in text else 200)


BEFORE = [
    "9999-99-99", "-1", "now", "infinity", "2026-11-22", "2026-11-22T00:00:00", "0001-01-01T00:00:00+00:00",
    "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999-14:00", "2026-11-22T00:00:00+23:59", "2026-11-22T00:00:00-23:59:59",
    "2026-11-22T00:00:00+00:00:00.000001", "2026-W47-7T00:00:00Z", "20261122T000000Z", "２０２６-11-22T00:00:00Z",
]  # fmt: skip


@pytest.mark.parametrize("value", [*BEFORE, *NUMBERS, *TEXTS])
def test_no_moment_breaks_the_history(browser: Client, value: str) -> None:
    assert browser.get("/history/", {"before": value}).status_code == (400 if "\0" in value else 200)


@pytest.mark.parametrize("field", ["action", "quantity"])
@pytest.mark.parametrize("place", ["/characters/{pk}/nami/", "/characters/{pk}/preview/"])
def test_no_asked_order_breaks_the_ticket(browser: Client, trader: User, character: Character, place: str, field: str) -> None:
    for value in HOSTILE:
        response = browser.get(place.format(pk=character.pk), {field: value})
        assert response.status_code == (400 if "\0" in value else 200), value
        assert "\0" in value or "Cash after" not in Page(response).text, value
    assert untouched(trader)
    control = browser.get(place.format(pk=character.pk), {field: {"action": "sell", "quantity": "2"}[field]})
    assert control.status_code == 200


@pytest.mark.parametrize(
    "pk",
    ["1234567890", "99999999999999999999", "-1", "1_0", "１", "٣", "1e3", "0x1", "1.0", "0", "%00", "NaN", SURROGATE],
)
def test_no_id_in_an_address_breaks_anything(browser: Client, trader: User, pk: str) -> None:
    for place in ("/characters/{}/", "/characters/{}/x/", "/characters/{}/preview/", "/crews/{}/", "/crews/{}/x/"):
        assert browser.get(place.format(quote(pk, safe="%"))).status_code == (400 if pk == "%00" else 404)
    trade = browser.post(f"/characters/{quote(pk, safe='%')}/trade/", {"trade_id": str(uuid.uuid4())})
    assert trade.status_code == (400 if pk == "%00" else 404)
    assert untouched(trader)


@pytest.mark.parametrize("address", ["/?\0=1", "/\0", "/?q=%00", "/?%00=q", "/characters/%00/", "/?q=a&q=%00"])
def test_a_nul_in_an_address_is_a_400_with_our_page(client: Client, address: str) -> None:
    response = client.get(address.replace("\0", "%00"))
    assert response.status_code == 400
    assert Page(response).find("h1")[0].text == "That message was unreadable"


@pytest.mark.parametrize("name", ["sessionid", "csrftoken", "messages", "anything"])
def test_a_nul_in_a_quoted_cookie_is_a_400(client: Client, name: str) -> None:
    assert client.get("/", headers={"cookie": f'{name}="\\000"'}).status_code == 400
    assert client.get("/", headers={"cookie": f'{name}="\\101"'}).status_code == 200


@pytest.mark.parametrize("value", ["x" * 5000, "'--", "../../x", '"', "é", "%00", "a b", "*", "x:y:z\r\n"])
@pytest.mark.parametrize("name", ["sessionid", "csrftoken"])
def test_no_cookie_signs_anybody_in(client: Client, name: str, value: str) -> None:
    assert client.get("/portfolio/", headers={"cookie": f"{name}={value}"}).status_code == 302


def test_a_foreign_host_is_a_400(client: Client) -> None:
    assert client.get("/", headers={"host": "evil.example"}).status_code == 400
    assert client.get("/", headers={"host": "localhost"}).status_code == 200


def test_a_very_long_query_is_no_redirect_that_breaks(client: Client, character: Character) -> None:
    assert client.get(f"/characters/{character.pk}/?action={'y' * 100_000}").status_code == 400
    assert client.get(f"/characters/{character.pk}/?x={'y' * 1000}").status_code == 302


@pytest.mark.parametrize("following", ["/login/", "/login/?next=/login/", "/logout/", "/signup/"])
def test_no_place_to_go_on_to_breaks_the_login(browser: Client, following: str) -> None:
    assert browser.get("/login/", {"next": following}).status_code == 302


# --- orders


def ticket(**changed: str) -> dict[str, str]:
    """Return an order that would be executed, with these fields changed."""
    return {"action": "buy", "quantity": "1", "price": "100.00", "trade_id": str(uuid.uuid4()), **changed}


UUIDS = [
    "1" * 36, "z" * 36, f"{{{uuid.uuid4()}}}", f"urn:uuid:{uuid.uuid4()}", "1234_5678" * 4, "1" * 32 + "----", "-" * 36,
]  # fmt: skip
WIDE = str(uuid.UUID(int=1)).replace("0", "０")  # full-width digits
ORDER = {
    "action": ["", "BUY", "buy ", "buy\0", "both", "delete", "1"],
    "quantity": ["", "0", "1000001", "2147483648", " ", "1\0", "1.5"],
    "price": ["0", "0.00", "-1", "100.001", "999999999", "100\0"],
    "trade_id": ["", *UUIDS, WIDE],
}


@pytest.mark.parametrize("field", ORDER)
def test_every_hostile_order_is_refused_with_code_and_sentence(
    browser: Client, trader: User, character: Character, field: str
) -> None:
    plain = {"price": ["5.", "1.234", ".5"]}.get(field, [])
    for value in [*HOSTILE, *ORDER[field], *plain]:
        response = browser.post(f"/characters/{character.pk}/trade/", ticket(**{field: value}))
        assert response.status_code == 422, (value, response.status_code)
        assert code_of(response) == [f"invalid_{field}"], value
    assert untouched(trader)
    assert browser.post(f"/characters/{character.pk}/trade/", ticket()).status_code == 302  # the control


@pytest.mark.parametrize("field", ["action", "quantity", "trade_id"])
def test_an_order_that_lacks_a_field_is_refused_not_guessed(
    browser: Client, trader: User, character: Character, field: str
) -> None:
    fields = ticket()
    del fields[field]
    response = browser.post(f"/characters/{character.pk}/trade/", fields)
    assert (response.status_code, code_of(response)) == (422, [f"invalid_{field}"])
    assert untouched(trader)


BODIES = [
    (b"{}", "application/json"),
    (b"quantity=%ED%A0%80&action=buy", "application/x-www-form-urlencoded"),
    (b"\xff\xfe\x00", "application/x-www-form-urlencoded"),
    (b"action=buy&quantity=1", "application/x-www-form-urlencoded; charset=nonsense"),
    (b"no parts", "multipart/form-data; boundary=x"),
    (b"no boundary", "multipart/form-data"),
    (
        b"--x\r\nContent-Disposition: form-data; name=quantity; filename=f\r\n\r\n1\r\n--x--",
        "multipart/form-data; boundary=x",
    ),
    (b"&".join(b"f%d=1" % n for n in range(2000)), "application/x-www-form-urlencoded"),
    (b"quantity=" + b"1" * 2_000_000, "application/x-www-form-urlencoded"),
]


@pytest.mark.parametrize(("body", "kind"), BODIES, ids=[f"{kind}-{len(body)}" for body, kind in BODIES])
@pytest.mark.parametrize("place", ["/characters/{pk}/trade/", "/signup/", "/login/"])
def test_a_body_that_is_no_form_is_a_4xx_with_a_page(
    character: Character, trader: User, place: str, body: bytes, kind: str
) -> None:
    browser = Client()
    if "trade" in place:
        browser.force_login(trader)
    response = browser.generic("POST", place.format(pk=character.pk), body, kind)
    refused = range(400, 500) if "login" not in place else (200, *range(400, 500))  # Django's login shows its form again
    assert response.status_code in refused
    assert Page(response).find("h1")[0].text
    assert untouched(trader)
    assert User.objects.count() == 1


# --- accounts


@pytest.fixture
def many_tries(settings: Settings) -> None:
    """Lock nobody out: hundreds of passwords are typed here, and that is not what is tested."""
    settings.AXES_ENABLED = False
    settings.MARKET_SIGNUPS_PER_DAY = 1000


def test_every_hostile_sign_up_makes_a_whole_account_or_none(many_tries: None) -> None:
    for field in ("username", "password1", "password2"):
        for value in HOSTILE:
            before = User.objects.count()
            fields = {"username": "robin", "password1": PASSWORD, "password2": PASSWORD, field: value}
            response = Client().post("/signup/", fields)
            if field == "username" and response.status_code == 302:
                assert untouched(User.objects.latest("id")), value
                assert User.objects.count() == before + 1
                continue
            assert response.status_code == 422, value
            assert Page(response).find("ul", css="errorlist"), value
            assert User.objects.count() == before


def test_two_spellings_of_one_name_are_one_account(client: Client) -> None:
    account("robin")
    for name in ("ｒｏｂｉｎ", "robin"):
        response = client.post("/signup/", {"username": name, "password1": PASSWORD, "password2": PASSWORD})
        assert response.status_code == 422


def test_no_hostile_login_signs_in_or_breaks(many_tries: None) -> None:
    account("robin")
    for field in ("username", "password"):
        for value in HOSTILE if field == "password" else TEXTS:
            browser = Client()
            response = browser.post("/login/", {"username": "robin", "password": PASSWORD, field: value})
            assert response.status_code == 422, value
            assert Page(response).find("div", role="alert") or Page(response).find("ul", css="errorlist"), value
            assert browser.get("/portfolio/").status_code == 302
    assert Client().post("/login/", {"username": "robin", "password": PASSWORD}).status_code == 302  # the control


# --- methods and tokens

READ_ONLY = [
    "/", "/characters/{pk}/nami/", "/crews/", "/crews/1/", "/portfolio/", "/history/", "/leaderboard/", "/healthz", "/readyz",
]  # fmt: skip
NOT_ALLOWED = [
    *[(method, place) for place in READ_ONLY for method in ("post", "put", "patch", "delete")],
    *[(method, "/characters/{pk}/trade/") for method in ("put", "patch", "delete")],
    *[(method, "/characters/{pk}/preview/") for method in ("post", "put", "delete")],
    *[(method, "/logout/") for method in ("put", "delete")],
    *[(method, "/login/") for method in ("patch", "delete")],
    *[(method, "/signup/") for method in ("put", "patch", "delete")],
]


@pytest.mark.parametrize(("method", "place"), NOT_ALLOWED)
def test_wrong_methods_are_refused_and_do_nothing(trader: User, character: Character, method: str, place: str) -> None:
    browser = Client()
    if place not in ("/signup/", "/login/"):
        browser.force_login(trader)
    assert getattr(browser, method)(place.format(pk=character.pk), ticket()).status_code == 405
    assert untouched(trader)


@pytest.mark.parametrize("place", ["/characters/{pk}/trade/", "/signup/", "/login/", "/logout/"])
@pytest.mark.parametrize("token", ["", "x", "\0", "a" * 64])
def test_a_form_without_our_token_is_a_403_with_our_page(trader: User, character: Character, place: str, token: str) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(trader)
    strict.get("/portfolio/")
    response = strict.post(place.format(pk=character.pk), {**ticket(), "csrfmiddlewaretoken": token})
    assert response.status_code == 403
    assert Page(response).find("h1")[0].text == "This form has expired"
    assert strict.get("/portfolio/").status_code == 200
    assert untouched(trader)
