"""Closing an account: everything sold, the person gone, the books whole, whatever happens at the same time."""

import json
import re
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import psycopg
import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import Group, Permission
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import connections
from django.test import Client

import sql
from characters.models import Character
from tests.clients import connect, in_threads, send, waits_then
from tests.factories import CharacterFactory, UserFactory
from tests.money import ledger_rows, money_of, trade_by_sql
from trading.audit import mismatches, rebuild
from trading.binding import as_user
from trading.closing import CannotCloseError, Closed, close
from trading.forms import ChangedPasswordForm, EmailForm
from trading.models import Account, MarketRules, OrderFlow, User, Watch
from trading.selectors import leaders
from trading.signing_up import GuestGoneError, keep_guest

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = "a-long-secret-9"
HERE = {"origin": "http://testserver"}
type Settings = Any


@pytest.fixture
def robin() -> User:
    """A trader of whom everything is known."""
    user = User(username="Robin-Nico", email="nico@ohara.example", first_name="Olvia", last_name="Clover")
    user.set_password(PASSWORD)
    user.save()
    return user


def buy(user: User, character: Character, quantity: int) -> None:
    """Buy at any price."""
    assert trade_by_sql(user.pk, user.pk, character.pk, "buy", quantity)["code"] == "ok"


def holders(user: User) -> int:
    """Return how many positions a user has."""
    return len(money_of(user)) - 1


def votes(user: User) -> Counter[int]:
    """Return the sum of a user's votes by character."""
    total: Counter[int] = Counter()
    for flow in OrderFlow.objects.using("owner").filter(user_id=user.pk):
        total[flow.character_id] += flow.votes
    return total


# --- money


def test_closing_sells_every_position_as_ordinary_orders_would(robin: User) -> None:
    twin = UserFactory()
    for bounty, quantity in ((4_000_000, 7), (0, 250), (39_204_000_000, 3)):
        character = CharacterFactory(bounty=bounty)
        for user in (robin, twin):
            buy(user, character, quantity)
    for holding in sorted(key for key in money_of(twin) if key != "balance"):
        quantity = money_of(twin)[holding][0]
        assert trade_by_sql(twin.pk, twin.pk, holding, "sell", quantity)["code"] == "ok"
    assert close(robin).positions_sold == 3
    assert money_of(robin) == money_of(twin)

    def without_ids(user: User) -> list[dict[str, Any]]:
        own = ("user_id", "trade_id", "created_at")
        return [{k: v for k, v in row.items() if k not in own} for row in ledger_rows(user)]

    assert without_ids(robin) == without_ids(twin)
    assert votes(robin) == votes(twin) == Counter(dict.fromkeys(votes(twin), 0))
    assert mismatches() == []
    assert rebuild() == []


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE listings SET halted = true",
        "UPDATE characters SET is_tradeable = false",
        "UPDATE characters SET is_active = false",
        "UPDATE market_rules SET is_halted = true",
    ],
)
def test_what_cannot_be_traded_is_sold_at_its_last_price(robin: User, change: str) -> None:
    character = CharacterFactory()
    buy(robin, character, 5)
    with connections["owner"].cursor() as cursor:
        cursor.execute(change)
    try:
        assert close(robin).positions_sold == 1
    finally:
        MarketRules.objects.using("owner").update(is_halted=False)
    assert ledger_rows(robin)[-1]["price"] == character.current_price
    assert (holders(robin), mismatches()) == (0, [])


def test_closing_again_changes_nothing(robin: User) -> None:
    buy(robin, CharacterFactory(), 5)
    first = close(robin)
    before = (money_of(robin), ledger_rows(robin), User.objects.get(pk=robin.pk).username)
    again = close(robin)
    assert (first.erased, again) == (True, first._replace(positions_sold=0, erased=False))
    assert (money_of(robin), ledger_rows(robin), User.objects.get(pk=robin.pk).username) == before


def test_who_was_called_like_a_closed_account_is_erased_like_everybody() -> None:
    """Such a name could be taken before this."""
    user = UserFactory(username="closed-eyes", email="eyes@example.com")
    assert close(user).erased
    assert User.objects.get(pk=user.pk).email == ""


