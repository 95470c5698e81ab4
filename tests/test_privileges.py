"""Who may do what: the catalogue's word, and what happens to those who try."""

import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import psycopg
import pytest
from django.db import DatabaseError, IntegrityError, ProgrammingError, connections, models, transaction

import sql
from characters.models import Character
from crews.models import Crew
from tests.factories import CharacterFactory, CrewFactory, UserFactory
from trading.binding import as_user
from trading.models import Account, Holding, LedgerEntry, OrderFlow, RecoveryCode, User, Watch
from trading.orders import ParsedOrder
from trading.services import Answer, place_order

PER_USER = ("accounts", "holdings", "ledger_entries", "order_flow", "recovery_codes", "watches")
Row = tuple[Any, ...]
OURS = "NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = x.oid AND d.classid = x.tableoid AND d.deptype = 'e')"

# Who was given EXECUTE, owner first. Nobody else may: market_app is a member of nothing and PUBLIC has no line here.
# (market_owner is a member of market_system, to hand functions over to it, and so may do what that role may.)
EXECUTE = {
    "add_to_position(numeric[],text,integer,numeric)": ("market_owner",),
    "announce_bounty()": ("market_system",),
    "apply_projections()": ("market_system",),
    "await_news(integer)": ("market_system",),
    "bounty_fundamental(bigint)": ("market_owner", "market_app", "market_system"),
    "bounty_moves(integer[],bigint[],integer[],timestamp with time zone)": ("market_owner", "market_app"),
    "bounty_told(integer,timestamp with time zone)": ("market_owner", "market_app", "market_system"),
    "change_since(integer,numeric,timestamp with time zone)": ("market_owner", "market_app", "market_system"),
    "close_account(integer)": ("market_system", "market_app", "market_owner"),
    "count_account_at(integer,timestamp with time zone)": ("market_system", "market_owner"),
    "count_changed_user()": ("market_system",),
    "count_today(text,text,integer)": ("market_system", "market_app"),
    "date_bounty()": ("market_owner",),
    "delist_character(integer,numeric)": ("market_system", "market_owner"),
    "demand_part(bigint)": ("market_owner", "market_app", "market_system"),
    "execute_trade(integer,integer,character varying,integer,numeric,uuid)": ("market_system", "market_app", "market_owner"),
    "execute_trade_at(integer,integer,character varying,integer,numeric,uuid,timestamp with time zone)": (
        "market_system",
        "market_owner",
    ),
    "execute_trades(integer,jsonb)": ("market_system", "market_app", "market_owner"),
    "execute_trades_at(integer,jsonb,timestamp with time zone)": ("market_system", "market_owner"),
    "full_vote(numeric)": ("market_owner", "market_app", "market_system"),
    "list_new_characters()": ("market_system",),
    "make_price_partitions(timestamp with time zone,timestamp with time zone)": ("market_owner",),
    "market_price(numeric,bigint)": ("market_owner", "market_app", "market_system"),
    "market_user_id()": ("market_owner", "market_app"),
    "note_stale()": ("market_system",),
    "open_account(integer)": ("market_system", "market_app", "market_owner"),
    "open_account_at(integer,timestamp with time zone)": ("market_system", "market_owner"),
    "position_of(text,integer,numeric)": ("market_owner",),
    "price_new_character()": ("market_owner",),
    "ranked_traders(integer)": ("market_system", "market_app", "market_owner"),
    "rebuild_projections(timestamp with time zone)": ("market_owner",),
    "record_change()": ("market_system",),
    "record_gone()": ("market_system",),
    "record_new()": ("market_system",),
    "recount_votes()": ("market_system",),
    "refresh_crew_analytics()": ("market_owner",),
    "refresh_crew_search()": ("market_owner",),
    "restore_bounty(integer,bigint)": ("market_system", "market_app", "market_owner"),
    "refresh_weekly_changes(timestamp with time zone)": ("market_system", "market_owner"),
    "refuse_deleting_held()": ("market_system",),
    "refuse_deleting_trader()": ("market_system",),
    "search_characters(text,integer,integer,numeric,numeric,bigint,bigint)": ("market_owner", "market_app", "market_system"),
    "search_distance(text,text)": ("market_owner", "market_app", "market_system"),
    "search_form(text)": ("market_owner", "market_app", "market_system"),
    "search_query(text,text)": ("market_owner", "market_app", "market_system"),
    "search_sounds(text)": ("market_owner", "market_app", "market_system"),
    "set_character_search()": ("market_owner",),
    "trade_answer(text,text,uuid,numeric,integer,numeric,numeric,integer,boolean)": ("market_owner", "market_system"),
    "tick_market()": ("market_system", "market_owner"),
    "tick_market_at(timestamp with time zone)": ("market_system", "market_owner"),
    "update_character_timestamp()": ("market_owner",),
    "vote_of(integer,integer,integer)": ("market_owner", "market_app", "market_system"),
    "withdraw_bounty(integer)": ("market_system", "market_app", "market_owner"),
}
DEFINERS = {
    "announce_bounty", "await_news", "close_account", "count_account_at", "count_changed_user", "count_today", "delist_character",
    "execute_trade", "execute_trade_at", "execute_trades", "list_new_characters", "note_stale", "open_account",
    "open_account_at", "ranked_traders", "record_change", "record_gone", "record_new", "recount_votes",
    "refresh_weekly_changes", "refuse_deleting_held", "refuse_deleting_trader", "restore_bounty", "tick_market",
    "tick_market_at", "withdraw_bounty",
}  # fmt: skip
WITHOUT_ROW_SECURITY = {
    "django_admin_log": "what staff did, for staff: the admin shows all of it to whoever may see it",
    "users_groups": "Django reads a user's groups before anybody is bound, and the admin edits other people's",
    "users_user_permissions": "as users_groups",
}
UNWRITABLE = {  # and one column of each
    "accounts": "balance",
    "holdings": "quantity",
    "ledger_entries": "amount",
    "order_flow": "votes",
    "daily_counts": "counted",
    "listings": "fundamental",
    "price_ticks": "price",
    "market_rules": "kappa",
    "market_ticks": "moved",
    "changes": "after",
    "cache_outbox": "kind",
}

