"""What a trade touches: rows of its user, and of nobody and nothing else."""

import uuid
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from characters.models import Character
from tests.clients import connect, execute, send, waits_then
from tests.factories import CharacterFactory, UserFactory
from tests.money import trade_by_sql
from trading.models import User

pytestmark = pytest.mark.django_db(transaction=True)

OF_A_TRADER = {"accounts", "holdings", "ledger_entries", "order_flow"}
WRITTEN = (
    "SELECT relname, n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_xact_user_tables WHERE n_tup_ins + n_tup_upd + n_tup_del > 0"
)
LOCKED = (
    "SELECT DISTINCT relation::regclass::text FROM pg_locks l JOIN pg_class c ON c.oid = relation"
    " WHERE pid = pg_backend_pid() AND mode = ANY (%s) AND relkind IN ('r', 'p')"
)
OWNERS = " UNION ALL ".join(
    f"SELECT user_id FROM {table} WHERE xmin = pg_current_xact_id()::xid" for table in sorted(OF_A_TRADER)
)
WRITERS = ["RowExclusiveLock", "ShareUpdateExclusiveLock", "ShareLock", "ShareRowExclusiveLock", "ExclusiveLock"]
LAST = "    RETURN trade_answer('ok', 'Trade executed successfully', p_trade_id, v_market.price"
type Rows = dict[str, tuple[int, int, int]]


@pytest.fixture
def trader() -> User:
    """A trader."""
    return UserFactory()


@pytest.fixture
def luffy() -> Character:
    """A character at 100.00: a full vote is 50 shares."""
    return CharacterFactory()


def order(user: User, character: Character, action: str = "buy", quantity: int = 10) -> Any:
    """Return an order with a fresh id."""
    return (user.pk, character.pk, action, quantity, str(uuid.uuid4()))


def place(connection: Any, call: Any) -> None:
    """Execute a trade in the open transaction, with all that its commit would check: the foreign key of a first purchase."""
    assert execute(connection, call)["code"] == "ok"
    connection.execute("SET CONSTRAINTS ALL IMMEDIATE")


def written_by(call: Any, alias: str = "default") -> Rows:
    """Return {table: (rows inserted, updated, deleted)} of one trade, by the server's own count."""
    with connect(alias) as connection, connection.transaction():
        place(connection, call)
        return {name: tuple(counts) for name, *counts in connection.execute(WRITTEN)}


def test_a_trade_writes_an_account_a_position_an_entry_and_a_vote(trader: User, luffy: Character) -> None:
    """And without a change of its vote, or of an account that does not count, no vote."""
    entry = {"accounts": (0, 1, 0), "ledger_entries": (1, 0, 0)}
    vote = {"order_flow": (1, 0, 0)}
    assert written_by(order(trader, luffy)) == entry | vote | {"holdings": (1, 0, 0)}
    assert written_by(order(trader, luffy, quantity=90)) == entry | vote | {"holdings": (0, 1, 0)}
    assert written_by(order(trader, luffy)) == entry | {"holdings": (0, 1, 0)}
    assert written_by(order(trader, luffy, "sell", 10)) == entry | {"holdings": (0, 1, 0)}
    assert written_by(order(trader, luffy, "sell", 100)) == entry | vote | {"holdings": (0, 0, 1)}
    assert written_by(order(UserFactory(is_guest=True), luffy)) == entry | {"holdings": (1, 0, 0)}


def test_all_that_a_trade_writes_is_its_users(trader: User, luffy: Character) -> None:
    """Read back in the same transaction, by who may see everybody's rows."""
    trade_by_sql(None, UserFactory().pk, luffy.pk, "buy", 10, using="owner")
    with connect("owner") as connection, connection.transaction():
        place(connection, order(trader, luffy))
        assert connection.execute(OWNERS).fetchall() == [(trader.pk,)] * 4


def test_a_trade_locks_no_table_for_writing_but_those_of_traders(trader: User, luffy: Character) -> None:
    with connect() as connection, connection.transaction():
        place(connection, order(trader, luffy))
        assert {name for (name,) in connection.execute(LOCKED, [WRITERS])} == OF_A_TRADER


def test_a_trade_locks_its_characters_row_only_by_the_key_of_a_first_purchase(trader: User, luffy: Character) -> None:
    """Then so that it is not deleted meanwhile, and no more: FOR NO KEY UPDATE, as a tick takes it, is granted at once."""
    first, later = order(trader, luffy), order(trader, luffy)
    assert [granted(first, lock, luffy) for lock in ("FOR NO KEY UPDATE", "FOR UPDATE")] == [True, False]
    with connect() as connection:
        send(connection, first)
    assert granted(later, "FOR UPDATE", luffy)


def granted(call: Any, lock: str, character: Character) -> bool:
    """Return whether another gets this lock on the character's row while the trade is open; roll the trade back."""
    with connect() as one, connect("owner") as other, one.transaction(force_rollback=True):
        place(one, call)
        try:
            other.execute(f"SELECT FROM characters WHERE id = %s {lock} NOWAIT", [character.pk])
        except psycopg.errors.LockNotAvailable:
            return False
        return True


@pytest.mark.parametrize("action", ["buy", "sell"])
@pytest.mark.parametrize("held", [0, 20])
def test_two_traders_of_one_character_do_not_wait_for_each_other(luffy: Character, action: str, held: int) -> None:
    """One transaction is open, the other commits: first purchases, later ones, sales."""
    one, two = UserFactory(), UserFactory()
    for user in (one, two):
        if held or action == "sell":
            assert trade_by_sql(user.pk, user.pk, luffy.pk, "buy", 20)["code"] == "ok"
    answer, waited = waits_then(
        lambda connection: place(connection, order(one, luffy, action)),
        lambda: trade_by_sql(two.pk, two.pk, luffy.pk, action, 10),
    )
    assert (answer.result()["code"], waited) == ("ok", False)


def test_without_leaving_the_characters_row_alone_traders_would_wait(
    luffy: Character, broken_trade: Callable[[str, str], None]
) -> None:
    """Negative control: a trade that moves the price itself, as the module's did."""
    broken_trade(LAST, f"    UPDATE characters SET current_price = current_price WHERE id = p_character_id;\n{LAST}")
    one, two = UserFactory(), UserFactory()
    assert written_by(order(one, luffy))["characters"] == (0, 1, 0)
    _, waited = waits_then(
        lambda connection: place(connection, order(one, luffy)), lambda: trade_by_sql(two.pk, two.pk, luffy.pk, "buy", 1)
    )
    assert waited