def test_a_closed_account_trades_no_more_and_is_not_ranked(robin: User) -> None:
    character = CharacterFactory()
    assert [leader.user_id for leader in leaders(None)] == [robin.pk]
    close(robin)
    assert trade_by_sql(robin.pk, robin.pk, character.pk, "buy", 1)["code"] == "account_closed"
    assert leaders(None) == []


def test_guests_and_staff_are_not_ranked() -> None:
    UserFactory(is_guest=True)
    promoted = UserFactory()
    User.objects.filter(pk=promoted.pk).update(is_staff=True)
    trader = UserFactory()
    assert [(leader.rank, leader.user_id) for leader in leaders(None)] == [(1, trader.pk)]


@pytest.mark.parametrize("bound", [None, "another"])
def test_nobody_closes_the_account_of_another(robin: User, bound: str | None) -> None:
    with connect() as connection, connection.transaction():
        if bound:
            connection.execute(f"SET LOCAL market.user_id = '{UserFactory().pk}'")
        (text,) = connection.execute("SELECT close_account(%s)::text", [robin.pk]).fetchone() or ("{}",)
    assert json.loads(text)["code"] == ("not_your_account" if bound else "not_bound")
    assert Account.objects.using("owner").get(pk=robin.pk).closed_at is None


# --- the person


def everything() -> str:
    """Return all that the database holds, as text, sessions decoded."""
    texts = [json.dumps(session.get_decoded()) for session in Session.objects.using("owner").all()]
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
        )
        for (table,) in cursor.fetchall():
            cursor.execute(f"SELECT t::text FROM {table} t")
            texts += [row for (row,) in cursor.fetchall()]
    return "\n".join(texts)


def test_nothing_in_the_database_tells_who_it_was(client: Client, robin: User) -> None:
    boss = Client()
    boss.force_login(UserFactory(username="boss", is_staff=True, is_superuser=True))
    boss.post(
        f"/admin/trading/user/{robin.pk}/change/",
        {"username": robin.username, "email": robin.email, "is_active": "on"},
        follow=True,
    )
    client.post("/login/", {"username": "ROBIN-nico", "password": "wrong"})
    client.post("/login/", {"username": "robin-nico", "password": PASSWORD})
    client.post("/account/elsewhere/", {"password": "wrong"})
    with as_user(robin):
        Watch.objects.create(user=robin, character=CharacterFactory())
    secrets = re.compile("robin-nico|ohara|olvia|clover", re.IGNORECASE)
    assert secrets.search(everything())  # the control
    assert AccessAttempt.objects.exists()
    response = client.post("/account/delete/", {"password": PASSWORD})
    assert (response.status_code, response["Location"]) == (302, "/")
    assert "Your account is deleted" in client.get("/").content.decode()
    assert secrets.findall(everything()) == []
    closed = User.objects.get(pk=robin.pk)
    assert re.fullmatch("closed-[0-9a-f]{16}", closed.username)
    assert (closed.is_active, closed.has_usable_password(), closed.last_login) == (False, False, None)
    assert not Watch.objects.using("owner").exists()


@pytest.mark.parametrize("guest", [False, True])
def test_no_login_left_open_elsewhere_holds_a_message_that_tells_who_it_was(client: Client, guest: bool) -> None:
    if guest:
        client.post("/try/", headers=HERE)
        client.get("/")
    fields = {"username": "Robin-Nico", "password1": PASSWORD, "password2": PASSWORD}
    assert client.post("/signup/", fields).status_code == 302  # and its welcome is never read
    assert "_messages" in everything()
    close(User.objects.get())
    assert "robin-nico" not in everything().casefold()


def test_a_guest_who_signs_up_after_the_closing_is_told_so_and_stays_erased() -> None:
    guest = UserFactory(username="Guest-Teal-Cod-1000", is_guest=True)
    close(guest)
    with pytest.raises(GuestGoneError):
        keep_guest(guest, User(username="Robin", email="nico@ohara.example"))
    assert not User.objects.filter(username="Robin").exists()


def test_who_was_given_rights_leaves_them_behind(robin: User) -> None:
    robin.groups.add(Group.objects.create(name="Old hands"))
    robin.user_permissions.add(Permission.objects.get(codename="view_crew"))
    close(robin)
    assert (robin.groups.count(), robin.user_permissions.count()) == (0, 0)