# Every way to see or change a user's rows, in SQL. {row}: the columns of a new row, as JSON.
READS = {
    "select": "SELECT 1 FROM {table} WHERE user_id = {user}",
    "aggregate": "SELECT 1 FROM (SELECT count(*) AS n FROM {table} WHERE user_id = {user}) c WHERE n > 0",
    "join": "SELECT 1 FROM users u JOIN {table} t ON t.user_id = u.id WHERE u.id = {user}",
    "sub-select": "SELECT 1 FROM users WHERE id = {user} AND EXISTS (SELECT FROM {table} t WHERE t.user_id = users.id)",
    "copy": "COPY (SELECT 1 FROM {table} WHERE user_id = {user}) TO STDOUT",
    "or true": "SELECT 1 FROM {table} WHERE (user_id = {user} OR true) AND user_id = {user}",
}
WRITES = {
    "select for update": "SELECT 1 FROM {table} WHERE user_id = {user} FOR UPDATE",
    "select for key share": "SELECT 1 FROM {table} WHERE user_id = {user} FOR KEY SHARE",
    "update": "UPDATE {table} SET user_id = user_id WHERE user_id = {user}",
    "delete": "DELETE FROM {table} WHERE user_id = {user}",
    "insert": "INSERT INTO {table} SELECT (r).* FROM (SELECT jsonb_populate_record(NULL::{table}, '{row}') AS r) s",
    "truncate": "TRUNCATE {table}",
    "copy from": "COPY {table} FROM STDIN",
}


class Traders(NamedTuple):
    """Two traders with the same things: an account, a position, entries, votes on their way, a watch."""

    alice: User
    bob: User
    character: Character


