"""Names, passwords and e-mail addresses: what lets in, what does not, and who learns what."""

import re
import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.conf import settings as django_settings
from django.contrib.auth.hashers import identify_hasher
from django.contrib.auth.tokens import default_token_generator
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import connections
from django.test import Client

from tests.clients import in_threads
from tests.factories import CharacterFactory, UserFactory
from tests.money import money_of, trade_by_sql
from trading.models import User

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = "a-long-secret-9"
NEW = "another-secret-7"
type Settings = Any


@pytest.fixture(params=["cache on", "cache off"])
def cache(request: pytest.FixtureRequest, settings: Settings) -> None:
    """Run with the cache, and with none that answers."""
    if request.param == "cache off":
        settings.CACHES = {
            alias: {**options, "LOCATION": "redis://127.0.0.1:1/1"} for alias, options in django_settings.CACHES.items()
        }


def person(name: str = "Robin", **fields: Any) -> User:
    """Return a trader with the password."""
    user = User(username=name, **fields)
    user.set_password(PASSWORD)
    user.save()
    return user


def log_in(name: str = "Robin", password: str = PASSWORD, client: Client | None = None, **extra: Any) -> Any:
    """Send the login form."""
    return (client or Client()).post("/login/", {"username": name, "password": password}, **extra)


def fields(name: str = "Robin", **more: str) -> dict[str, str]:
    """Return a filled-in sign-up form."""
    return {"username": name, "password1": PASSWORD, "password2": PASSWORD, **more}


def inside(client: Client) -> bool:
    """Return whether this browser is logged in."""
    return bool(client.get("/portfolio/").status_code == 200)


# --- names


def test_a_name_logs_in_in_any_case() -> None:
    person()
    assert [log_in(name).status_code for name in ("Robin", "robin", "ROBIN")] == [302, 302, 302]


def test_old_names_that_differ_in_case_only_each_log_in_as_typed() -> None:
    person("robin")
    UserFactory(username="ROBIN", password="!")
    assert log_in("robin").status_code == 302
    assert log_in("Robin").status_code == 422  # who of the two?


@pytest.mark.parametrize("name", ["robin", "ROBIN", "Guest-Amber-Gull-1234", "guest-x", "closed-1", "Closed-x"])
def test_no_sign_up_takes_a_name_in_another_case_or_one_that_looks_like_ours(client: Client, name: str) -> None:
    person()
    assert client.post("/signup/", fields(name)).status_code == 422
    assert User.objects.count() == 1


@pytest.mark.parametrize("guests", [False, True])
def test_of_eight_who_sign_up_with_one_name_at_once_one_gets_it(guests: bool) -> None:
    browsers = [Client() for _ in range(8)]
    for browser in browsers if guests else ():
        browser.post("/try/", headers={"origin": "http://testserver"})

    def visitor(number: int) -> int:
        try:
            return int(browsers[number].post("/signup/", fields("rObin" if number % 2 else "Robin")).status_code)
        finally:
            connections.close_all()

    assert sorted(in_threads(visitor, list(range(8)))) == [302] + [422] * 7
    assert User.objects.filter(is_guest=False).count() == 1


def test_new_passwords_are_hashed_with_argon2(client: Client) -> None:
    client.post("/signup/", fields())
    assert identify_hasher(User.objects.get().password).algorithm == "argon2"


@pytest.mark.parametrize("password", ["short-9", "password123", "robin-of-ohara"])
def test_a_password_that_is_short_common_or_like_the_name_is_refused(client: Client, password: str) -> None:
    sent = fields("robin-of-oharas", password1=password, password2=password)
    assert client.post("/signup/", sent).status_code == 422
    assert not User.objects.exists()


# --- a guest signs up


def test_a_guest_who_signs_up_keeps_user_money_and_this_login(client: Client) -> None:
    character = CharacterFactory()
    client.post("/try/", headers={"origin": "http://testserver"})
    guest = User.objects.get()
    assert trade_by_sql(guest.pk, guest.pk, character.pk, "buy", 7)["code"] == "ok"
    before = money_of(guest)
    response = client.post("/signup/", fields(next="/history/"))
    assert (response.status_code, response["Location"]) == (302, "/history/")
    kept = User.objects.get()
    assert (kept.pk, kept.username, kept.is_guest) == (guest.pk, "Robin", False)
    assert money_of(kept) == before
    assert inside(client)
    assert log_in("robin").status_code == 302


