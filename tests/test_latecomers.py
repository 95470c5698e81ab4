"""A market that opened before some characters were shipped gets them by its next migration; what staff made stays as it is."""

import hashlib
from collections import Counter
from typing import Any, NamedTuple

import pytest
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.transaction import atomic

from characters.loading import DATA, Table, read_table
from characters.services import Written, write_characters, write_crews
from tests.test_fill import INSERT, SHIPPED, Rows, rows
from tests.test_sql_files import migrate, scratch_database
from tests.test_upgrade import YESTERDAY, ask

pytestmark = pytest.mark.django_db

BEFORE = ("characters", "0008_work_lists")
FROZEN = {
    "characters": "42e86e605c06cb37",
    "crews": "b9a4269083525ced",
}
BY_STAFF = """
INSERT INTO characters (name, description, bounty, is_active)
VALUES ('aokiji', 'By staff.', 1, true), ('Carrot', 'By staff.', 2, false)
"""
HISTORY = """
SELECT name, e.amount, e.chapter, applied_at IS NOT NULL, current_price = bounty_fundamental(e.amount)
FROM bounty_events e JOIN characters c ON c.id = character_id JOIN listings USING (character_id)
WHERE name IN ('Caribou', 'Carrot', 'Kyros') ORDER BY name
"""
CREWS = "SELECT crew_name, member_count FROM crew_analytics WHERE crew_name IN ('Germa 66', 'Egghead') ORDER BY 1"
ALL = "SELECT name FROM characters UNION ALL SELECT name FROM crews"


class Upgraded(NamedTuple):
    """A market after its upgrade, and after going back a step and forward again; what a load then wrote."""

    rows: Rows
    again: Rows
    history: list[tuple[Any, ...]]
    crews: list[tuple[Any, ...]]
    loaded: list[Written]
    names: list[tuple[Any, ...]]


class Opened(NamedTuple):
    """A new market: its names before the load, what the load wrote, the characters, and those after a step back and forward."""

    names: list[tuple[Any, ...]]
    loaded: list[Written]
    rows: Rows
    again: Rows


def frozen(kind: str) -> Table:
    """Return a table that the migration brings along."""
    return read_table(DATA.parent / "migrations" / f"0010_{kind}.csv")


def shipped(kind: str) -> Table:
    """Return a table that comes with the market today."""
    return read_table(DATA / f"{kind}.csv")


def load(connection: BaseDatabaseWrapper) -> list[Written]:
    """Load what is shipped, as `load_characters --only-new` does."""
    using = connection.alias
    with atomic(using=using):
        return [
            write_crews(shipped("crews"), using, only_new=True),
            write_characters(shipped("characters"), using, only_new=True),
        ]


@pytest.fixture(scope="module")
def upgraded(django_db_setup: None, django_db_blocker: Any) -> Upgraded:
    """Upgrade the market of the first issues, with four characters and two of the staff's own; go back, and repeat; load."""
    with django_db_blocker.unblock(), scratch_database() as connection:
        migrate(connection, *YESTERDAY)
        with connection.cursor() as cursor:
            cursor.execute(INSERT, [SHIPPED])
        ask(connection, BY_STAFF)
        migrate(connection)
        first, history, crews = rows(connection), ask(connection, HISTORY), ask(connection, CREWS)
        migrate(connection, BEFORE)
        migrate(connection)
        return Upgraded(first, rows(connection), history, crews, load(connection), ask(connection, ALL))


@pytest.fixture(scope="module")
def opened(django_db_setup: None, django_db_blocker: Any) -> Opened:
    """Open a market today: migrate, load; then go back a step and forward again."""
    with django_db_blocker.unblock(), scratch_database() as connection:
        migrate(connection)
        names, loaded, first = ask(connection, ALL), load(connection), rows(connection)
        migrate(connection, BEFORE)
        migrate(connection)
        return Opened(names, loaded, first, rows(connection))


def test_whoever_is_missing_is_added_as_shipped(upgraded: Upgraded) -> None:
    table = {row["name"]: row for row in frozen("characters").rows.values()}
    assert len(table) == 21
    assert upgraded.rows.keys() == {"Sabo", "Shanks", "Bentham", "Nobody", "aokiji", *table} - {"Kuzan"}
    facts = ("epithet", "aliases", "terms", "devil_fruit", "first_chapter", "crew_chapter", "description")
    for name in table.keys() - {"Kuzan", "Carrot"}:
        assert {fact: upgraded.rows[name][fact] for fact in facts} == {fact: table[name][fact] for fact in facts}


def test_what_staff_made_under_any_of_the_names_is_left_alone(upgraded: Upgraded) -> None:
    mine = [upgraded.rows[name] for name in ("aokiji", "Carrot")]
    assert [(row["description"], row["bounty"], row["is_active"]) for row in mine] == [
        ("By staff.", 1, True),
        ("By staff.", 2, False),
    ]


def test_history_and_price_follow_from_the_bounty(upgraded: Upgraded) -> None:
    assert upgraded.history == [("Caribou", 210_000_000, None, True, True), ("Carrot", 2, None, True, True)]
    assert (upgraded.rows["Caribou"]["bounty"], upgraded.rows["Kyros"]["bounty"]) == (210_000_000, None)
    assert upgraded.rows["Caribou"]["current_price"] > upgraded.rows["Kyros"]["current_price"]


def test_their_crews_are_made_and_counted(upgraded: Upgraded) -> None:
    assert upgraded.crews == [("Egghead", 4), ("Germa 66", 5)]
    assert upgraded.rows["Edison"]["crew_id"] == upgraded.rows["York"]["crew_id"] is not None


def test_back_and_forward_again_changes_nothing(upgraded: Upgraded) -> None:
    assert upgraded.again == upgraded.rows


def test_a_load_afterwards_adds_the_rest_and_nobody_twice(upgraded: Upgraded) -> None:
    everybody = [row["name"] for kind in ("characters", "crews") for row in shipped(kind).rows.values()]
    assert Counter(name for (name,) in upgraded.names) == Counter([*everybody, "aokiji", "Nobody"])
    assert [written.changed for written in upgraded.loaded] == [0, 0]


def test_an_empty_market_gets_everybody_from_the_load(opened: Opened) -> None:
    assert opened.names == []
    assert [written.new for written in opened.loaded] == [len(shipped(kind).rows) for kind in ("crews", "characters")]
    assert opened.again == opened.rows


@pytest.mark.parametrize("kind", FROZEN)
def test_what_the_migration_brings_is_frozen_with_it(kind: str) -> None:
    """Markets have it already: what is told anew of them goes into characters/data, and into a migration of its own."""
    content = (DATA.parent / "migrations" / f"0010_{kind}.csv").read_bytes()
    assert hashlib.sha256(content).hexdigest()[:16] == FROZEN[kind]
    assert frozen(kind).problems == []
    assert {row["name"] for row in frozen(kind).rows.values()} <= {row["name"] for row in shipped(kind).rows.values()}
