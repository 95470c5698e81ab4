"""sql/ is source: every version is replayed once, by a migration that can be taken back, and what is frozen stays as it is."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from django.core.management import call_command
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations import RunSQL, SeparateDatabaseAndState
from django.db.migrations.operations.base import Operation
from django.test import override_settings

import sql
from crews.models import Crew

ALIAS = "scratch"
OURS = ("crews", "characters", "trading", "caching", "lab")
VERSION = re.compile(r"(?P<name>.+)_v(?P<version>[0-9]{2})\.sql")
FILES = {str(path.relative_to(sql.HERE)): path.read_text(encoding="utf-8") for path in sorted(sql.HERE.rglob("*_v*.sql"))}
Texts = dict[str, str]
Catalogue = dict[str, str]
Changes = dict[str, tuple[str | None, str | None]]

NOT_AN_EXTENSIONS = "NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = x.oid AND d.classid = x.tableoid AND d.deptype = 'e')"
HOMES = "(SELECT oid FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%%' AND nspname <> 'information_schema')"
SORTED_ACL = "(SELECT string_agg(a::text, ' ' ORDER BY a::text COLLATE \"C\") FROM unnest({}) a)"

# All that migrations make, one row (object, description) each. Django's own bookkeeping is left out.
CATALOGUE = f"""
SELECT 'function ' || x.oid::regprocedure, concat_ws(' ', pg_get_userbyid(proowner), {SORTED_ACL.format("proacl")},
    CASE WHEN prokind <> 'a' THEN pg_get_functiondef(x.oid) END, (SELECT to_jsonb(a) FROM pg_aggregate a WHERE aggfnoid = x.oid))
FROM pg_proc x WHERE pronamespace IN {HOMES} AND {NOT_AN_EXTENSIONS}
UNION ALL
SELECT 'relation ' || x.oid::regclass, concat_ws(' ', relkind, pg_get_userbyid(relowner), {SORTED_ACL.format("relacl")},
    'rls', relrowsecurity, relforcerowsecurity, reloptions, CASE WHEN relkind IN ('v', 'm') THEN pg_get_viewdef(x.oid) END,
    CASE WHEN relkind IN ('i', 'I') THEN pg_get_indexdef(x.oid) END)
FROM pg_class x WHERE relnamespace IN {HOMES} AND {NOT_AN_EXTENSIONS} AND relname !~ '^django_migrations'
UNION ALL
SELECT format('column %%s.%%s', x.oid::regclass, attname),
    concat_ws(' ', format_type(atttypid, atttypmod), attnotnull, attidentity, pg_get_expr(adbin, adrelid),
        {SORTED_ACL.format("attacl")})
FROM pg_class x JOIN pg_attribute ON attrelid = x.oid AND attnum > 0 AND NOT attisdropped
LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE relnamespace IN {HOMES} AND {NOT_AN_EXTENSIONS} AND relkind IN ('r', 'p', 'v', 'm') AND relname <> 'django_migrations'
UNION ALL
SELECT format('constraint %%s on %%s', conname, conrelid::regclass), pg_get_constraintdef(x.oid)
FROM pg_constraint x WHERE connamespace IN {HOMES} AND conrelid::regclass::text <> 'django_migrations'
UNION ALL
SELECT format('trigger %%s on %%s', tgname, tgrelid::regclass), concat_ws(' ', pg_get_triggerdef(oid), tgenabled)
FROM pg_trigger WHERE NOT tgisinternal
UNION ALL
SELECT format('policy %%s on %%s', policyname, tablename), concat_ws(' ', permissive, roles::text, cmd, qual, with_check)
FROM pg_policies
UNION ALL
SELECT 'schema ' || nspname, concat_ws(' ', pg_get_userbyid(nspowner), {SORTED_ACL.format("nspacl")})
FROM pg_namespace x WHERE oid IN {HOMES}
UNION ALL
SELECT 'default privileges of ' || pg_get_userbyid(defaclrole), concat_ws(' ', defaclobjtype, {SORTED_ACL.format("defaclacl")})
FROM pg_default_acl
UNION ALL
SELECT 'rules', to_jsonb(r)::text FROM market_rules r
"""
NO_RULES = CATALOGUE.replace("SELECT 'rules', to_jsonb(r)::text FROM market_rules r", "SELECT 'rules', NULL WHERE false")
LEDGER = """
SELECT role || ' ' || privilege FROM unnest(ARRAY['market_app', 'market_owner', 'market_system']) role,
    unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) privilege
WHERE has_table_privilege(role, 'ledger_entries', privilege)
   OR (privilege IN ('SELECT', 'INSERT', 'UPDATE') AND has_any_column_privilege(role, 'ledger_entries', privilege))