def test_the_name_and_the_address_are_free_again(client: Client, robin: User) -> None:
    close(robin)
    fields = {"username": "robin-NICO", "password1": PASSWORD, "password2": PASSWORD, "email": "nico@ohara.example"}
    assert client.post("/signup/", fields).status_code == 302
    assert User.objects.filter(username="robin-NICO").exists()


@pytest.mark.parametrize("cache", ["on", "off"])
def test_every_login_ends_with_the_account(robin: User, settings: Settings, cache: str) -> None:
    if cache == "off":
        settings.CACHES = {alias: {**options, "LOCATION": "redis://127.0.0.1:1/1"} for alias, options in settings.CACHES.items()}
    here, there = Client(), Client()
    for browser in (here, there):
        browser.force_login(robin)
    here.post("/account/delete/", {"password": PASSWORD})
    assert [browser.get("/account/").status_code for browser in (here, there)] == [302, 302]
    assert Client().post("/login/", {"username": "Robin-Nico", "password": PASSWORD}).status_code == 422


def test_it_takes_the_password_and_of_a_guest_a_word(client: Client, robin: User) -> None:
    client.force_login(robin)
    assert "sold" not in client.get("/account/delete/").content.decode()
    buy(robin, CharacterFactory(), 1)
    assert "Your 1 position is" in client.get("/account/delete/").content.decode()
    for fields in ({}, {"password": "wrong"}, {"word": "delete"}):
        assert client.post("/account/delete/", fields).status_code in (200, 422)
    assert holders(robin) == 1

    guest = Client()
    guest.post("/try/", headers=HERE)
    assert guest.post("/account/delete/", {"word": "no"}).status_code == 422
    assert guest.post("/account/delete/", {"word": " Delete "}).status_code == 302
    assert User.objects.filter(username__startswith="closed-").count() == 1


def test_staff_are_told_that_their_account_stays(client: Client) -> None:
    staff = UserFactory(is_staff=True)
    client.force_login(staff)
    for answer in (client.get("/account/delete/"), client.post("/account/delete/", {"password": "x"})):
        assert (answer.status_code, 'data-code="staff_account"' in answer.content.decode()) == (403, True)
    trader = UserFactory()
    User.objects.filter(pk=trader.pk).update(is_staff=True)
    with pytest.raises(CannotCloseError, match="staff account") as refusal:
        close(trader)
    assert refusal.value.code == "staff_account"


def test_a_password_changed_at_the_same_time_does_not_bring_the_person_back(client: Client, robin: User) -> None:
    """The form was sent before the account was closed, and saves after it: only the password, and that not any more."""
    fields = {"old_password": PASSWORD, "new_password1": "another-secret-7", "new_password2": "another-secret-7"}
    form = ChangedPasswordForm(robin, fields)
    assert form.is_valid()
    close(robin)
    form.save()
    closed = User.objects.get(pk=robin.pk)
    assert closed.username.startswith("closed-")
    assert (closed.email, closed.is_active, closed.has_usable_password()) == ("", False, False)


