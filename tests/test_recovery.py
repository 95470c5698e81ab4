"""Recovery codes: shown once, kept as hashes, each good for one new password, and no oracle for names."""

import re
from html import unescape
from typing import Any
from urllib.parse import unquote

import pytest
from axes.models import AccessAttempt
from django.contrib.auth import hashers
from django.db import connections
from django.test import Client

from tests.clients import in_threads
from tests.factories import UserFactory
from trading import recovery
from trading.binding import as_user
from trading.closing import close
from trading.models import RecoveryCode, User
from trading.recovery import codes_left, make_codes

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = "a-long-secret-9"
NEW = "another-secret-7"
CODE = r"[0-9a-hjkmnp-tv-z]{4}(?:-[0-9a-hjkmnp-tv-z]{4}){3}"
type Settings = Any


@pytest.fixture
def robin() -> User:
    """A trader with a password."""
    user = User(username="Robin")
    user.set_password(PASSWORD)
    user.save()
    return user


def use(code: str, name: str = "Robin", client: Client | None = None, **more: str) -> Any:
    """Send the form that recovers an account."""
    fields = {"username": name, "code": code, "new_password1": NEW, "new_password2": NEW, **more}
    return (client or Client()).post("/recover/", fields)


def test_codes_are_shown_once_with_a_text_to_keep_and_stored_as_hashes(client: Client, robin: User) -> None:
    client.force_login(robin)
    assert client.post("/account/codes/", {"password": "wrong"}).status_code == 422
    page = client.post("/account/codes/", {"password": PASSWORD}).content.decode()
    codes = re.findall(f"<code[^>]*>({CODE})</code>", page)
    assert len(set(codes)) == 10
    (link,) = re.findall(r'href="(data:text/plain[^"]+)" download="([^"]+\.txt)"', page)
    assert set(re.findall(CODE, unquote(unescape(link[0])))) == set(codes)
    again = client.get("/account/codes/").content.decode()
    assert "You have 10 unused codes" in again
    assert not re.search(CODE, again)
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT string_agg(r::text, ' ') FROM recovery_codes r")
        (stored,) = cursor.fetchone()
    assert not [code for code in codes if code in stored or code.replace("-", "") in stored]


def test_a_code_has_eighty_bits() -> None:
    assert (len(set(recovery.ALPHABET)), recovery.LENGTH) == (32, 16)


def test_a_code_sets_a_new_password_once_and_ends_other_logins(robin: User) -> None:
    elsewhere, browser = Client(), Client()
    elsewhere.force_login(robin)
    first, second, *_ = make_codes(robin)
    response = use(first, client=browser)
    assert (response.status_code, response["Location"]) == (302, "/account/")
    assert "9 recovery codes are left" in browser.get("/account/").content.decode()
    assert elsewhere.get("/account/").status_code == 302
    assert Client().post("/login/", {"username": "robin", "password": NEW}).status_code == 302
    assert use(first).status_code == 422
    assert use(second).status_code == 302


@pytest.mark.parametrize("write", [str.upper, lambda code: code.replace("-", ""), lambda code: f" {code.replace('-', ' ')} "])
def test_a_code_may_be_written_in_other_ways(robin: User, write: Any) -> None:
    assert use(write(make_codes(robin)[0]), name="ROBIN").status_code == 302


def test_letters_that_look_like_digits_are_read_as_those(robin: User) -> None:
    code = next(code for code in (code for _ in range(20) for code in make_codes(robin)[-1:]) if re.search("[01]", code))
    assert use(code.replace("0", "O").replace("1", "l")).status_code == 302


def test_new_codes_make_the_old_ones_void(robin: User) -> None:
    old, new = make_codes(robin), make_codes(robin)
    assert use(old[0]).status_code == 422
    assert use(new[0]).status_code == 302
    assert codes_left(robin) == 9


def test_the_code_of_another_is_no_code(robin: User) -> None:
    assert use(make_codes(UserFactory())[0]).status_code == 422


def test_a_password_that_is_refused_uses_no_code_up(robin: User) -> None:
    code = make_codes(robin)[0]
    assert use(code, new_password2="other").status_code == 422
    assert use(code, new_password1="short", new_password2="short").status_code == 422
    assert codes_left(robin) == 10
    assert not AccessAttempt.objects.exists()


def at_once(code: str) -> int:
    """Use one code from eight browsers at once; return how many succeeded."""

    def visitor(_: int) -> int:
        try:
            return int(recovery.recover("Robin", code, NEW) is not None)
        finally:
            connections.close_all()

    return sum(in_threads(visitor, list(range(8))))