@pytest.fixture
def traders(transactional_db: None) -> Traders:
    """Make two traders; both hold and watch the same character."""
    character = CharacterFactory()
    traders = Traders(UserFactory(), UserFactory(), character)
    for user in (traders.alice, traders.bob):
        assert buy(user, character, 3).code == "ok"
        with as_user(user):
            Watch.objects.create(user=user, character=character)
            RecoveryCode.objects.create(user=user, code_hash="0" * 64)
    return traders


def buy(user: User, character: Character, quantity: int) -> Answer:
    """Buy at any price, as the site does."""
    return place_order(user, character.pk, ParsedOrder("buy", quantity, None, uuid.uuid4()))


def rows(query: str, parameters: list[object] | None = None, alias: str = "owner") -> list[Row]:
    """Return what a query finds."""
    with connections[alias].cursor() as cursor:
        cursor.execute(query, parameters)
        found: list[Row] = cursor.fetchall()
    return found


def column(query: str, parameters: list[object] | None = None) -> list[Any]:
    """Return the first column of what a query finds."""
    return [row[0] for row in rows(query, parameters)]


def everything() -> dict[str, list[Row]]:
    """Return all rows of the per-user tables, read by the auditor."""
    return {table: rows(f"SELECT t::text FROM {table} t ORDER BY 1") for table in PER_USER}


@contextmanager
def bound(user: User | None) -> Iterator[None]:
    """Run the block in a transaction of market_app's, bound to the user or to nobody."""
    if user is None:
        with transaction.atomic(durable=True):
            yield
    else:
        with as_user(user):
            yield


def attempt(statement: str, user: User | None) -> str:
    """Run one statement as market_app. Return 'N rows' or the SQLSTATE of the refusal."""
    try:
        with bound(user), connections["default"].cursor() as cursor:
            if statement.startswith("COPY"):
                return f"{copied(cursor.copy(statement), statement)} rows"
            cursor.execute(statement)
            return f"{max(cursor.rowcount, 0)} rows"
    except DatabaseError as error:
        return str(getattr(error.__cause__, "sqlstate", None))
    except psycopg.Error as error:  # Django wraps no error of COPY
        return str(error.sqlstate)


def copied(context: Any, statement: str) -> int:
    """Return how many rows COPY moved out; write none in."""
    with context as copy:
        return 0 if "FROM STDIN" in statement else sum(1 for _ in copy.rows())


def statements(shapes: dict[str, str], user: User, character: Character) -> dict[tuple[str, str], str]:
    """Return every shape of statement against every per-user table, for rows of this user."""
    row = f'{{"user_id": {user.pk}, "character_id": {character.pk}, "created_at": "2026-01-01", "last_entry_at": "2026-01-01"}}'
    return {
        (table, shape): text.replace("{table}", table).replace("{user}", str(user.pk)).replace("{row}", row)
        for table in PER_USER
        for shape, text in shapes.items()
    }