"""


class Journey(NamedTuple):
    """The catalogue of one database: migrated, taken back to nothing, migrated again."""

    head: Catalogue
    zero: Catalogue
    head_again: Catalogue
    ledger: set[str]
    lost: dict[str, Changes]  # by taking back one migration and replaying it


@contextmanager
def scratch_database() -> Iterator[BaseDatabaseWrapper]:
    """Lend an empty database of market_owner's, as an alias of its own; drop it afterwards."""
    name = f"{connections['owner'].settings_dict['NAME']}_scratch"
    with connections["owner"].cursor() as cursor, override_settings(DATABASE_ROUTERS=[]):
        cursor.execute(f'DROP DATABASE IF EXISTS "{name}"')
        cursor.execute(f'CREATE DATABASE "{name}"')
        connections.settings[ALIAS] = {**connections["owner"].settings_dict, "NAME": name}
        try:
            yield connections[ALIAS]
        finally:
            connections[ALIAS].close()
            del connections[ALIAS], connections.settings[ALIAS]
            cursor.execute(f'DROP DATABASE "{name}"')


@pytest.fixture(scope="module")
def journey(django_db_setup: None, django_db_blocker: Any) -> Journey:
    """Migrate forward, each of our migrations back and forward, all to zero, and forward again."""
    with django_db_blocker.unblock(), scratch_database() as connection:
        migrate(connection)
        head, ledger = catalogue(connection), granted_on_the_ledger(connection)
        lost = {".".join(node): step_back_and_forward(connection, node) for node in our_migrations()}
        to_zero(connection)
        zero = catalogue(connection, NO_RULES)
        migrate(connection)
        return Journey(head, zero, catalogue(connection), ledger, lost)


def migrate(connection: BaseDatabaseWrapper, *targets: tuple[str, str | None]) -> None:
    """Migrate to these targets, or everything to its newest."""
    executor = MigrationExecutor(connection)
    executor.migrate(list(targets) or executor.loader.graph.leaf_nodes())


def to_zero(connection: BaseDatabaseWrapper) -> None:
    """Take back every migration of every app."""
    for app in sorted(MigrationLoader(connection).migrated_apps):
        migrate(connection, (app, None))


def step_back_and_forward(connection: BaseDatabaseWrapper, node: tuple[str, str]) -> Changes:
    """Take back one migration and what needs it, migrate to the newest again, return what is not as before."""
    before = catalogue(connection)
    app, name = node
    earlier = [n for a, n in our_migrations() if a == app and n < name]
    migrate(connection, (app, max(earlier, default=None)))
    migrate(connection)
    lost = changed(before, catalogue(connection))
    if lost:  # so that one broken migration is not blamed on the next
        to_zero(connection)
        migrate(connection)
    return lost


def our_migrations() -> list[tuple[str, str]]:
    """Return (app, name) of each migration of ours, newest first within an app."""
    nodes = MigrationLoader(None).graph.nodes
    return sorted(((app, name) for app, name in nodes if app in OURS), reverse=True)


def catalogue(connection: BaseDatabaseWrapper, query: str = CATALOGUE) -> Catalogue:
    """Return all that migrations made. Raises nothing when it is nothing."""
    with connection.cursor() as cursor:
        cursor.execute(query.replace("%%", "%"))
        return dict(cursor.fetchall())


def granted_on_the_ledger(connection: BaseDatabaseWrapper) -> set[str]:
    """Return 'role privilege' for all that may be done to the ledger."""
    with connection.cursor() as cursor:
        cursor.execute(LEDGER)
        return {text for (text,) in cursor.fetchall()}


def changed(before: Catalogue, after: Catalogue) -> Changes:
    """Return what is not the same in both."""
    return {key: (before.get(key), after.get(key)) for key in before.keys() | after.keys() if before.get(key) != after.get(key)}


def replayed() -> Counter[str]:
    """Return how often migrations run each text forward."""
    migrations = MigrationLoader(None).graph.nodes.values()
    return Counter(text for migration in migrations for text in forward(migration.operations))


def forward(operations: list[Operation]) -> Iterator[str]:
    """Yield the SQL that these operations run forward."""
    for operation in operations:
        if isinstance(operation, RunSQL) and isinstance(operation.sql, str):
            yield operation.sql
        if isinstance(operation, SeparateDatabaseAndState):
            yield from forward(operation.database_operations)


def not_replayed_once(files: Texts, runs: Counter[str]) -> dict[str, int]:
    """Return the files that are not run by exactly one operation, with how many run them."""
    return {path: runs[text] for path, text in files.items() if runs[text] != 1}


def gaps(paths: list[str]) -> dict[str, list[int]]:
    """Return the names whose versions are not 1, 2, 3, …"""
    versions: dict[str, list[int]] = {}
    for path in sorted(paths):
        match = VERSION.fullmatch(path)
        assert match, f"{path} is not <name>_vNN.sql"
        versions.setdefault(match["name"], []).append(int(match["version"]))
    return {name: numbers for name, numbers in versions.items() if numbers != list(range(1, len(numbers) + 1))}


