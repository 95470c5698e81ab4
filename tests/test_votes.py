"""Whose votes count is decided anew each day; and demand is what counted accounts hold, whatever is mended."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connections
from django.utils import timezone

import sql
from characters.models import Character
from tests.clients import connect, in_threads
from tests.factories import CharacterFactory, UserFactory
from tests.market import as_system, demand_of, rule, tick, vote_mismatches
from tests.money import trade_by_sql
from tests.test_audit import in_a_thread, positions, run
from trading import audit
from trading.audit import apply_rebuild, mismatches
from trading.closing import close
from trading.models import Account, OrderFlow, User
from trading.votes import count_votes

pytestmark = pytest.mark.django_db(transaction=True)
TODAY = timezone.now()


@pytest.fixture(autouse=True)
def _after(transactional_db: None) -> Iterator[None]:
    """Leave the rules as other tests expect them, and no scratch schema."""
    yield
    rule("DROP SCHEMA IF EXISTS rebuilt CASCADE")
    rule("UPDATE market_rules SET min_account_days = 0, min_trading_days = 0, is_halted = false, halt_reason = ''")


def ask(days: int, trading_days: int) -> None:
    """Let accounts count that are this old and traded on so many days."""
    rule("UPDATE market_rules SET min_account_days = %s, min_trading_days = %s", days, trading_days)


def trader(opened: float, traded: tuple[float, ...] = (), **user: bool) -> User:
    """Return a trader whose account was opened so many days ago, and who bought 30 shares of Luffy on these."""
    if not Character.objects.exists():
        CharacterFactory(name="Luffy")
    (made,) = User.objects.using("owner").bulk_create([User(username=f"trader{User.objects.count()}")])
    rule("SELECT open_account_at(%s, %s)", made.pk, TODAY - timedelta(days=opened))
    luffy = Character.objects.values_list("pk", flat=True)[0]
    for days in traded:
        at = TODAY - timedelta(days=days)
        rule("SELECT execute_trade_at(%s, %s, 'buy', 30, NULL, gen_random_uuid(), %s)::text", made.pk, luffy, at)
    User.objects.using("owner").filter(pk=made.pk).update(**user)
    return made


def counted() -> set[int]:
    """Return whose votes count."""
    return {*Account.objects.using("owner").filter(is_counted=True).values_list("pk", flat=True)}


def due() -> list[int]:
    """Return the accounts about which the rules have changed their mind."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(sql.read_probe("votes_due"), {"now": timezone.now(), "after": 0})
        return [user_id for (user_id,) in cursor.fetchall()]


def until_waiting(number: int) -> None:
    """Return once so many sessions wait for a lock; fail after 10 s."""
    end = time.monotonic() + 10
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    while rule(waiting) != [(number,)]:
        assert time.monotonic() < end


# --- count_votes


def test_accounts_count_once_they_are_old_enough_and_traded_on_enough_days() -> None:
    """7 and 3 are the rules of a market that nobody changed."""
    ask(7, 3)
    old, older = trader(7.1, (3, 2, 1)), trader(40, (30, 30, 20, 10))
    young, two_days, none = trader(6.9, (3, 2, 1)), trader(40, (30, 30, 20)), trader(40)
    others = [trader(40, (3, 2, 1), **{what: True}) for what in ("is_guest", "is_staff")]
    inactive, closed = trader(40, (3, 2, 1), is_active=False), trader(40, (3, 2, 1))
    close(closed)
    assert (counted(), vote_mismatches()) == (set(), [])
    assert due() == [old.pk, older.pk]
    assert run("count_votes") == ["2 accounts changed so far", "Done: 2 accounts began or ceased to count."]
    assert counted() == {old.pk, older.pk}
    assert counted().isdisjoint(user.pk for user in (young, two_days, none, *others, inactive, closed))
    assert OrderFlow.objects.using("owner").count() == 2
    assert (due(), vote_mismatches()) == ([], [])
    assert run("count_votes") == ["Done: 0 accounts began or ceased to count."]


def test_accounts_cease_to_count_when_the_rules_ask_for_more() -> None:
    luffy = CharacterFactory(name="Luffy")
    old, young = trader(40, (3, 2, 1)), trader(2, (1,))
    tick()
    assert demand_of(luffy) == 18_000 + 10_800  # 90 shares are a full vote of 50 and no more, 30 are 0.6 of one
    ask(7, 3)
    assert due() == [young.pk]
    assert list(count_votes()) == [1]
    assert counted() == {old.pk}
    tick()
    assert (demand_of(luffy), vote_mismatches()) == (18_000, [])


