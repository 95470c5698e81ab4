"""Whose votes count: accounts old enough and traded often enough, of people with a name, who are no staff and still there."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from characters.models import Character
from tests.factories import CharacterFactory, UserFactory
from tests.market import rule, vote_mismatches
from tests.money import trade_by_sql
from trading.models import Account, OrderFlow, User

pytestmark = pytest.mark.django_db(transaction=True)

MAKE_USER = (
    "INSERT INTO users (username, password, first_name, last_name, email, is_superuser, is_staff, is_active, date_joined)"
    " VALUES (%s, '', '', '', '', false, false, true, now()) RETURNING id"
)
TRADE = "SELECT execute_trade_at(%s, %s, 'buy', 1, NULL, gen_random_uuid(), %s) ->> 'code'"
NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=20)


@pytest.fixture
def strict(transactional_db: None) -> Any:
    """Ask for seven days of age and trades on three."""
    rule("UPDATE market_rules SET min_account_days = 7, min_trading_days = 3")
    yield
    rule("UPDATE market_rules SET min_account_days = 0, min_trading_days = 0")


@pytest.fixture
def luffy() -> Character:
    """A character at 100.00: a full vote is 50 shares."""
    return CharacterFactory()


def day(number: float) -> datetime:
    """Return noon, so many days after the account was opened."""
    return NOON + timedelta(days=number)


def trader(character: Character, *days: float) -> int:
    """Return somebody whose account was opened on day 0 and who traded on these days."""
    [(user,)] = rule(MAKE_USER, f"old{days}")
    rule("SELECT open_account_at(%s, %s)", user, NOON)
    for number in days:
        assert rule(TRADE, user, character.pk, day(number)) == [("ok",)]
    return int(user)


def counts(user: int, at: datetime) -> bool:
    """Look at this time whether the account counts; the account must say what the function says."""
    [(counted,)] = rule("SELECT count_account_at(%s, %s)", user, at)
    assert Account.objects.using("owner").get(pk=user).is_counted == counted
    return bool(counted)


@pytest.mark.parametrize(
    ("days", "age", "expected"),
    [
        ((0, 1, 2), 7, True),
        ((0, 1, 2), 6.999, False),  # too young
        ((0, 1), 9, False),  # traded too seldom
        ((0, 0.1, 0.2, 1), 9, False),  # many trades, two days
        ((1, 2, 8), 7.5, False),  # the third day is still to come
        ((1, 2, 8), 8.5, True),
        ((), 9, False),
        ((0.4, 0.6, 1.6), 9, True),  # midnight UTC lies between the first two
    ],
)
def test_an_account_counts_from_seven_days_and_trades_on_three(
    strict: None, luffy: Character, days: tuple[float, ...], age: float, expected: bool
) -> None:
    assert counts(trader(luffy, *days), day(age)) is expected
    assert vote_mismatches() == []


def test_neither_the_opening_nor_a_delisting_is_a_trade(strict: None, luffy: Character) -> None:
    user = trader(luffy, 1, 2)
    rule("SELECT delist_character(%s, 100.00)", luffy.pk)
    assert not counts(user, timezone.now())


def test_looking_twice_brings_the_votes_once(strict: None, luffy: Character) -> None:
    user = trader(luffy, 0, 1, 2)
    assert [counts(user, day(8)), counts(user, day(9))] == [True, True]
    assert [flow.votes for flow in OrderFlow.objects.using("owner")] == [3 * 360]
    assert vote_mismatches() == []


def test_votes_that_count_no_longer_are_taken_back(strict: None, luffy: Character) -> None:
    user = trader(luffy, 0, 1, 2)
    assert counts(user, day(8))
    rule("UPDATE market_rules SET min_trading_days = 4")
    assert not counts(user, day(8))
    assert sorted(flow.votes for flow in OrderFlow.objects.using("owner")) == [-3 * 360, 3 * 360]
    assert vote_mismatches() == []


@pytest.mark.parametrize("change", [{"is_guest": True}, {"is_staff": True}, {"is_active": False}])
def test_guests_staff_and_who_is_gone_do_not_count(luffy: Character, change: dict[str, bool]) -> None:
    user = UserFactory()
    assert counts(user.pk, timezone.now())
    trade_by_sql(user.pk, user.pk, luffy.pk, "buy", 50)
    User.objects.filter(pk=user.pk).update(**change)
    assert not Account.objects.using("owner").get(pk=user.pk).is_counted
    assert not counts(user.pk, timezone.now())
    assert vote_mismatches() == []
    User.objects.filter(pk=user.pk).update(**{field: not value for field, value in change.items()})
    assert counts(user.pk, timezone.now())
    assert vote_mismatches() == []


@pytest.mark.parametrize(
    ("change", "barred"), [({"is_guest": True}, False), ({"is_staff": True}, True), ({"is_active": False}, True)]
)
def test_staff_and_who_is_gone_do_not_trade_until_they_are_traders_again(
    luffy: Character, change: dict[str, bool], barred: bool
) -> None:
    user = UserFactory()
    User.objects.filter(pk=user.pk).update(**change)
    assert trade_by_sql(user.pk, user.pk, luffy.pk, "buy", 1)["code"] == ("not_a_trader" if barred else "ok")
    User.objects.filter(pk=user.pk).update(**{field: not value for field, value in change.items()})
    assert trade_by_sql(user.pk, user.pk, luffy.pk, "buy", 1)["code"] == "ok"


def test_a_closed_account_counts_no_more(luffy: Character) -> None:
    user = UserFactory()
    trade_by_sql(user.pk, user.pk, luffy.pk, "buy", 50)
    rule("SELECT close_account(%s)", user.pk)
    assert not Account.objects.using("owner").get(pk=user.pk).is_counted
    assert not counts(user.pk, timezone.now())
    assert vote_mismatches() == []


def test_closing_an_account_that_does_not_count_takes_no_votes_back(luffy: Character) -> None:
    guest = UserFactory(is_guest=True)
    trade_by_sql(guest.pk, guest.pk, luffy.pk, "buy", 50)
    rule("SELECT close_account(%s)", guest.pk)
    assert (OrderFlow.objects.using("owner").count(), vote_mismatches()) == (0, [])


def test_who_has_no_account_counts_not() -> None:
    staff = UserFactory(is_staff=True)
    assert rule("SELECT count_account_at(%s, now())", staff.pk) == [(False,)]
