"""Guests: one click, limited by address, kept when they sign up, closed when they stay away."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.contrib.sessions.models import Session
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

import sql
from tests.clients import connect, in_threads
from tests.factories import CharacterFactory, UserFactory
from trading.addresses import UNKNOWN, client_address, keyed_hash
from trading.binding import as_user
from trading.daily_limits import seconds_to_tomorrow
from trading.models import Account, LedgerEntry, User
from trading.signing_up import TakenError

pytestmark = pytest.mark.django_db(transaction=True)

HERE = {"origin": "http://testserver"}
type Settings = Any


def try_out(client: Client, headers: dict[str, str] = HERE, **fields: str) -> Any:
    """Press the button."""
    return client.post("/try/", fields, headers=headers)


def test_one_click_makes_a_guest_with_an_ordinary_account(client: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    assert try_out(strict)["Location"] == "/"
    guest = User.objects.get()
    assert guest.is_guest
    assert guest.username.startswith("Guest-")
    assert not guest.has_usable_password()
    with as_user(guest):
        assert Account.objects.get().balance == 100_000
        assert [entry.kind for entry in LedgerEntry.objects.all()] == ["opening"]
    assert guest.username.removeprefix("Guest") in strict.get("/portfolio/").content.decode()


def test_the_click_leads_back_to_where_one_was(client: Client) -> None:
    assert try_out(client, next="/crews/?x=1")["Location"] == "/crews/?x=1"
    assert try_out(client, next="/leaderboard/")["Location"] == "/leaderboard/"  # and who is signed in already goes on
    assert User.objects.count() == 1


def test_on_a_quote_page_the_welcome_points_to_the_ticket(client: Client) -> None:
    place = CharacterFactory.create().get_absolute_url()
    try_out(client, next=place)
    assert "place your order below" in client.get(place).content.decode()


@pytest.mark.parametrize(
    "place", ["//evil.example", "https://evil.example/", "javascript:alert(1)", "/try/", "\0", "/" + "x" * 3000]
)
def test_no_next_leads_elsewhere_or_in_circles(place: str) -> None:
    assert try_out(Client(), next=place)["Location"] == "/"


@pytest.mark.parametrize(
    ("headers", "welcome"),
    [
        (HERE, True),
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"referer": "http://testserver/crews/"}, True),
        ({}, False),
        ({"origin": "null"}, False),
        ({"origin": "http://evil.example"}, False),
        ({"origin": "http://testserver.evil.example"}, False),
        ({"origin": "http://testserver@evil.example"}, False),
        ({"origin": "http://[bad"}, False),
        ({"origin": "http://evil.example", "sec-fetch-site": "same-origin", "referer": "http://testserver/"}, False),
        ({"sec-fetch-site": "cross-site", "referer": "http://testserver/"}, False),
        ({"sec-fetch-site": "same-site"}, False),
        ({"referer": "http://evil.example/?http://testserver/"}, False),
    ],
)
def test_other_sites_cannot_press_the_button(headers: dict[str, str], welcome: bool) -> None:
    browser = Client()
    response = try_out(browser, headers)
    assert response.status_code == (302 if welcome else 403)
    assert User.objects.count() == welcome
    if not welcome:
        assert 'data-code="cross_site"' in response.content.decode()
        assert not browser.cookies


def test_the_page_with_the_button_needs_no_token(client: Client) -> None:
    page = client.get("/try/", {"next": "/crews/"}).content.decode()
    assert '<form method="post" action="/try/">' in page
    assert 'name="next" value="/crews/"' in page
    assert "csrfmiddlewaretoken" not in page


# --- limits


@pytest.mark.parametrize("cache", ["on", "off"])
def test_the_address_that_made_its_guests_of_today_is_told_when_to_come_back(settings: Settings, cache: str) -> None:
    if cache == "off":
        settings.CACHES = {alias: {**options, "LOCATION": "redis://127.0.0.1:1/1"} for alias, options in settings.CACHES.items()}
    settings.MARKET_GUESTS_PER_DAY = 2
    assert [try_out(Client()).status_code for _ in range(3)] == [302, 302, 429]
    response = try_out(Client())
    assert 0 < int(response["Retry-After"]) <= 86_400
    assert 'data-code="too_many_accounts"' in response.content.decode()
    assert User.objects.count() == 2
    assert Client().post("/try/", headers=HERE, REMOTE_ADDR="198.51.100.7").status_code == 302  # the neighbour


def test_sign_ups_are_limited_too_and_refused_forms_do_not_count(settings: Settings) -> None:
    settings.MARKET_SIGNUPS_PER_DAY = 1
    fields = {"password1": "a-long-secret-9", "password2": "a-long-secret-9"}
    answers = [Client().post("/signup/", {**fields, "username": name}) for name in ("no spaces", "robin", "zoro")]
    assert [answer.status_code for answer in answers] == [422, 302, 429]
    page = answers[-1].content.decode()
    assert ('data-code="too_many_accounts"' in page, 'value="zoro"' in page, "Retry-After" in answers[-1]) == (True, True, True)
    assert list(User.objects.values_list("username", flat=True)) == ["robin"]


def test_sign_up_forms_are_limited_before_they_tell_whose_address_is_known(settings: Settings) -> None:
    settings.MARKET_SIGNUPS_PER_DAY = 1
    UserFactory(email="robin@example.com")
    fields = {"username": "zoro", "password1": "a-long-secret-9", "password2": "other"}
    addresses = ["robin@example.com", "nobody@example.com"] * 6
    answers = [Client().post("/signup/", {**fields, "email": address}) for address in addresses]
    assert [answer.status_code for answer in answers] == [422] * 10 + [429] * 2
    told = [re.sub(r'name="csrfmiddlewaretoken" value="\w+"|\w+@example.com', "", a.content.decode()) for a in answers]
    assert (told[0] == told[1], told[10] == told[11]) == (False, True)
    assert ('data-code="too_many_forms"' in told[10], 'value="zoro"' in told[10]) == (True, True)
    assert 0 < int(answers[-1]["Retry-After"]) <= 86_400


def test_a_sign_up_that_is_refused_at_the_last_moment_is_not_counted(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.MARKET_SIGNUPS_PER_DAY = 1
    fields = {"username": "robin", "password1": "a-long-secret-9", "password2": "a-long-secret-9"}

    def taken(*_: object) -> None:
        raise TakenError

    with monkeypatch.context() as moment:
        moment.setattr("trading.signing_up.claim", taken)
        assert Client().post("/signup/", fields).status_code == 422
    assert Client().post("/signup/", fields).status_code == 302


def test_a_forged_address_does_not_lift_the_limit(settings: Settings) -> None:
    settings.MARKET_GUESTS_PER_DAY = 2
    answers = [try_out(Client(), {**HERE, "x-forwarded-for": f"10.0.0.{n}"}) for n in range(3)]
    assert [answer.status_code for answer in answers] == [302, 302, 429]


def test_guests_leave_room_for_sign_ups(settings: Settings) -> None:
    settings.MARKET_GUESTS_PER_DAY = settings.MARKET_SIGNUPS_PER_DAY = 1
    fields = {"username": "robin", "password1": "a-long-secret-9", "password2": "a-long-secret-9"}
    assert [try_out(Client()).status_code, Client().post("/signup/", fields).status_code] == [302, 302]


def test_the_limit_of_zero_closes_the_door(settings: Settings) -> None:
    settings.MARKET_GUESTS_PER_DAY = 0
    assert try_out(Client()).status_code == 429


def counted_of(clients: int, most: int) -> int:
    """Ask for this many daily_counts at once, each in a transaction of its own; return how many were admitted."""

    def client(_: int) -> bool:
        with connect() as connection:
            return connection.execute("SELECT count_today('guest', 'x', %s)", [most]).fetchone() == (True,)

    return sum(in_threads(client, list(range(clients))))


def test_of_many_at_once_exactly_as_many_as_allowed_are_admitted() -> None:
    assert counted_of(16, 5) == 5


def test_without_its_condition_all_are_admitted() -> None:
    """Negative control."""
    text = sql.read("functions/count_today")
    guard = " WHERE daily_counts.counted < p_most"
    assert text.count(guard) == 1
    with connections["owner"].cursor() as cursor:
        cursor.execute(sql.again(text.replace(guard, "")))
        try:
            assert counted_of(16, 5) == 16
        finally:
            cursor.execute(sql.again(text))


def test_only_a_keyed_hash_of_the_address_is_kept_and_not_beyond_the_day(settings: Settings) -> None:
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    assert try_out(Client()).status_code == 302
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE daily_counts SET day = %s", [yesterday])
        assert try_out(Client()).status_code == 302
        cursor.execute("SELECT day, address, kind, counted FROM daily_counts")
        ((day, address, *rest),) = cursor.fetchall()
    assert day == yesterday + timedelta(days=1)
    assert rest == ["guest", 1]
    assert address == keyed_hash("127.0.0.1")
    assert len(address) == 64
    settings.SECRET_KEY = "another"
    assert address != keyed_hash("127.0.0.1")


def test_the_site_cannot_read_the_counts() -> None:
    with connect() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("SELECT * FROM daily_counts")


def test_a_name_that_is_taken_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    names = iter(["Guest-Teal-Cod-1000", "Guest-Teal-Cod-1000", "Guest-Teal-Cod-1001"])
    monkeypatch.setattr("trading.guests.guest_name", lambda: next(names))
    assert [try_out(Client()).status_code for _ in range(2)] == [302, 302]
    assert User.objects.count() == 2


def test_the_day_ends_at_midnight() -> None:
    assert 1 <= seconds_to_tomorrow() <= 86_400


@pytest.mark.parametrize(
    ("proxies", "forwarded", "remote", "address"),
    [
        (0, "203.0.113.9", "198.51.100.7", "198.51.100.7"),
        (1, "10.9.9.9, 203.0.113.9", "198.51.100.7", "203.0.113.9"),
        (2, "10.9.9.9, 203.0.113.9, 192.0.2.1", "198.51.100.7", "203.0.113.9"),
        (2, "203.0.113.9", "198.51.100.7", "198.51.100.7"),  # it came past our proxies
        (1, "nonsense", "198.51.100.7", UNKNOWN),
        (0, "", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        (0, "", "::ffff:198.51.100.7", "198.51.100.7"),
        (0, "", "", UNKNOWN),
    ],
)
def test_the_visitors_address_is_found_behind_as_many_proxies_as_we_trust(
    settings: Settings, rf: Any, proxies: int, forwarded: str, remote: str, address: str
) -> None:
    settings.MARKET_TRUSTED_PROXIES = proxies
    request = rf.get("/", headers={"x-forwarded-for": forwarded}, REMOTE_ADDR=remote)
    assert client_address(request) == address


# --- days


@pytest.mark.parametrize("is_guest", [False, True])
def test_a_visit_is_noted_once_a_day_and_keeps_the_login(
    client: Client, is_guest: bool, django_assert_num_queries: Callable[[int], Any]
) -> None:
    trader = UserFactory(is_guest=is_guest, last_seen=date(2026, 1, 1))
    client.force_login(trader)
    soon = datetime.now(UTC) + timedelta(hours=1)
    Session.objects.update(expire_date=soon)
    with CaptureQueriesContext(connection) as first:
        client.get("/crews/")
    assert sum("UPDATE" in query["sql"] for query in first) == 2  # the day, and the session
    with django_assert_num_queries(1):  # who it is; the crews are cached
        assert "sessionid" not in client.get("/crews/").cookies
    trader.refresh_from_db()
    assert trader.last_seen == datetime.now(UTC).date()
    assert Session.objects.get().expire_date > soon + timedelta(days=13)
