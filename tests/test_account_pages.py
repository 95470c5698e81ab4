"""The pages of an account against careless and hostile requests."""

import pytest
from django.test import Client

from tests.factories import UserFactory
from tests.test_abuse import BODIES
from trading.models import User

pytestmark = pytest.mark.django_db(transaction=True)

FORMS = ["/account/email/", "/account/password/", "/account/elsewhere/", "/account/codes/", "/account/delete/"]
OPEN = ["/try/", "/reset/", "/recover/"]


@pytest.fixture
def trader() -> User:
    """A trader."""
    return UserFactory()


def untouched(user: User) -> bool:
    """Return whether the user is as he was."""
    now = User.objects.get(pk=user.pk)
    names = ("username", "email", "password", "is_active", "is_guest")
    return all(getattr(now, name) == getattr(user, name) for name in names)


@pytest.mark.parametrize(("body", "kind"), BODIES, ids=[f"{kind}-{len(body)}" for body, kind in BODIES])
def test_a_body_that_is_no_form_is_a_4xx_and_changes_nothing(trader: User, body: bytes, kind: str) -> None:
    browser = Client()
    browser.force_login(trader)
    for place in FORMS:
        assert browser.generic("POST", place, body, kind).status_code in (200, *range(400, 500)), place
    for place in OPEN[1:]:
        assert Client().generic("POST", place, body, kind).status_code in (200, *range(400, 500)), place
    assert Client().generic("POST", "/try/", body, kind, headers={"origin": "http://testserver"}).status_code in (302, 400, 413)
    assert untouched(trader)


@pytest.mark.parametrize("place", FORMS)
def test_a_form_without_our_token_does_nothing(trader: User, place: str) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(trader)
    assert strict.post(place, {"password": "x", "word": "delete"}).status_code == 403
    assert untouched(trader)


@pytest.mark.parametrize("place", ["/account/", *FORMS])
def test_strangers_are_sent_to_the_login_and_back(client: Client, place: str) -> None:
    assert client.get(place)["Location"] == f"/login/?next={place}"


@pytest.mark.parametrize("place", [*FORMS, *OPEN])
@pytest.mark.parametrize("method", ["patch", "delete"])
def test_other_methods_are_refused(trader: User, place: str, method: str) -> None:
    browser = Client()
    if place in FORMS:
        browser.force_login(trader)
    assert getattr(browser, method)(place).status_code == 405


def test_a_guest_is_shown_how_to_keep_the_account_first(client: Client) -> None:
    client.post("/try/", headers={"origin": "http://testserver"})
    page = client.get("/account/").content.decode()
    assert page.index("Keep this account") < page.index("My data")
    assert 'action="/signup/"' in page
    assert "autofocus" not in page
    assert "change_password" not in page
    for place in FORMS[:4]:
        assert client.get(place)["Location"] == "/account/"


def test_nothing_of_an_account_is_kept_by_caches(client: Client, trader: User) -> None:
    client.force_login(trader)
    for place in ("/account/", *FORMS, *OPEN):
        browser = Client() if place in OPEN else client
        assert "no-store" in browser.get(place).get("Cache-Control", ""), place
