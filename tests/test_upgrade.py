"""Yesterday's database, with people's money in it, becomes today's in place."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db.backends.base.base import BaseDatabaseWrapper

import sql
from tests.test_sql_files import ALIAS, migrate, scratch_database

pytestmark = pytest.mark.django_db(databases=["default", "owner", ALIAS])
YESTERDAY = (
    ("crews", "0002_sql"), ("characters", "0002_sql"), ("trading", "0002_sql"), ("lab", "0001_schema"),
    ("sessions", "0001_initial"), ("admin", "0003_logentry_add_action_flag_choices"),
)  # fmt: skip
TRADED = """
INSERT INTO crews (name, captain) VALUES ('Straw Hat Pirates', 'Monkey D. Luffy');
INSERT INTO characters (name, crew_id, bounty, description, aliases)
    SELECT 'Character ' || n, 1, n * 1000, 'Somebody at sea.', ARRAY['Alias ' || n] FROM generate_series(1, 2000) n;
INSERT INTO users (username, password, is_superuser, first_name, last_name, email, is_staff, is_active, date_joined)
    SELECT 'trader' || n, 'hash ' || n, false, '', '', n || '@example.com', n = 4, true, now() FROM generate_series(1, 4) n;
SELECT open_account(id) FROM users WHERE NOT is_staff;
SELECT execute_trade(u.id, c.id, 'buy', 2, NULL) FROM users u, characters c WHERE c.id <= 50;
SELECT execute_trade(u.id, c.id, 'sell', 1, NULL) FROM users u, characters c WHERE c.id <= 20;
"""
KEPT = {
    "accounts": "user_id, balance",
    "holdings": "user_id, character_id, quantity, cost_basis",
    "ledger_entries": "user_id, trade_id, created_at, kind, character_id, quantity, price, fee, amount, balance_after",
    "characters": "id, name, crew_id, bounty, current_price, market_cap, description, is_active, is_tradeable",
    "bounty_events": "id, character_id, amount, chapter",
    "users": "id, username, password, email, is_active, is_staff, is_superuser, date_joined",
}
LATECOMERS = 21  # characters/migrations/0010
Rows = list[tuple[Any, ...]]


def ask(connection: BaseDatabaseWrapper, query: str) -> Rows:
    """Return the rows of a query."""
    with connection.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall()) if cursor.description else []


def kept(connection: BaseDatabaseWrapper) -> dict[str, Rows]:
    """Return all that an upgrade may not change."""
    return {table: ask(connection, f"SELECT {columns} FROM {table} ORDER BY 1, 2") for table, columns in KEPT.items()}


@pytest.fixture(scope="module")
def upgraded(django_db_setup: None, django_db_blocker: Any) -> Iterator[tuple[BaseDatabaseWrapper, dict[str, Rows]]]:
    """Lend a database that was yesterday's, with what it held before."""
    with django_db_blocker.unblock(), scratch_database() as connection:
        migrate(connection, *YESTERDAY)
        ask(connection, TRADED)
        before = kept(connection)
        migrate(connection)
        yield connection, before


def test_an_upgrade_keeps_every_row(upgraded: tuple[BaseDatabaseWrapper, dict[str, Rows]]) -> None:
    connection, before = upgraded
    assert all(before.values())
    assert len(before["ledger_entries"]) == 3 * (1 + 50 + 20)
    after = kept(connection)
    assert all(set(after[table]) >= set(rows) for table, rows in before.items())
    assert {table for table in KEPT if after[table] != before[table]} == {"characters", "bounty_events"}
    assert len(after["characters"]) == len(before["characters"]) + LATECOMERS


def test_the_ledger_adds_up_after_an_upgrade(upgraded: tuple[BaseDatabaseWrapper, dict[str, Rows]]) -> None:
    assert ask(upgraded[0], sql.read_probe("ledger_mismatches")) == []


def test_what_triggers_keep_is_brought_up_to_date(upgraded: tuple[BaseDatabaseWrapper, dict[str, Rows]]) -> None:
    connection, _ = upgraded
    query = "SELECT id, search::text FROM characters ORDER BY id"
    after = ask(connection, query)
    ask(connection, "UPDATE characters SET name = name")
    assert ask(connection, query) == after


def test_traders_trade_on_after_an_upgrade(upgraded: tuple[BaseDatabaseWrapper, dict[str, Rows]]) -> None:
    ((answer,),) = ask(upgraded[0], "SELECT execute_trade(1, 1, 'sell', 1, NULL)::jsonb ->> 'code'")
    assert answer == "ok"
