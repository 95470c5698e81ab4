"""Whether an account counts, and what a vote weighs, may change at any time: no vote is lost or weighed twice."""

import random
import uuid
from collections.abc import Callable
from typing import Any

import pytest

import sql
from characters.models import Character
from tests.clients import connect, execute, in_threads, send, waits_then
from tests.factories import CharacterFactory, UserFactory
from tests.market import as_system, demand_of, rule, tick, vote_mismatches
from tests.money import trade_by_sql
from trading.audit import mismatches
from trading.models import User

pytestmark = pytest.mark.django_db(transaction=True)

type Step = Callable[[Any, User, Character], Any]
KAPPA = "UPDATE market_rules SET kappa = %s"


def trade(connection: Any, user: User, character: Character) -> Any:
    """Buy twenty shares: with the twenty that the user has, forty of the fifty of a full vote."""
    return execute(connection, (user.pk, character.pk, "buy", 20, str(uuid.uuid4())))["code"]


def weigh_less(connection: Any, user: User, character: Character) -> Any:
    """Let a full vote weigh 15,000 micro-votes instead of 18,000."""
    connection.execute(KAPPA, [15_000])


def count(connection: Any, user: User, character: Character) -> Any:
    """Look again whether the account counts, as the worker does daily."""
    connection.execute("SELECT count_account_at(%s, clock_timestamp())", [user.pk])


def sign_up(connection: Any, user: User, character: Character) -> Any:
    """Let a guest become somebody: from then on his account counts."""
    connection.execute("UPDATE users SET is_guest = false WHERE id = %s", [user.pk])


def deactivate(connection: Any, user: User, character: Character) -> Any:
    """Let a user be nobody any more: his account counts no longer."""
    connection.execute("UPDATE users SET is_active = false WHERE id = %s", [user.pk])


def close(connection: Any, user: User, character: Character) -> Any:
    """Close the account: sell all."""
    connection.execute("SELECT close_account(%s)", [user.pk])


def delist(connection: Any, user: User, character: Character) -> Any:
    """Buy back all that is held of the character."""
    connection.execute("SELECT delist_character(id, current_price) FROM characters WHERE id = %s", [character.pk])


@pytest.fixture(autouse=True)
def usual_weight(transactional_db: None) -> Any:
    """Let a full vote weigh what it did."""
    yield
    rule(KAPPA, 18_000)


@pytest.fixture
def luffy() -> Character:
    """A character at 100.00: a full vote is 50 shares."""
    return CharacterFactory()


def holder(character: Character, *, counted: bool = True, is_guest: bool = False) -> User:
    """Return a user with twenty shares, 7,200 micro-votes; not counted: nobody has looked yet whether his account counts."""
    user = UserFactory(is_guest=is_guest)
    if not counted:
        as_system("UPDATE accounts SET is_counted = false WHERE user_id = %s", user.pk)
    assert trade_by_sql(user.pk, user.pk, character.pk, "buy", 20)["code"] == "ok"
    return user


def race(first: Step, second: Step, user: User, character: Character) -> tuple[Any, bool]:
    """Do the first without committing, then the second; return what it said, and whether it waited. Both as market_owner."""

    def run() -> Any:
        with connect("owner") as two, two.transaction():
            return second(two, user, character)

    answer, waited = waits_then(lambda one: first(one, user, character), run, "owner")
    return answer.result(), waited


def swapped(pairs: list[tuple[Step, ...]]) -> list[Any]:
    """Return every race in both orders."""
    named = [(pair, "-then-".join(step.__name__ for step in pair)) for one in pairs for pair in (one, one[::-1])]
    return [pytest.param(*pair, id=name) for pair, name in named]


@pytest.mark.parametrize(("first", "second"), swapped([(trade, count), (trade, sign_up), (trade, deactivate)]))
def test_counting_and_trading_wait_for_each_other(luffy: Character, first: Step, second: Step) -> None:
    steps = {first, second}
    user = holder(luffy, counted=count not in steps, is_guest=sign_up in steps)
    answer, waited = race(first, second, user, luffy)
    assert (waited, vote_mismatches()) == (True, [])
    barred = second is trade and first is deactivate
    assert answer in (None, "not_a_trader" if barred else "ok")
    tick()
    assert (demand_of(luffy), vote_mismatches()) == (0 if deactivate in steps else 14_400, [])