def test_one_account_is_decided_as_all_are() -> None:
    """The rule is one function: what count_account_at says of each is what is due."""
    users = [trader(days, tuple(range(number, 0, -1))) for days in (6, 7.5, 30) for number in (0, 2, 3)]
    ask(7, 3)
    expected = {user.pk for user in users if rule("SELECT count_account_at(%s, now())", user.pk) == [(True,)]}
    ask(0, 0)
    list(count_votes())
    ask(7, 3)
    assert due() == [user.pk for user in users if user.pk not in expected]
    assert 0 < len(expected) < len(users)


def test_many_accounts_are_decided_in_batches() -> None:
    names = "SELECT 'n' || n, '!', false, false, true, '', '', '', now() FROM generate_series(1, 2100) n"
    columns = "username, password, is_superuser, is_staff, is_active, first_name, last_name, email, date_joined"
    ask(7, 3)
    rule(f"INSERT INTO users ({columns}) {names}")
    rule("SELECT count(open_account_at(id, now())) FROM users")
    assert list(count_votes()) == []
    ask(0, 0)
    assert list(count_votes()) == [1000, 1000, 100]
    assert (len(counted()), due()) == (2100, [])


def test_each_account_is_decided_in_a_transaction_of_its_own_in_order() -> None:
    ask(7, 0)
    first, second, third = (trader(40) for _ in range(3))
    as_system("UPDATE accounts SET is_counted = false")
    with connect("owner") as other, ThreadPoolExecutor(1) as pool:
        with other.transaction():
            other.execute("SET LOCAL ROLE market_system")
            other.execute("SELECT FROM accounts WHERE user_id = %s FOR NO KEY UPDATE", [second.pk])
            work = pool.submit(in_a_thread, lambda: list(count_votes()))
            until_waiting(1)
            assert counted() == {first.pk}
        assert work.result(10) == [3]
    assert counted() == {first.pk, second.pk, third.pk}


def test_two_at_once_count_each_vote_once() -> None:
    luffy = CharacterFactory(name="Luffy")
    ask(7, 3)
    users = [trader(40, (3, 2, 1)) for _ in range(60)]

    def count(_: int) -> None:
        try:
            list(count_votes())
        finally:
            connections.close_all()

    in_threads(count, [1, 2])
    tick()
    assert (demand_of(luffy), vote_mismatches()) == (len(users) * 18_000, [])


# --- verify_ledger knows of votes


def test_a_vote_that_got_lost_is_found() -> None:
    luffy = CharacterFactory(name="Luffy")
    trader(40, (1,))
    as_system("DELETE FROM order_flow")
    err = StringIO()
    with pytest.raises(CommandError, match="1 mismatches"):
        call_command("verify_ledger", stderr=err)
    assert err.getvalue() == f"character {luffy.pk}: what is held weighs 10800 micro-votes, demand is 0\n"


# --- rebuild_projections --apply


DAMAGES = {
    "a holding": ("UPDATE holdings SET quantity = 9",),
    "a lost holding": ("DELETE FROM holdings",),
    "a lost vote": ("DELETE FROM order_flow",),
    "a vote counted twice": (
        "INSERT INTO order_flow (user_id, trade_id, character_id, votes, created_at)"
        " SELECT user_id, gen_random_uuid(), character_id, votes, now() FROM order_flow",
    ),
    "a holding and its vote": (
        "UPDATE holdings SET quantity = 40",
        "INSERT INTO order_flow (user_id, trade_id, character_id, votes, created_at)"
        " SELECT user_id, gen_random_uuid(), character_id, 3600, now() FROM holdings",
    ),
}  # fmt: skip


