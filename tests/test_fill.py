"""Yesterday's database gets what the shipped file has learnt since; what staff wrote stays as it is."""

import json
from typing import Any, NamedTuple

import pytest
from django.db.backends.base.base import BaseDatabaseWrapper

from tests.test_sql_files import migrate, scratch_database

pytestmark = pytest.mark.django_db

BEFORE = [("characters", "0002_sql"), ("crews", "0002_sql"), ("trading", "0002_sql")]
SHIPPED = (  # with issue 2
    "A nobleman's son who threw his title away. In top hat and gloves he serves as Dragon's chief of staff and drives his "
    "colleagues to despair."
)
INSERT = """
INSERT INTO crews (name, captain) VALUES ('Revolutionary Army', 'Monkey D. Dragon'), ('Red Hair Pirates', 'Shanks');
INSERT INTO characters (name, crew_id, epithet, aliases, devil_fruit, description) VALUES
('Sabo', (SELECT min(id) FROM crews), 'Flame Emperor', '{サボ}', '', %s),
('Shanks', (SELECT max(id) FROM crews), 'Red-Haired Shanks', '{Red Hair,Staff''s own}', '', 'By staff.'),
('Bentham', NULL, 'Renamed by staff', '{}', 'Clone-Clone Fruit (Mane Mane no Mi)', 'A dancer.'),
('Nobody', NULL, '', '{Somebody}', '', 'Made by staff.')
"""
Rows = dict[str, dict[str, Any]]


class Upgraded(NamedTuple):
    """The characters after the upgrade, and after another one of the same; whom two searches find."""

    rows: Rows
    again: Rows
    found: dict[str, list[str]]


@pytest.fixture(scope="module")
def upgraded(django_db_setup: None, django_db_blocker: Any) -> Upgraded:
    """Bring a database up to date that is as issue 2 left it, with four characters; then edit, go back a step, and repeat."""
    with django_db_blocker.unblock(), scratch_database() as connection:
        migrate(connection, *BEFORE)
        with connection.cursor() as cursor:
            cursor.execute(INSERT, [SHIPPED])
        migrate(connection)
        first = rows(connection)
        finds = {text: found(connection, text) for text in ("some-body", "yonko")}
        with connection.cursor() as cursor:
            cursor.execute("UPDATE characters SET description = 'Edited later.' WHERE name = 'Sabo'")
        migrate(connection, ("characters", "0004_spelling"))
        migrate(connection)
        return Upgraded(first, rows(connection), finds)


def rows(connection: BaseDatabaseWrapper) -> Rows:
    """Return the characters by name, without what changes with every writing."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_jsonb(c) - 'updated_at' - 'search' FROM characters c")
        return {row["name"]: row for (text,) in cursor.fetchall() for row in [json.loads(text)]}


def found(connection: BaseDatabaseWrapper, text: str) -> list[str]:
    """Return whom the search finds by names or words."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name FROM search_characters(%s, 9, NULL, NULL, NULL, NULL, NULL) JOIN characters USING (id) WHERE tier < 5",
            [text],
        )
        return [name for (name,) in cursor.fetchall()]


def test_what_is_missing_is_filled(upgraded: Upgraded) -> None:
    shanks = upgraded.rows["Shanks"]
    assert shanks["crew_chapter"] == 1
    assert shanks["aliases"][:2] == ["Red Hair", "Staff's own"]
    assert "Akagami" in shanks["aliases"]
    assert "yonko" in shanks["terms"]
    assert upgraded.rows["Bentham"]["devil_fruit_chapter"] == 129


def test_a_description_that_nobody_edited_is_replaced_and_one_by_staff_is_not(upgraded: Upgraded) -> None:
    assert "iron pipe" in upgraded.rows["Sabo"]["description"]
    assert upgraded.rows["Shanks"]["description"] == "By staff."


def test_a_fact_that_staff_changed_gets_no_chapter_of_ours(upgraded: Upgraded) -> None:
    bentham = upgraded.rows["Bentham"]
    assert (bentham["crew_id"], bentham["crew_chapter"]) == (None, None)
    assert (bentham["epithet"], bentham["epithet_chapter"]) == ("Renamed by staff", None)


def test_a_character_of_staffs_is_left_alone_and_still_found(upgraded: Upgraded) -> None:
    nobody = upgraded.rows["Nobody"]
    assert (nobody["aliases"], nobody["terms"], nobody["description"]) == (["Somebody"], "", "Made by staff.")
    assert upgraded.found == {"some-body": ["Nobody"], "yonko": ["Shanks"]}


def test_filling_again_changes_nothing(upgraded: Upgraded) -> None:
    sabo = upgraded.rows["Sabo"] | {"description": "Edited later."}
    assert upgraded.again == upgraded.rows | {"Sabo": sabo}