@contextmanager
def row_security_off(table: str) -> Iterator[None]:
    """Take the guard away, committed, so that market_app's connection meets it; put it back."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
        try:
            yield
        finally:
            cursor.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")


# --- the catalogue


@pytest.mark.django_db
def test_every_function_is_executed_by_those_in_the_table_and_nobody_else() -> None:
    granted = rows(
        "SELECT x.oid::regprocedure::text, array_agg(CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END"
        " ORDER BY grantee <> proowner, grantee::regrole::text)"
        " FROM pg_proc x, aclexplode(coalesce(proacl, acldefault('f', proowner)))"
        f" WHERE pronamespace = 'public'::regnamespace AND {OURS} GROUP BY x.oid"
    )
    assert {name: tuple(roles) for name, roles in granted} == EXECUTE


@pytest.mark.django_db
def test_the_site_inherits_nothing_and_owns_nothing() -> None:
    assert column("SELECT roleid::regrole::text FROM pg_auth_members WHERE member = 'market_app'::regrole") == []
    assert rows("SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = 'market_app'") == [
        (False, False, False, False)
    ]
    owned = "SELECT count(*) > 0 FROM pg_shdepend WHERE deptype = 'o' AND refobjid = %s::regrole"
    assert column(owned, ["market_app"]) == [False]
    assert column(owned, ["market_owner"]) == [True]  # the query finds what somebody owns
    assert column("SELECT has_schema_privilege('market_app', 'public', 'CREATE')") == [False]


@pytest.mark.django_db
def test_every_table_with_a_user_id_has_forced_row_security() -> None:
    tables = rows(
        "SELECT x.oid::regclass::text, relrowsecurity AND relforcerowsecurity FROM pg_class x"
        " JOIN pg_attribute ON attrelid = x.oid AND attname = 'user_id'"
        " WHERE relkind IN ('r', 'p') AND relnamespace <> ALL"
        " (SELECT oid FROM pg_namespace WHERE nspname IN ('pg_catalog', 'information_schema', 'rebuilt'))"
    )  # `rebuilt` is a scratch schema that the site cannot enter: the test after the next
    assert {name for name, forced in tables if not forced} == WITHOUT_ROW_SECURITY.keys()
    assert {name for name, forced in tables if forced} == set(PER_USER)


@pytest.mark.django_db
@pytest.mark.parametrize("table", PER_USER)
def test_a_table_that_lost_force_would_be_seen(table: str) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    with pytest.raises(AssertionError, match=table):
        test_every_table_with_a_user_id_has_forced_row_security()


@pytest.mark.django_db
def test_the_site_cannot_enter_the_schema_of_rebuilt_projections() -> None:
    rows("SELECT * FROM rebuild_projections()")
    assert rows(
        "SELECT has_schema_privilege(role, 'rebuilt', 'USAGE'), has_table_privilege(role, 'rebuilt.accounts', 'SELECT')"
        " FROM unnest(ARRAY['market_app', 'market_system']) role"
    ) == [(False, False), (True, True)]


@pytest.mark.django_db
def test_no_view_shows_per_user_rows_by_its_owners_rights() -> None:
    views = (
        "SELECT DISTINCT v.relname FROM pg_class v JOIN pg_rewrite r ON r.ev_class = v.oid"
        " JOIN pg_depend d ON d.objid = r.oid AND d.classid = 'pg_rewrite'::regclass"
        " WHERE d.refobjid = ANY(%s::regclass[]::oid[])"
        " AND (v.relkind = 'm' OR NOT coalesce('security_invoker=true' = ANY(v.reloptions), false))"
    )
    assert column(views, [list(PER_USER)]) == []
    with connections["owner"].cursor() as cursor:  # the query sees such views
        cursor.execute("CREATE VIEW leak AS SELECT * FROM accounts; CREATE MATERIALIZED VIEW stored AS SELECT * FROM holdings")
        cursor.execute("CREATE VIEW safe WITH (security_invoker = true) AS SELECT * FROM accounts")
    assert sorted(column(views, [list(PER_USER)])) == ["leak", "stored"]


@pytest.mark.django_db
@pytest.mark.parametrize("table", UNWRITABLE)
def test_the_site_writes_no_money_no_price_and_no_rule(table: str) -> None:
    query = (
        "SELECT privilege FROM unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) privilege"
        " WHERE has_table_privilege('market_app', %s, privilege)"
        " OR (privilege IN ('INSERT', 'UPDATE') AND has_any_column_privilege('market_app', %s, privilege))"
    )
    assert column(query, [table, table]) == []
    with connections["owner"].cursor() as cursor:  # the query sees a grant, of one column too
        cursor.execute(f"GRANT DELETE ON {table} TO market_app")
        cursor.execute(f"GRANT UPDATE ({UNWRITABLE[table]}) ON {table} TO market_app")
    assert column(query, [table, table]) == ["UPDATE", "DELETE"]


@pytest.mark.django_db
def test_the_site_updates_only_what_staff_type_of_a_character() -> None:
    updates = column(
        "SELECT attname FROM pg_attribute WHERE attrelid = 'characters'::regclass AND attnum > 0 AND NOT attisdropped"
        " AND has_column_privilege('market_app', attrelid, attnum, 'UPDATE') ORDER BY attname"
    )
    assert updates == [
        "aliases", "crew_chapter", "crew_id", "description", "devil_fruit", "devil_fruit_chapter", "epithet", "epithet_chapter",
        "first_chapter", "image_url", "is_active", "is_tradeable", "name", "terms",
    ]  # fmt: skip


@pytest.mark.django_db
def test_nobody_may_change_the_ledger() -> None:
    may = column(
        "SELECT role || ' ' || privilege FROM unnest(ARRAY['market_app', 'market_owner', 'market_system', 'market_lab']) role,"
        " unnest(ARRAY['UPDATE', 'DELETE', 'TRUNCATE']) privilege"
        " WHERE has_table_privilege(role, 'ledger_entries', privilege)"
        " OR (privilege = 'UPDATE' AND has_any_column_privilege(role, 'ledger_entries', privilege))"
    )
    # tests/conftest.py grants this one for its flush; test_sql_files.py sees that a migrated database is without it.
    assert may == ["market_owner TRUNCATE"]
    assert "REVOKE UPDATE, DELETE, TRUNCATE ON ledger_entries FROM market_owner;" in sql.read("roles/grants")


@pytest.mark.django_db
@pytest.mark.parametrize("role", ["market_owner", "market_system"])
@pytest.mark.parametrize("statement", ["UPDATE ledger_entries SET amount = 0", "DELETE FROM ledger_entries"])
def test_changing_the_ledger_is_refused_even_to_its_owner(role: str, statement: str) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute(f"SET LOCAL ROLE {role}")
        with pytest.raises(ProgrammingError, match="permission denied for table ledger_entries"):
            cursor.execute(statement)


@pytest.mark.django_db
def test_definer_functions_are_market_systems_and_fix_their_search_path() -> None:
    found = rows(f"SELECT proname, proowner::regrole::text, proconfig FROM pg_proc x WHERE prosecdef AND {OURS}")
    assert {name for name, _, _ in found} == DEFINERS
    assert {(owner, *config) for _, owner, config in found} == {("market_system", "search_path=pg_catalog, public, pg_temp")}


# --- the site's connection, bound to nobody or to somebody else


@pytest.mark.django_db(transaction=True)
def test_the_unbound_site_reads_no_per_user_row(traders: Traders) -> None:
    shapes = {**READS, "copy": "COPY {table} TO STDOUT"}
    found = {key: attempt(text, None) for key, text in statements(shapes, traders.bob, traders.character).items()}
    assert {key: answer for key, answer in found.items() if answer != "42501"} == {}


@pytest.mark.django_db(transaction=True)
def test_a_user_bound_reads_only_his_own_rows(traders: Traders) -> None:
    others = {key: attempt(text, traders.alice) for key, text in statements(READS, traders.bob, traders.character).items()}
    expected = {key: "42501" if key[0] == "order_flow" else "0 rows" for key in others}
    assert others == expected

    own = {key: attempt(text, traders.bob) for key, text in statements(READS, traders.bob, traders.character).items()}
    assert {key for key, answer in own.items() if answer == "0 rows"} == set()
    assert {key for key, answer in own.items() if answer == "42501"} == {("order_flow", shape) for shape in READS}


@pytest.mark.django_db(transaction=True)
def test_a_whole_table_copied_out_holds_the_bound_users_rows(traders: Traders) -> None:
    found = [attempt(f"COPY {table} TO STDOUT", traders.alice) for table in PER_USER]
    assert PER_USER == ("accounts", "holdings", "ledger_entries", "order_flow", "recovery_codes", "watches")
    assert found == ["1 rows", "1 rows", "2 rows", "42501", "1 rows", "1 rows"]


@pytest.mark.django_db(transaction=True)
def test_the_unbound_site_writes_no_per_user_row(traders: Traders) -> None:
    before = everything()
    found = {key: attempt(text, None) for key, text in statements(WRITES, traders.bob, traders.character).items()}
    assert {key: answer for key, answer in found.items() if answer not in {"42501", "0A000"}} == {}
    assert {key for key, answer in found.items() if answer == "0A000"} <= {
        ("watches", "copy from"),
        ("recovery_codes", "copy from"),
    }
    assert everything() == before


@pytest.mark.django_db(transaction=True)
def test_a_user_bound_writes_no_row_of_another(traders: Traders) -> None:
    before = everything()
    found = {key: attempt(text, traders.alice) for key, text in statements(WRITES, traders.bob, traders.character).items()}
    harmless = {  # the site may delete watches and recovery codes: its user's
        **{(table, "delete"): "0 rows" for table in ("watches", "recovery_codes")},
        **{(table, "copy from"): "0A000" for table in ("watches", "recovery_codes")},
        **{("recovery_codes", f"select for {lock}"): "0 rows" for lock in ("update", "key share")},  # it may note their use
    }
    assert {key: answer for key, answer in found.items() if answer != "42501"} == harmless
    assert everything() == before


@pytest.mark.django_db(transaction=True)
def test_the_orm_shows_and_writes_only_the_bound_users_rows(traders: Traders) -> None:
    for model in (Account, Holding, LedgerEntry, RecoveryCode, Watch):
        with pytest.raises(ProgrammingError, match="No user is bound"):
            list(model._default_manager.all())
        with as_user(traders.alice):
            assert set(model._default_manager.values_list("user_id", flat=True)) == {traders.alice.pk}
            assert not model._default_manager.filter(user_id=traders.bob.pk).exists()
    with pytest.raises(ProgrammingError, match="permission denied"):
        list(OrderFlow.objects.all())

    before = everything()
    with as_user(traders.alice):
        assert Watch.objects.filter(user=traders.bob).delete() == (0, {})
    with pytest.raises(ProgrammingError, match="row-level security"), as_user(traders.alice):
        Watch.objects.create(user=traders.bob, character=CharacterFactory())
    with pytest.raises(ProgrammingError, match="permission denied"), as_user(traders.bob):
        Account.objects.update(balance=1_000_000)
    assert everything() == before


@pytest.mark.django_db(transaction=True)
def test_related_managers_show_only_the_bound_users_rows(traders: Traders) -> None:
    with as_user(traders.alice):
        assert [h.user_id for h in traders.character.holdings.all()] == [traders.alice.pk]
        assert User.objects.filter(holdings__quantity__gte=1).get() == traders.alice
        with pytest.raises(Account.DoesNotExist):
            User.objects.get(pk=traders.bob.pk).account  # noqa: B018


@pytest.mark.django_db(transaction=True)
def test_execute_trade_for_another_user_is_refused_and_writes_nothing(traders: Traders) -> None:
    before = everything()
    query = "SELECT execute_trade(%s, %s, %s, 1, NULL)->>'code'"
    for user, code in ((traders.alice, "not_your_account"), (None, "not_bound")):
        for action in ("buy", "sell"):
            with bound(user):
                assert rows(query, [traders.bob.pk, traders.character.pk, action], "default") == [(code,)]
    assert everything() == before

    with bound(traders.bob):
        assert rows(query, [traders.bob.pk, traders.character.pk, "sell"], "default") == [("ok",)]
    assert everything() != before


@pytest.mark.django_db(transaction=True)
def test_opening_another_users_account_again_changes_nothing(traders: Traders) -> None:
    before = everything()
    for user in (None, traders.alice):
        with bound(user):
            assert rows("SELECT open_account(%s)", [traders.bob.pk], "default") == [(False,)]
    assert everything() == before


@pytest.mark.django_db(transaction=True)
def test_functions_that_are_not_the_sites_are_refused_to_it(traders: Traders) -> None:
    for call in (
        "rebuild_projections()",
        "tick_market()",
        "tick_market_at(now())",
        "execute_trade_at(1, 1, 'buy', 1, NULL, NULL, now())",
        "execute_trades_at(1, '[]', now())",
        "open_account_at(1, now())",
        "count_account_at(1, now())",
        "delist_character(1, 1)",
        "make_price_partitions(now(), now())",
        "refresh_weekly_changes(now())",
        "apply_projections()",
        "trade_answer('ok', '', NULL)",
        "add_to_position('{0,0}', 'buy', 1, 1)",
    ):
        assert attempt(f"SELECT {call}", traders.alice) == "42501", call


@pytest.mark.django_db(transaction=True)
def test_the_public_view_and_the_leaderboard_need_nobody_bound_and_tell_no_positions(traders: Traders) -> None:
    assert column("SELECT attname FROM pg_attribute WHERE attrelid = 'crew_analytics'::regclass AND attname ~ 'user'") == []
    assert attempt("SELECT * FROM crew_analytics", None).endswith(" rows")
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT * FROM ranked_traders(10)")
        assert [c.name for c in cursor.description or ()] == ["rank", "user_id", "username", "is_simulated", "worth"]
        assert len(cursor.fetchall()) == 2


@pytest.mark.django_db(transaction=True)
def test_the_binding_ends_with_the_transaction_on_the_same_connection(traders: Traders) -> None:
    state = "SELECT pg_backend_pid(), nullif(current_setting('market.user_id', true), '')"
    with as_user(traders.bob):
        ((backend, user),) = rows(state, alias="default")
        assert user == str(traders.bob.pk)
    with pytest.raises(ZeroDivisionError), as_user(traders.bob):
        raise ZeroDivisionError
    assert rows(state, alias="default") == [(backend, None)]
    assert attempt("SELECT 1 FROM accounts", None) == "42501"


# --- the controls: without its guard each probe sees the other user's row


@pytest.mark.django_db(transaction=True)
def test_a_session_binding_would_leak_into_the_next_transaction(traders: Traders) -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute(f"SET market.user_id = '{traders.bob.pk}'")
        try:
            assert attempt(f"SELECT 1 FROM accounts WHERE user_id = {traders.bob.pk}", None) == "1 rows"
        finally:
            cursor.execute("RESET market.user_id")
    assert attempt("SELECT 1 FROM accounts", None) == "42501"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("table", [table for table in PER_USER if table != "order_flow"])
def test_without_row_security_every_read_sees_the_other_user(traders: Traders, table: str) -> None:
    probes = {key: text for key, text in statements(READS, traders.bob, traders.character).items() if key[0] == table}
    assert {attempt(text, traders.alice) for text in probes.values()} == {"0 rows"}
    with row_security_off(table):
        assert "0 rows" not in {attempt(text, traders.alice) for text in probes.values()}
        assert "42501" not in {attempt(text, None) for text in probes.values()}
    assert {attempt(text, traders.alice) for text in probes.values()} == {"0 rows"}


@pytest.mark.django_db(transaction=True)
def test_without_row_security_a_user_deletes_what_another_watches(traders: Traders) -> None:
    delete = f"DELETE FROM watches WHERE user_id = {traders.bob.pk}"
    assert attempt(delete, traders.alice) == "0 rows"
    with row_security_off("watches"):
        assert attempt(delete, traders.alice) == "1 rows"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("table", PER_USER)
def test_only_force_and_a_policy_decide_what_the_owner_sees(traders: Traders, table: str) -> None:
    count = f"SELECT count(*) FROM {table}"
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        (audited,) = column(count)
        cursor.execute(f"DROP POLICY audit ON {table}")
        (forced,) = column(count)
        cursor.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        (not_forced,) = column(count)
        transaction.set_rollback(True, using="owner")
    assert forced == 0
    assert audited == not_forced != 0


# --- what is held or in the ledger cannot be deleted by any route


class Doomed(NamedTuple):
    """Something that somebody wants to delete, and the sentence that refuses it."""

    row: Character | Crew | User
    sentence: str


Delete = Callable[[models.Model, str], None]


def by_instance(row: models.Model, alias: str) -> None:
    """Delete as a view or a shell would."""
    type(row)._default_manager.using(alias).get(pk=row.pk).delete(using=alias)


def by_queryset(row: models.Model, alias: str) -> None:
    """Delete as the admin's action would."""
    type(row)._default_manager.using(alias).filter(pk=row.pk).delete()