@pytest.mark.parametrize("ticked", [False, True], ids=["pending", "counted"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_rebuild_lets_demand_follow_from_what_is_held(damage: str, ticked: bool) -> None:
    luffy = CharacterFactory(name="Luffy")
    trader(40, (1,))
    for statement in DAMAGES[damage]:
        as_system(statement)
    if ticked:
        tick()
    apply_rebuild()
    assert (mismatches(), vote_mismatches()) == ([], [])
    tick()
    assert (demand_of(luffy), vote_mismatches()) == (10_800, [])


def test_without_writing_the_difference_demand_would_stay_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: the same rebuild, and no row of order_flow."""
    CharacterFactory(name="Luffy")
    trader(40, (1,))
    for statement in DAMAGES["a holding and its vote"]:
        as_system(statement)
    assert vote_mismatches() == []
    monkeypatch.setattr(audit, "MEND", "SELECT %s, %s")
    apply_rebuild()
    assert mismatches() == []
    assert len(vote_mismatches()) == 1


def test_a_rebuild_says_that_demand_follows() -> None:
    CharacterFactory(name="Luffy")
    trader(40, (1,))
    as_system("DELETE FROM order_flow")
    assert run("rebuild_projections", "--apply") == [
        "demand for 1 characters follows from what is held again, with the next tick",
        "0 differences; see schema rebuilt",
    ]


@pytest.fixture
def former_count(transactional_db: None) -> Iterator[str]:
    """Lend count_account_at as it was: it wrote votes first, and the account last."""
    yield sql.again(sql.read("functions/count_account_at"))
    rule(sql.read("functions/count_account_at", 2))


@pytest.mark.parametrize("guarded", [True, False])
def test_an_account_that_begins_to_count_while_holdings_are_rebuilt(guarded: bool, former_count: str) -> None:
    """It waits for them. The control reads what is damaged, and its votes stay wrong for good."""
    CharacterFactory(name="Luffy")
    ask(50, 0)
    user = trader(40, (1,))
    as_system("UPDATE holdings SET quantity = 9")
    ask(7, 0)
    if not guarded:
        rule(former_count)
    run("rebuild_projections")

    def count() -> None:
        with connect("owner") as other:
            other.execute("SELECT count_account_at(%s, now())", [user.pk])

    with connect("owner") as reader, ThreadPoolExecutor(2) as pool:
        with reader.transaction():
            reader.execute("SELECT count(*) FROM rebuilt.accounts")  # the rebuild drops it, holding accounts and holdings
            rebuilding = pool.submit(in_a_thread, apply_rebuild)
            until_waiting(1)
            counting = pool.submit(count)
            until_waiting(2)
        rebuilding.result(10)
        counting.result(10)
    assert mismatches() == []
    assert (vote_mismatches() == []) is guarded


# --- delisting


def delisted() -> Character:
    """Return a character that three traders held after partial sales, and that was taken off the market at a moved price."""
    luffy, other = CharacterFactory(name="Luffy"), CharacterFactory()
    for number, user in enumerate(UserFactory.create_batch(3), 2):
        for side, quantity in (("buy", 7 * number), ("sell", number), ("buy", 3)):
            assert trade_by_sql(user.pk, user.pk, luffy.pk, side, quantity)["success"]
        assert trade_by_sql(user.pk, user.pk, other.pk, "buy", 1)["success"]
    tick()
    luffy.refresh_from_db()
    rule("SELECT delist_character(%s, %s)::text", luffy.pk, luffy.current_price)
    return luffy


def test_a_delisting_leaves_a_clean_ledger_no_position_and_no_vote() -> None:
    luffy = delisted()
    assert (mismatches(), vote_mismatches()) == ([], [])
    assert (
        rule("SELECT kind, quantity_after, fee, amount = price * quantity FROM ledger_entries WHERE kind = 'delisting'")
        == [("delisting", 0, 0, True)] * 3
    )
    assert rule("SELECT count(*) FROM holdings WHERE character_id = %s", luffy.pk) == [(0,)]
    assert run("rebuild_projections") == ["0 differences; see schema rebuilt"]
    tick()
    assert (demand_of(luffy), vote_mismatches()) == (0, [])


def test_before_and_after_a_delisting_everybody_had_what_a_rebuild_says() -> None:
    delisted()
    [(moment,)] = rule("SELECT min(created_at) - interval '1 microsecond' FROM ledger_entries WHERE kind = 'delisting'")
    now = positions()
    run("rebuild_projections", "--as-of", moment.isoformat())
    then = positions("rebuilt.")
    assert (len(then[1]), len(now[1])) == (6, 3)
    run("rebuild_projections", "--as-of", timezone.now().isoformat())
    assert positions("rebuilt.") == now


def test_a_position_that_a_delisting_left_behind_is_found_and_mended() -> None:
    """Negative control of the two before."""
    luffy = delisted()
    as_system(
        "INSERT INTO holdings (user_id, character_id, quantity, cost_basis)"
        " SELECT user_id, character_id, quantity, 1 FROM ledger_entries WHERE kind = 'delisting'"
    )
    assert len(mismatches()) == 6
    assert [row[0] for row in vote_mismatches()] == [luffy.pk]
    apply_rebuild()
    assert (mismatches(), vote_mismatches()) == ([], [])