def test_a_guest_is_told_why_his_sign_up_is_refused_and_stays_a_guest(client: Client) -> None:
    person()
    client.post("/try/", headers={"origin": "http://testserver"})
    response = client.post("/signup/", fields("robin"))
    assert response.status_code == 422
    assert "Keep your account" in response.content.decode()
    assert User.objects.filter(is_guest=True).count() == 1
    assert inside(client)


def test_a_guest_is_asked_before_he_logs_out_and_nobody_else_is(client: Client) -> None:
    client.post("/try/", headers={"origin": "http://testserver"})
    response = client.post("/logout/")
    assert (response.status_code, "Sign up to keep your positions" in response.content.decode()) == (200, True)
    assert inside(client)
    assert client.post("/logout/", {"confirm": "yes"})["Location"] == "/"
    assert not inside(client)
    client.force_login(person())
    assert client.post("/logout/").status_code == 302


# --- passwords


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize(
    ("place", "form"),
    [
        ("/account/password/", {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}),
        ("/account/elsewhere/", {"password": PASSWORD}),
    ],
)
def test_changing_the_password_ends_other_logins_and_keeps_this_one(place: str, form: dict[str, str]) -> None:
    person()
    here, there = Client(), Client()
    log_in(client=here)
    log_in(client=there)
    assert (inside(here), inside(there)) == (True, True)
    assert here.post(place, form)["Location"] == "/account/"
    assert (inside(here), inside(there)) == (True, False)


@pytest.mark.parametrize(
    ("place", "form"),
    [
        ("/account/password/", {"old_password": "wrong", "new_password1": NEW, "new_password2": NEW}),
        ("/account/elsewhere/", {"password": "wrong"}),
        ("/account/email/", {"password": "wrong", "email": "r@example.com"}),
        ("/account/email/", {"email": "r@example.com"}),
    ],
)
def test_nothing_of_the_account_changes_without_the_password(client: Client, place: str, form: dict[str, str]) -> None:
    user = person()
    client.force_login(user)
    assert client.post(place, form).status_code == 422
    before = (user.password, user.email)
    user.refresh_from_db()
    assert (user.password, user.email) == before


# --- e-mail


@pytest.mark.parametrize("guest", [False, True])
def test_an_address_given_at_sign_up_is_kept(client: Client, guest: bool) -> None:
    if guest:
        client.post("/try/", headers={"origin": "http://testserver"})
    assert client.post("/signup/", fields(email="r@example.com")).status_code == 302
    assert User.objects.get().email == "r@example.com"


def test_an_address_is_added_shown_to_its_owner_only_and_removed(client: Client) -> None:
    user = person()
    client.force_login(user)
    assert client.post("/account/email/", {"email": "r@example.com", "password": PASSWORD}).status_code == 302
    assert "r@example.com" in client.get("/account/").content.decode()
    other = Client()
    other.force_login(UserFactory())
    for place in ("/leaderboard/", "/account/", "/"):
        assert "r@example.com" not in other.get(place).content.decode()
    assert client.post("/account/email/", {"email": "", "password": PASSWORD}).status_code == 302
    user.refresh_from_db()
    assert user.email == ""


def test_an_address_belongs_to_one_account_in_any_case(client: Client) -> None:
    person(email="R@example.com")
    assert client.post("/signup/", fields("zoro", email="r@EXAMPLE.com")).status_code == 422
    client.force_login(UserFactory())
    assert client.post("/signup/", fields("zoro", email="x")).status_code == 302  # logged in already
    user = person("nami")
    client.force_login(user)
    assert client.post("/account/email/", {"email": "r@example.COM", "password": PASSWORD}).status_code == 422
    with pytest.raises(Exception, match="users_email_key"):
        User.objects.filter(pk=user.pk).update(email="r@example.com")


def letters() -> list[mail.EmailMessage]:
    """Return the letters that were sent, once those on their way have arrived."""
    for thread in threading.enumerate():
        if thread.name == "letter":
            thread.join(10)
    return list(mail.outbox)


def letter_link() -> str:
    """Return the address in the last letter."""
    (link,) = re.findall(r"http://testserver(/reset/\S+)", str(letters()[-1].body))
    return str(link)