def without_a_title(files: Texts) -> list[str]:
    """Return the files that do not begin with a comment of at least three words."""
    return [path for path, text in files.items() if not re.match(r"-- \S+ \S+ \S+", text)]


def thawed(listing: str, here: Path = sql.HERE) -> list[str]:
    """Return the frozen paths whose file is gone or has another checksum."""
    broken = []
    for line in listing.splitlines():
        checksum, path = line.split("  ", 1)
        file = here / path
        if not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != checksum:
            broken.append(path)
    return broken


def test_every_sql_file_is_replayed_by_exactly_one_migration() -> None:
    assert not_replayed_once(FILES, replayed()) == {}


def test_a_file_that_no_migration_replays_is_seen() -> None:
    path, text = next(iter(FILES.items()))
    assert not_replayed_once({path: f"{text}-- edited"}, replayed()) == {path: 0}
    assert not_replayed_once({path: text}, replayed() + replayed()) == {path: 2}


def test_versions_have_no_gaps() -> None:
    assert gaps(list(FILES)) == {}


def test_a_gap_is_seen() -> None:
    assert gaps(["functions/f_v01.sql", "functions/f_v03.sql", "views/v_v02.sql"]) == {"functions/f": [1, 3], "views/v": [2]}


def test_every_file_begins_with_what_it_is() -> None:
    assert without_a_title(FILES) == []


def test_a_file_without_a_title_is_seen() -> None:
    assert without_a_title({"a": "CREATE TABLE t ();", "b": "-- TODO\n", "c": "-- What it is.\n"}) == ["a", "b"]


@pytest.mark.django_db
def test_models_and_migrations_agree() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


@pytest.mark.django_db
def test_a_model_without_its_migration_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Crew._meta.get_field("name"), "max_length", 99)
    with pytest.raises(SystemExit):
        call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_migrating_to_zero_and_back_changes_nothing(journey: Journey) -> None:
    assert changed(journey.head, journey.head_again) == {}


@pytest.mark.parametrize("migration", [".".join(node) for node in our_migrations()])
def test_taking_back_one_migration_and_replaying_it_changes_nothing(journey: Journey, migration: str) -> None:
    assert journey.lost[migration] == {}


def test_nothing_of_ours_is_left_at_zero(journey: Journey) -> None:
    assert [name for name in journey.zero if not name.startswith(("schema", "default privileges"))] == []
    assert [name for name in journey.zero if name.startswith("schema")] == ["schema public"]


def test_no_privilege_is_left_at_zero(journey: Journey) -> None:
    assert [fact for fact in journey.zero.items() if re.search("market_(app|system|lab)", fact[1])] == []
    assert [name for name in journey.zero if name.startswith("default privileges")] == []


def test_the_snapshot_sees_what_it_is_asked_about(journey: Journey) -> None:
    for name in (
        "function execute_trade(integer,integer,character varying,integer,numeric,uuid)",
        "relation lab.characters",
        "relation idx_characters_search",
        "relation crew_analytics",
        "column accounts.balance",
        "constraint one_account_could_pump_the_price on market_rules",
        "trigger trigger_refuse_deleting_held on characters",
        "trigger trigger_note_truncated_listings on listings",
        "policy own on accounts",
        "schema public",
        "default privileges of market_owner",
        "rules",
    ):
        assert changed(journey.head, {**journey.head, name: "tampered"}) == {name: (journey.head[name], "tampered")}


def test_a_migrated_database_lets_nobody_change_the_ledger(journey: Journey) -> None:
    """Checked here, because the test database alone gives market_owner TRUNCATE for its flush (tests/conftest.py)."""
    assert journey.ledger == {
        "market_app SELECT",
        "market_owner SELECT",
        "market_owner INSERT",  # and row-level security has no INSERT policy for him
        "market_system SELECT",
        "market_system INSERT",
    }


def test_frozen_files_are_as_they_were() -> None:
    """Freeze all versions of a finished issue with

    cd sql && find . -name '*_v[0-9][0-9].sql' | cut -c3- | LC_ALL=C sort | xargs sha256sum > FROZEN
    """
    listing = (sql.HERE / "FROZEN").read_text()
    paths = [line.split("  ", 1)[1] for line in listing.splitlines()]
    assert paths
    assert paths == sorted(set(paths))
    assert all(VERSION.fullmatch(path) for path in paths)
    assert thawed(listing) == []


def test_a_changed_or_missing_frozen_file_is_seen(tmp_path: Path) -> None:
    (tmp_path / "a_v01.sql").write_text("-- edited afterwards\n")
    checksum = hashlib.sha256(b"-- as it was frozen\n").hexdigest()
    assert thawed(f"{checksum}  a_v01.sql\n{checksum}  b_v01.sql\n", tmp_path) == ["a_v01.sql", "b_v01.sql"]