def by_raw_delete(row: models.Model, alias: str) -> None:
    """Delete past Django's collector."""
    type(row)._default_manager.using(alias).filter(pk=row.pk)._raw_delete(alias)


def by_sql(row: models.Model, alias: str) -> None:
    """Delete as psql would."""
    with connections[alias].cursor() as cursor:
        cursor.execute(f"DELETE FROM {row._meta.db_table} WHERE id = %s", [row.pk])


EVERY_ROUTE = pytest.mark.parametrize("delete", [by_instance, by_queryset, by_raw_delete, by_sql])
BOTH_ROLES = pytest.mark.parametrize("alias", ["default", "owner"])


@pytest.fixture
def doomed(traders: Traders) -> dict[str, Doomed]:
    """Return a character that two traders hold, its crew, and a user who has traded."""
    crew = CrewFactory()
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE characters SET crew_id = %s, name = 'Nami' WHERE id = %s", [crew.pk, traders.character.pk])
    held = "Nami is held by 2 traders and cannot be deleted. Deactivate it instead (is_active = false)."
    known = f"{traders.bob} is in the ledger with 2 entries and cannot be deleted. Deactivate the user instead"
    return {"character": Doomed(traders.character, held), "crew": Doomed(crew, held), "user": Doomed(traders.bob, known)}