def test_a_forgotten_password_is_reset_by_a_letter_that_works_once() -> None:
    person(email="R@example.com")
    elsewhere, browser = Client(), Client()
    log_in(client=elsewhere)
    browser.post("/reset/", {"email": "r@example.com"})
    link = letter_link()
    assert "&#" not in letters()[-1].body
    form = browser.get(link, follow=True)
    place = form.redirect_chain[-1][0]
    assert browser.post(place, {"new_password1": NEW, "new_password2": "x"}).status_code == 422
    assert browser.post(place, {"new_password1": NEW, "new_password2": NEW})["Location"] == "/account/"
    assert (inside(browser), inside(elsewhere)) == (True, False)
    assert log_in(password=NEW).status_code == 302
    assert "This link has expired" in Client().get(link, follow=True).content.decode()


@pytest.mark.parametrize(("hours", "works"), [(23, True), (25, False)])
def test_a_letter_is_good_for_a_day(monkeypatch: pytest.MonkeyPatch, hours: int, works: bool) -> None:
    person(email="r@example.com")
    with monkeypatch.context() as earlier:
        earlier.setattr(default_token_generator, "_now", lambda: datetime.now() - timedelta(hours=hours))  # noqa: DTZ005  Django's
        Client().post("/reset/", {"email": "r@example.com"})
    page = Client().get(letter_link(), follow=True).content.decode()
    assert ("This link has expired" in page) is not works


def test_the_answer_to_a_reset_is_the_same_for_known_and_unknown_addresses() -> None:
    person(email="r@example.com")
    answers = []
    for address in ("r@example.com", "nobody@example.com"):
        browser = Client()
        response = browser.post("/reset/", {"email": address})
        answers.append((response.status_code, response["Location"], browser.get(response["Location"]).content))
    assert answers[0] == answers[1]
    assert [letter.to for letter in letters()] == [["r@example.com"]]


def test_a_slow_mail_server_does_not_tell_which_addresses_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    person(email="r@example.com")
    answered, at_once = threading.Event(), EmailBackend.send_messages

    def slowly(backend: EmailBackend, messages: Any) -> int:
        assert answered.wait(10)
        return int(at_once(backend, messages))

    monkeypatch.setattr(EmailBackend, "send_messages", slowly)
    codes = [Client().post("/reset/", {"email": address}).status_code for address in ("r@example.com", "nobody@example.com")]
    answered.set()
    assert (codes, len(letters())) == ([302, 302], 1)