def test_of_eight_uses_of_one_code_at_once_one_succeeds(robin: User) -> None:
    assert at_once(make_codes(robin)[0]) == 1
    assert codes_left(robin) == 9


def test_without_its_condition_a_code_would_work_again(robin: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: the update that does not ask whether the code is unused."""
    code = make_codes(robin)[0]
    every = RecoveryCode.objects.filter

    def unconditional(**conditions: Any) -> Any:
        conditions.pop("used_at", None)
        return every(**conditions)

    monkeypatch.setattr(RecoveryCode.objects, "filter", unconditional)
    assert at_once(code) == 8


def test_two_who_make_codes_at_once_leave_ten(robin: User) -> None:
    def maker(_: int) -> list[str]:
        try:
            return make_codes(robin)
        finally:
            connections.close_all()

    in_threads(maker, list(range(4)))
    assert codes_left(robin) == 10


def test_known_and_unknown_names_get_the_same_answer_for_the_same_work(
    robin: User, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    make_codes(robin)
    hashed: list[str] = []

    def make_password(password: str) -> str:
        hashed.append(password)
        return hashers.make_password(password)

    monkeypatch.setattr(recovery, "make_password", make_password)
    answers = []
    for name in ("Robin", "Nobody"):
        response = use("0000-0000-0000-0000", name)
        text = re.sub(rf'name="csrfmiddlewaretoken" value="\w+"|{name}', "", response.content.decode())
        answers.append((response.status_code, text))
    assert answers[0] == answers[1]
    assert answers[0][0] == 422
    assert len(hashed) == 2
    for name in ("Robin", "Nobody"):
        with django_assert_num_queries(6):  # the name, BEGIN, the binding, the user's lock, the code, COMMIT
            recovery.recover(name, "0000-0000-0000-0000", NEW)


def test_guessing_codes_is_locked_out_like_guessing_passwords(robin: User, settings: Settings) -> None:
    code = make_codes(robin)[0]
    codes = [use("0000-0000-0000-0000", name).status_code for name in ("Robin", "robin", "ROBIN") * 2]
    assert codes == [422] * (settings.AXES_FAILURE_LIMIT - 1) + [429]
    response = use(code)
    assert (response.status_code, response["Retry-After"]) == (429, "900")
    assert codes_left(robin) == 10
    assert Client().post("/login/", {"username": "Robin", "password": PASSWORD}).status_code == 429  # one count for both
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT string_agg(a::text, ' ') FROM axes_accessattempt a")
        assert not re.search(f"0000-0000|{NEW}", cursor.fetchone()[0])


def test_closing_and_recovering_at_once_never_wait_for_each_other_in_a_circle(robin: User) -> None:
    """Both lock the user's row before the codes."""
    codes = make_codes(robin)

    def visitor(number: int) -> str:
        try:
            if number == 4:
                return f"closed {close(robin).erased}"
            return f"recovered {recovery.recover('Robin', codes[number], NEW) is not None}"
        finally:
            connections.close_all()

    answers = in_threads(visitor, list(range(8)))  # a deadlock would be raised here
    assert answers[4] == "closed True"
    closed = User.objects.get(pk=robin.pk)
    assert (closed.is_active, closed.has_usable_password()) == (False, False)
    assert not RecoveryCode.objects.using("owner").exists()


def test_a_closed_account_is_not_recovered(robin: User) -> None:
    code = make_codes(robin)[0]
    User.objects.filter(pk=robin.pk).update(is_active=False)
    assert use(code).status_code == 422


@pytest.mark.parametrize("value", ["", "x" * 5000, "'; DROP TABLE users", "１２３４", "\0", "\udcff", "ΐ" * 40])
@pytest.mark.parametrize("field", ["username", "code", "new_password1"])
def test_hostile_fields_are_refused_with_a_page(robin: User, settings: Settings, field: str, value: str) -> None:
    settings.AXES_ENABLED = False
    fields = {"username": "Robin", "code": "x", "new_password1": NEW, "new_password2": NEW, field: value}
    body = "&".join(f"{name}={text}" for name, text in fields.items()).encode("utf-8", "surrogateescape")
    response = Client().generic("POST", "/recover/", body, "application/x-www-form-urlencoded")
    assert response.status_code == 422


def test_guests_have_no_codes(client: Client) -> None:
    client.post("/try/", headers={"origin": "http://testserver"})
    assert client.get("/account/codes/")["Location"] == "/account/"
    guest = User.objects.get()
    with as_user(guest):
        assert not RecoveryCode.objects.exists()