def everyone() -> tuple[dict[str, list[Row]], ...]:
    """Return all rows that a deletion could take along."""
    tables = ("users", "crews", "characters", "listings", "bounty_events")
    return everything(), {table: rows(f"SELECT t::text FROM {table} t ORDER BY 1") for table in tables}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("what", ["character", "crew", "user"])
@EVERY_ROUTE
@BOTH_ROLES
def test_what_is_held_or_in_the_ledger_cannot_be_deleted(
    doomed: dict[str, Doomed], what: str, delete: Delete, alias: str
) -> None:
    before = everyone()
    with pytest.raises(IntegrityError, match=f"^{re.escape(doomed[what].sentence)}"):
        delete(doomed[what].row, alias)
    assert everyone() == before


@pytest.mark.django_db(transaction=True)
@BOTH_ROLES
def test_a_trader_who_never_traded_is_in_the_ledger_with_his_opening_balance(alias: str) -> None:
    trader = UserFactory()
    with pytest.raises(IntegrityError, match=r"in the ledger with 1 entry and cannot be deleted\. Deactivate"):
        by_instance(trader, alias)
    assert User.objects.filter(pk=trader.pk).exists()


@pytest.mark.django_db(transaction=True)
@EVERY_ROUTE
@BOTH_ROLES
def test_a_character_that_nobody_holds_can_be_deleted(traders: Traders, delete: Delete, alias: str) -> None:
    crew = CrewFactory()
    unheld, watched = CharacterFactory(crew=crew), CharacterFactory(crew=crew)
    with as_user(traders.alice):
        Watch.objects.create(user=traders.alice, character=watched)
    delete(unheld, alias)
    assert not Character.objects.filter(pk=unheld.pk).exists()
    delete(crew, alias)
    assert not Character.objects.filter(pk=watched.pk).exists()
    assert column("SELECT character_id FROM watches WHERE user_id = %s", [traders.alice.pk]) == [traders.character.pk]


@pytest.mark.django_db(transaction=True)
@EVERY_ROUTE
@BOTH_ROLES
def test_a_user_who_is_not_in_the_ledger_can_be_deleted(delete: Delete, alias: str) -> None:
    staff = UserFactory(is_staff=True)
    delete(staff, alias)
    assert not User.objects.filter(pk=staff.pk).exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("trigger", "table", "what"),
    [("trigger_refuse_deleting_held", "characters", "character"), ("trigger_refuse_deleting_trader", "users", "user")],
)
def test_without_the_sentence_the_foreign_key_still_refuses(
    doomed: dict[str, Doomed], trigger: str, table: str, what: str
) -> None:
    before = everyone()
    with connections["owner"].cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")
        try:
            with pytest.raises(IntegrityError, match="violates foreign key constraint"):
                by_sql(doomed[what].row, "owner")
        finally:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER {trigger}")
    assert everyone() == before