@pytest.mark.parametrize("change", [sign_up, deactivate])
def test_without_its_lock_counting_would_miss_a_trade_under_way(
    luffy: Character, change: Step, broken: Callable[..., None]
) -> None:
    """Negative control: it weighs the twenty shares that it sees, and the trade decided by what counted before."""
    guard = "SELECT * INTO v_account FROM accounts WHERE user_id = p_user_id FOR NO KEY UPDATE;"
    broken("count_account_at", guard, guard.replace(" FOR NO KEY UPDATE", ""))
    race(trade, change, holder(luffy, is_guest=change is sign_up), luffy)
    assert vote_mismatches() != []


@pytest.mark.parametrize(
    ("first", "second"), swapped([(trade, weigh_less), (count, weigh_less), (close, weigh_less), (delist, weigh_less)])
)
def test_another_weight_of_votes_waits_for_what_is_under_way_and_is_waited_for(
    luffy: Character, first: Step, second: Step
) -> None:
    holder(luffy)
    user = holder(luffy, counted=count not in {first, second})
    _, waited = race(first, second, user, luffy)
    assert (waited, vote_mismatches()) == (True, [])
    tick()
    expected: dict[Step, int] = {trade: 6_000 + 12_000, count: 6_000 + 6_000, close: 6_000, delist: 0}
    assert (demand_of(luffy), vote_mismatches()) == (expected[second if first is weigh_less else first], [])


def test_without_the_lock_on_accounts_a_trade_under_way_keeps_the_old_weight(
    luffy: Character, broken: Callable[..., None]
) -> None:
    """Negative control."""
    broken("recount_votes", "    LOCK TABLE accounts IN EXCLUSIVE MODE;\n", "")
    _, waited = race(trade, weigh_less, holder(luffy), luffy)
    assert not waited
    assert vote_mismatches() != []


def test_without_reading_kappa_under_the_lock_delisting_takes_back_the_old_weight(
    luffy: Character, broken: Callable[..., None]
) -> None:
    """Negative control: read before the lock, as in the first version of delist_character."""
    text = sql.read("functions/delist_character")
    begin, end = text.index("    v_kappa integer;"), text.index("    SELECT current_price INTO")
    early = "    v_kappa integer := (SELECT kappa FROM market_rules);\n    v_answer json;\nBEGIN\n"
    broken("delist_character", text[begin:end], f"{early}    LOCK TABLE accounts IN EXCLUSIVE MODE;\n")
    holder(luffy)
    race(weigh_less, delist, holder(luffy), luffy)
    assert vote_mismatches() != []


def test_votes_stay_exact_while_everything_changes_at_once(luffy: Character) -> None:
    """Four traders, one who changes the weight, one who counts and one who ticks."""
    users = [UserFactory() for _ in range(4)]

    def trade_at_random(number: int) -> None:
        chance = random.Random(number)
        with connect() as connection:
            for _ in range(60):
                side = chance.choice(("buy", "buy", "sell"))
                send(connection, (users[number].pk, luffy.pk, side, chance.randint(1, 40), str(uuid.uuid4())))

    def change(number: int) -> None:
        with connect("owner") as connection:
            for turn in range(25):
                guest = "UPDATE users SET is_guest = NOT is_guest WHERE id = %s"
                statement, value = {4: (KAPPA, 15_000 + turn), 5: (guest, users[turn % 4].pk)}.get(number, ("SELECT %s", 1))
                connection.execute(statement, [value])
                assert connection.execute(sql.read_probe("vote_mismatches")).fetchall() == []
                connection.execute("SELECT tick_market()")

    in_threads(lambda number: trade_at_random(number) if number < 4 else change(number), list(range(7)))
    tick()
    assert (vote_mismatches(), mismatches()) == ([], [])