def test_a_letter_that_cannot_be_sent_is_logged(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    user = person(email="r@example.com")

    def refuse(*_: object) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr(EmailBackend, "send_messages", refuse)
    assert Client().post("/reset/", {"email": "r@example.com"}).status_code == 302
    assert letters() == []
    assert f"Failed to send password reset email to {user.pk}" in caplog.text


def test_nobodys_letter_box_is_filled(settings: Settings) -> None:
    person(email="r@example.com")
    spellings = ["R@example.com", "r@EXAMPLE.com"] * 4
    answers = {Client().post("/reset/", {"email": address}).status_code for address in spellings}
    assert (answers, len(letters())) == ({302}, 5)
    forged = ((f"{n}@example.com", {"x-forwarded-for": f"10.0.0.{n}"}) for n in range(13))
    codes = [Client().post("/reset/", {"email": address}, headers=headers).status_code for address, headers in forged]
    assert codes == [302] * 12 + [429]


# --- guessing


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("place", ["/login/", "/admin/login/"])
def test_guessing_is_locked_out_alike_for_known_and_unknown_names(settings: Settings, place: str) -> None:
    person(is_staff=True)
    answers = {}
    for name in ("Robin", "Nobody"):
        browser = Client(REMOTE_ADDR=f"198.51.100.{len(name)}")
        tries = [browser.post(place, {"username": name, "password": "wrong"}) for _ in range(settings.AXES_FAILURE_LIMIT)]
        right = browser.post(place, {"username": name.upper(), "password": PASSWORD})
        text = right.content.decode()
        assert (right["Retry-After"], 'data-code="too_many_attempts"' in text) == ("900", True)
        token = re.compile(r'name="csrfmiddlewaretoken" value="\w+"|' + name, re.IGNORECASE)
        answers[name] = [(r.status_code, token.sub("", r.content.decode())) for r in (*tries, right)]
        assert [status for status, _ in answers[name]] == [tries[0].status_code] * (len(tries) - 1) + [429, 429]
    assert answers["Robin"] == answers["Nobody"]
    assert log_in(REMOTE_ADDR="198.51.100.99").status_code == 302  # at home he gets in


def test_an_address_that_tries_many_names_is_locked_out_as_a_whole(settings: Settings) -> None:
    settings.AXES_FAILURE_LIMIT = 3
    person()
    codes = [log_in(f"name{n % 15}", "wrong").status_code for n in range(30)]  # ten times what one name may
    assert codes == [422] * 29 + [429]
    assert log_in().status_code == 429
    assert log_in(REMOTE_ADDR="198.51.100.9").status_code == 302


def test_a_success_forgives_its_own_name_only(settings: Settings) -> None:
    person()
    log_in(password="wrong")
    log_in("nami", "wrong")
    log_in()
    assert list(AccessAttempt.objects.values_list("username", flat=True)) == ["nami"]


@pytest.mark.parametrize("names", [["Robin"] * 2, [f"name{n}" for n in range(20)]], ids=["name", "address"])
def test_the_lock_ends_by_itself(settings: Settings, names: list[str]) -> None:
    settings.AXES_FAILURE_LIMIT = 2
    person()
    for name in names:
        log_in(name, "wrong")
    assert log_in().status_code == 429
    AccessAttempt.objects.update(attempt_time="2026-01-01T00:00:00Z")
    assert log_in().status_code == 302


def test_the_address_behind_trusted_proxies_is_the_one_that_is_locked(settings: Settings) -> None:
    settings.MARKET_TRUSTED_PROXIES = 1
    person()
    for forged in range(settings.AXES_FAILURE_LIMIT):
        log_in(password="wrong", headers={"x-forwarded-for": f"10.0.0.{forged}, 203.0.113.9"})
    assert log_in(headers={"x-forwarded-for": "1.1.1.1, 203.0.113.9"}).status_code == 429
    assert log_in(headers={"x-forwarded-for": "203.0.113.9, 203.0.113.10"}).status_code == 302


def test_no_typed_secret_is_kept() -> None:
    user = person()
    log_in(password="typed-secret")
    browser = Client()
    browser.force_login(user)
    browser.post("/account/elsewhere/", {"password": "typed-secret"})
    assert AccessAttempt.objects.exists()
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT a::text FROM axes_accessattempt a")
        assert not [row for (row,) in cursor.fetchall() if "typed-secret" in row]


def test_the_old_password_cannot_be_guessed_in_a_stolen_session(settings: Settings) -> None:
    user, browser = person(), Client()
    browser.force_login(user)
    form = {"old_password": "wrong", "new_password1": NEW, "new_password2": NEW}
    codes = [browser.post("/account/password/", form).status_code for _ in range(settings.AXES_FAILURE_LIMIT)]
    assert codes == [422] * (settings.AXES_FAILURE_LIMIT - 1) + [429]
    assert browser.post("/account/password/", {**form, "old_password": PASSWORD}).status_code == 429
    assert log_in(REMOTE_ADDR="198.51.100.9").status_code == 302  # with the password that it was


def test_many_wrong_logins_at_once_are_all_counted_and_none_breaks(settings: Settings) -> None:
    person()

    def visitor(_: int) -> int:
        try:
            return int(log_in(password="wrong").status_code)
        finally:
            connections.close_all()

    assert set(in_threads(visitor, list(range(8)))) <= {422, 429}
    assert AccessAttempt.objects.get().failures_since_start >= settings.AXES_FAILURE_LIMIT
    assert log_in().status_code == 429


def test_without_axes_guessing_goes_on(settings: Settings) -> None:
    """Negative control."""
    settings.AXES_ENABLED = False
    person()
    codes = {log_in(password="wrong").status_code for _ in range(settings.AXES_FAILURE_LIMIT + 3)}
    assert codes == {422}


# --- going on


def test_the_links_between_login_and_sign_up_keep_where_one_was_going(client: Client) -> None:
    assert 'href="/signup/?next=/crews/"' in client.get("/login/?next=/crews/").content.decode()
    page = client.get("/signup/?next=/crews/").content.decode()
    assert 'href="/login/?next=/crews/"' in page
    assert 'name="next" value="/crews/"' in page
    assert "evil" not in client.get("/signup/?next=//evil.example/").content.decode()
    assert client.post("/signup/", fields(next="/crews/"))["Location"] == "/crews/"