def test_an_address_sent_at_the_same_time_is_not_written_into_a_closed_account(
    client: Client, robin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.force_login(robin)
    is_valid = EmailForm.is_valid

    def and_then_close(form: EmailForm) -> bool:
        answer = is_valid(form)
        close(robin)
        return answer

    monkeypatch.setattr(EmailForm, "is_valid", and_then_close)
    client.post("/account/email/", {"email": "new@ohara.example", "password": PASSWORD})
    assert User.objects.get(pk=robin.pk).email == ""


# --- at the same time


ACCOUNT, USER = ("market_system", "accounts WHERE user_id"), ("market_owner", "users WHERE id")


@contextmanager
def locked(row: tuple[str, str], user: User) -> Iterator[None]:
    """Hold a row of a user for longer than the site waits, in a role that may."""
    with connections["default"].cursor() as cursor, connect("owner") as other, other.transaction():
        cursor.execute("SET lock_timeout = '50ms'")
        other.execute(f"SET LOCAL ROLE {row[0]}")
        assert other.execute(f"SELECT 1 FROM {row[1]} = %s FOR UPDATE", [user.pk]).fetchone()
        try:
            yield
        finally:
            cursor.execute("RESET lock_timeout")


def test_an_account_that_is_held_by_another_is_not_closed_and_one_is_told_so(client: Client, robin: User) -> None:
    client.force_login(robin)
    for row in (ACCOUNT, USER):
        with locked(row, robin):
            response = client.post("/account/delete/", {"password": PASSWORD})
        assert (response.status_code, response["Retry-After"]) == (503, "5")
        assert 'data-code="busy"' in response.content.decode()
        assert Account.objects.using("owner").get(pk=robin.pk).closed_at is None


def test_whoever_is_held_by_another_sees_his_pages_all_the_same(client: Client) -> None:
    user = seen(1)
    client.force_login(user)
    with locked(USER, user):
        assert client.get("/portfolio/").status_code == 200
    client.get("/portfolio/")
    assert User.objects.get(pk=user.pk).last_seen == datetime.now(UTC).date()


def close_by_sql(connection: "psycopg.Connection[Any]", user_id: int) -> Any:
    """Bind the user and close the account, within the transaction of the caller."""
    connection.execute(f"SET LOCAL market.user_id = '{user_id}'")
    (text,) = connection.execute("SELECT close_account(%s)::text", [user_id]).fetchone() or ("{}",)
    return json.loads(text)


def interleaved(first: Callable[[Any], Any], second: Callable[[Any], Any]) -> tuple[Any, bool]:
    """Do the first without committing, then the second; return its answer, and whether it waited for the commit."""

    def run() -> Any:
        with connect() as two, two.transaction():
            return second(two)

    answer, waited = waits_then(first, run)
    return answer.result(), waited


def purchase(user: User, character: Character) -> Callable[[Any], Any]:
    """Return what buys one share within a transaction."""

    def run(connection: Any) -> Any:
        connection.execute(f"SET LOCAL market.user_id = '{user.pk}'")
        call = (user.pk, character.pk, "buy", 1, str(uuid.uuid4()))
        return connection.execute("SELECT execute_trade(%s, %s, %s, %s, NULL, %s::uuid)", call).fetchone()[0]

    return run


def test_closing_waits_for_a_purchase_under_way_and_sells_it(robin: User) -> None:
    answer, waited = interleaved(purchase(robin, CharacterFactory()), lambda c: close_by_sql(c, robin.pk))
    assert (answer["positions_sold"], waited) == (1, True)
    assert (holders(robin), mismatches()) == (0, [])


def test_a_purchase_that_waits_for_the_closing_is_refused(robin: User) -> None:
    answer, waited = interleaved(lambda c: close_by_sql(c, robin.pk), purchase(robin, CharacterFactory()))
    assert (answer["code"], waited) == ("account_closed", True)
    assert (holders(robin), mismatches()) == (0, [])


def test_without_the_check_a_closed_account_would_buy(robin: User, broken_trade: Callable[[str, str], None]) -> None:
    """Negative control."""
    broken_trade("v_account.closed_at IS NOT NULL", "false")
    interleaved(lambda c: close_by_sql(c, robin.pk), purchase(robin, CharacterFactory()))
    assert holders(robin) == 1


def test_without_the_lock_closing_would_miss_a_purchase_under_way(robin: User) -> None:
    """Negative control: what is held is read before the account is locked."""
    text = sql.read("functions/close_account", 2)
    start, end = text.index("    UPDATE accounts SET closed_at = "), text.index("    IF NOT FOUND THEN")
    unlocked = "SELECT user_id, balance, last_entry_at, now() INTO v_account FROM accounts WHERE user_id = p_user_id;\n"
    broken = text[:start] + unlocked + text[end:]
    last = "UPDATE accounts SET balance = v_account.balance, "
    with connections["owner"].cursor() as cursor:
        cursor.execute(sql.again(broken.replace(last, last + "closed_at = now(), ")))
        try:
            interleaved(purchase(robin, CharacterFactory()), lambda c: close_by_sql(c, robin.pk))
        finally:
            cursor.execute(sql.again(text))
    assert holders(robin) == 1


def test_eight_clients_that_trade_and_close_leave_clean_books() -> None:
    users = [UserFactory() for _ in range(4)]
    characters = [CharacterFactory() for _ in range(3)]

    def client(number: int) -> None:
        try:
            with connect() as connection:
                for turn in range(30):
                    user, character = users[(number + turn) % 4], characters[turn % 3]
                    send(connection, (user.pk, character.pk, "sell" if turn % 3 == 2 else "buy", 1 + number, str(uuid.uuid4())))
                    if turn == 10 + number:
                        close(users[number % 4])
        finally:
            connections.close_all()

    in_threads(client, list(range(8)))
    assert Account.objects.using("owner").filter(closed_at=None).count() == 0
    assert [holders(user) for user in users] == [0] * 4
    assert (mismatches(), rebuild()) == ([], [])
    assert User.objects.filter(username__startswith="closed-").count() == 4


# --- guests who stay away


def expire() -> str:
    """Run the command; return what it says."""
    out = StringIO()
    call_command("expire_guests", stdout=out)
    return out.getvalue()


def seen(days_ago: int, **fields: Any) -> User:
    """Return a user who was here last so many days ago."""
    return UserFactory(last_seen=datetime.now(UTC).date() - timedelta(days=days_ago), **fields)


def test_guests_unused_for_seven_days_are_closed_as_if_deleted_and_no_others() -> None:
    gone = seen(8, is_guest=True)
    stay = [seen(7, is_guest=True), seen(0, is_guest=True), seen(900)]
    buy(gone, CharacterFactory(), 3)
    browser = Client()
    browser.force_login(gone)
    assert "Done: 1 guests closed, 1 sessions" in expire()
    closed = User.objects.get(pk=gone.pk)
    assert (closed.is_active, closed.is_guest, closed.username[:7], holders(gone)) == (False, False, "closed-", 0)
    assert not Session.objects.exists()
    assert {user.pk for user in User.objects.filter(is_active=True)} == {user.pk for user in stay}
    assert "Done: 0 guests closed, 0 sessions" in expire()
    assert mismatches() == []


def test_two_at_once_close_every_guest_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trading.expiry.BATCH", 5)
    character = CharacterFactory()
    guests = [seen(30, is_guest=True) for _ in range(12)]
    for guest in guests:
        buy(guest, character, 2)

    def worker(_: int) -> str:
        try:
            return expire()
        finally:
            connections.close_all()

    said = in_threads(worker, [1, 2])
    assert sum(int(re.findall(r"Done: (\d+)", text)[0]) for text in said) == 12
    assert [len(ledger_rows(guest)) for guest in guests] == [3] * 12
    assert mismatches() == []


@pytest.mark.parametrize("change", [{"is_guest": False}, {"last_seen": datetime.now(UTC).date()}])
def test_a_guest_who_comes_back_meanwhile_keeps_everything(change: dict[str, Any]) -> None:
    guest = seen(30, is_guest=True)
    buy(guest, CharacterFactory(), 2)
    User.objects.filter(pk=guest.pk).update(**change)  # after the command had chosen him
    with pytest.raises(CannotCloseError, match="came back"):
        close(guest, datetime.now(UTC).date() - timedelta(days=7))
    assert holders(guest) == 1
    assert Account.objects.using("owner").get(pk=guest.pk).closed_at is None


def test_the_command_keeps_whoever_comes_back_meanwhile_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    back, _ = seen(30, is_guest=True), seen(30, is_guest=True)

    def late(guest: User, *given: Any) -> Closed:
        User.objects.filter(pk=back.pk).update(last_seen=datetime.now(UTC).date())
        return close(guest, *given)

    monkeypatch.setattr("trading.expiry.close", late)
    assert "Done: 1 guests closed" in expire()
    assert list(User.objects.filter(is_active=True)) == [back]


def test_a_guest_who_signs_up_while_he_is_closed_keeps_the_account() -> None:
    guest = seen(30, is_guest=True)
    sign_up = "UPDATE users SET is_guest = false, username = 'Robin' WHERE id = %s"
    answer, waited = waits_then(lambda one: one.execute(sign_up, [guest.pk]), lambda: close(guest, datetime.now(UTC).date()))
    assert (type(answer.exception()), waited) == (CannotCloseError, True)
    assert User.objects.values_list("username", "is_active").get() == ("Robin", True)


def test_the_command_leaves_out_whoever_is_held_by_another_and_goes_on() -> None:
    held, _ = seen(30, is_guest=True), seen(30, is_guest=True)
    with locked(ACCOUNT, held):
        assert "Done: 1 guests closed" in expire()
    assert list(User.objects.filter(is_active=True)) == [held]
    assert "Done: 1 guests closed" in expire()


def test_the_sessions_of_every_batch_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trading.expiry.BATCH", 1)
    gone = seen(8, is_guest=True)
    for _ in range(12):
        Client().force_login(gone)
    assert "12 sessions" in expire()
