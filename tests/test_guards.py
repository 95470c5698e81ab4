"""Guards that a lazy implementation would leave out. Each test was red on a mutant that the others let pass."""

import os
import shutil
import stat
import subprocess
import sys
import threading
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connections, transaction
from django.test import Client, override_settings

from characters.board import BoardQuery
from characters.bounties import bounty_history
from characters.models import BountyEvent, Character, Listing
from characters.selectors import board, crew_members
from crews.models import Crew
from crews.selectors import crew_numbers
from onepiece_market import embedded, servers
from onepiece_market.management.commands import up
from tests.clients import connect
from tests.factories import CharacterFactory, CrewFactory, UserFactory
from tests.market import tick
from tests.money import ledger_rows, money_of, trade_by_sql
from trading.binding import as_user
from trading.models import MarketRules, User
from trading.selectors import leaders, portfolio

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(settings.BASE_DIR)


# test_trade.py
def priced(price: str) -> Character:
    character = CharacterFactory(bounty=None)
    Character.objects.using("owner").filter(pk=character.pk).update(current_price=Decimal(price))
    return character


@pytest.fixture
def trader() -> User:
    return UserFactory()


def test_the_commission_of_a_sale_is_rounded_up_too(trader: User) -> None:
    character = priced("25.01")
    for side in ("buy", "sell"):
        assert trade_by_sql(trader.pk, trader.pk, character.pk, side, 1)["fee"] == Decimal("0.26")
    assert money_of(trader) == {"balance": Decimal("99999.48")}


def test_a_price_better_than_the_one_accepted_is_taken(trader: User) -> None:
    luffy = CharacterFactory()
    assert trade_by_sql(trader.pk, trader.pk, luffy.pk, "buy", 2, "150.00")["price"] == 100
    assert trade_by_sql(trader.pk, trader.pk, luffy.pk, "sell", 1, "50.00")["code"] == "ok"


def test_the_ledgers_order_survives_a_clock_that_steps_back(trader: User) -> None:
    luffy = CharacterFactory()
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        cursor.execute("SET LOCAL ROLE market_system")
        cursor.execute("UPDATE accounts SET last_entry_at = now() + interval '1 hour' RETURNING last_entry_at")
        (ahead,) = cursor.fetchone()
    for _ in range(2):
        assert trade_by_sql(trader.pk, trader.pk, luffy.pk, "buy", 1)["success"]
    moments = [row["created_at"] for row in ledger_rows(trader)]
    assert ahead < moments[1] < moments[2]


def test_opening_balance_and_commission_are_the_rules() -> None:
    rules = MarketRules.objects.using("owner")
    rules.update(opening_balance=500, commission="0.02")
    try:
        trader = UserFactory()
        answer = trade_by_sql(trader.pk, trader.pk, CharacterFactory().pk, "buy", 1)
    finally:
        rules.update(opening_balance=100_000, commission="0.01")
    assert (answer["fee"], answer["balance"]) == (2, 398)


def test_an_order_without_an_id_gets_one(trader: User) -> None:
    with as_user(trader), connections["default"].cursor() as cursor:
        cursor.execute("SELECT execute_trade(%s, %s, 'buy', 1, NULL, NULL) ->> 'code'", [trader.pk, CharacterFactory().pk])
        assert cursor.fetchone() == ("ok",)


def test_flow_is_dated_as_its_trade(trader: User) -> None:
    trade_by_sql(trader.pk, trader.pk, CharacterFactory().pk, "buy", 40)
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT created_at FROM order_flow")
        assert cursor.fetchall() == [(ledger_rows(trader)[1]["created_at"],)]


def test_a_user_whose_account_cannot_be_opened_is_not_made() -> None:
    def refuse(execute: Any, statement: str, *more: Any) -> Any:
        if "open_account" in statement:
            raise ZeroDivisionError
        return execute(statement, *more)

    with pytest.raises(ZeroDivisionError), connections["default"].execute_wrapper(refuse):
        UserFactory()
    assert not User.objects.exists()


def test_a_binding_is_never_nested(trader: User) -> None:
    with pytest.raises(RuntimeError, match="durable"), as_user(trader), as_user(UserFactory.build(pk=trader.pk + 1)):
        pass


# leaderboard
def test_the_leaderboard_is_net_of_commission_richest_first() -> None:
    luffy = CharacterFactory()
    poor, rich, gone = UserFactory(), UserFactory(), UserFactory(is_active=False)
    assert trade_by_sql(poor.pk, poor.pk, luffy.pk, "buy", 3)["success"]
    assert [(x.rank, x.user_id, x.worth) for x in leaders(None)] == [
        (1, rich.pk, 100_000),
        (2, poor.pk, Decimal("99994.00")),
    ]
    assert gone.pk
    assert [x.user_id for x in leaders(1)] == [rich.pk]


# bounties
def test_an_older_bounty_is_history_and_moves_nothing() -> None:
    luffy = CharacterFactory()
    BountyEvent.objects.using("owner").create(character_id=luffy.pk, amount=9_000_000, effective_at="1997-07-22T00:00Z")
    luffy.refresh_from_db()
    assert (luffy.bounty, luffy.current_price, luffy.listing.fundamental) == (4_000_000, 100, 100)


def test_the_site_cannot_date_a_bounty_back() -> None:
    luffy = CharacterFactory()
    event = BountyEvent.objects.create(character=luffy, amount=9_000_000, effective_at="1997-07-22T00:00Z")
    event.refresh_from_db()
    assert event.effective_at.year >= 2025
    tick()
    luffy.refresh_from_db()
    assert luffy.bounty == 9_000_000


def test_a_new_bounty_does_not_weigh_old_votes_anew() -> None:
    luffy = CharacterFactory()
    BountyEvent.objects.create(character=luffy, amount=16_000_000)
    tick()
    listing = Listing.objects.get(pk=luffy.pk)
    assert (listing.fundamental, listing.full_vote) == (200, 50)


def test_the_highest_bounty_fits_the_price_and_the_market_cap() -> None:
    assert CharacterFactory(bounty=10**15).current_price == Decimal("1581138.83")


# search
def test_a_crews_members_are_found_by_its_name_also_after_it_was_renamed() -> None:
    crew = CrewFactory(name="Heart Pirates")
    CharacterFactory(name="Bepo", crew=crew)
    assert [r.name for r in board(BoardQuery(q="heart pirates")).rows] == ["Bepo"]
    Crew.objects.filter(pk=crew.pk).update(name="Polar Tang")
    assert [r.name for r in board(BoardQuery(q="polar tang")).rows] == ["Bepo"]
    assert board(BoardQuery(q="heart pirates")).rows == []


# privileges
def test_what_the_site_may_write_is_this_and_nothing_else() -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT relname, string_agg(p, ' ' ORDER BY p) FROM pg_class c,"
            " unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) p"
            " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'm', 'v')"
            " AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')"
            " AND has_table_privilege('market_app', c.oid, p) GROUP BY relname"
        )
        found = dict(cursor.fetchall())
    all_of = "DELETE INSERT UPDATE"
    assert found == {
        "auth_group": all_of,
        "auth_group_permissions": all_of,
        "users_groups": all_of,
        "users_user_permissions": all_of,
        "django_session": all_of,
        "django_admin_log": all_of,
        "users": all_of,
        "axes_accessattempt": all_of,
        "axes_accessattemptexpiration": all_of,
        "crews": "DELETE INSERT",
        "characters": "DELETE INSERT",
        "bounty_events": "INSERT",
        "imports": "INSERT",
        "watches": "DELETE INSERT",
        "recovery_codes": "DELETE INSERT",
    }


def test_what_the_functions_owner_may_write_is_this_and_nothing_else() -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT relname, string_agg(p, ' ' ORDER BY p) FROM pg_class c,"
            " unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) p"
            " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'm', 'v')"
            " AND has_table_privilege('market_system', c.oid, p) GROUP BY relname"
        )
        assert dict(cursor.fetchall()) == {
            "accounts": "INSERT UPDATE",
            "holdings": "DELETE INSERT UPDATE",
            "ledger_entries": "INSERT",
            "order_flow": "DELETE INSERT",
            "listings": "INSERT UPDATE",
            "bounty_events": "INSERT",
            "changes": "INSERT",
            "daily_counts": "DELETE INSERT UPDATE",
            "cache_outbox": "INSERT",
            "market_ticks": "INSERT",
            "price_ticks": "INSERT",
        }


def test_nobody_logs_in_as_market_system_and_the_lab_and_the_database_are_closed() -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE 'market%' AND rolcanlogin ORDER BY 1")
        assert cursor.fetchall() == [("market_app",), ("market_owner",)]
        cursor.execute("SELECT has_schema_privilege('market_app', 'lab', 'USAGE')")
        assert cursor.fetchone() == (False,)
        cursor.execute(
            "SELECT grantee::regrole::text FROM pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba)))"
            " WHERE datname = 'onepiece_market' AND grantee NOT IN ('market_owner'::regrole)"
        )
        assert cursor.fetchall() == [("market_app",)]


GOOD = {"quantity": "1", "quantity_after": "1", "kind": "'buy'", "price": "1", "fee": "0", "amount": "-1", "balance_after": "1"}
BAD = [
    ("quantity", "-1"),
    ("quantity_after", "-1"),
    ("kind", "'gift'"),
    ("price", "-1"),
    ("price", "'NaN'"),
    ("fee", "-1"),
    ("fee", "'NaN'"),
    ("amount", "'NaN'"),
    ("balance_after", "-1"),
    ("balance_after", "'NaN'"),
]


@pytest.mark.parametrize(("column", "value"), [("", ""), *BAD])
def test_the_ledger_takes_no_impossible_entry(trader: User, column: str, value: str) -> None:
    entry = GOOD | ({column: value} if column else {})
    insert = (
        f"INSERT INTO ledger_entries (user_id, character_id, created_at, trade_id, {', '.join(entry)})"
        f" SELECT user_id, 1, now(), gen_random_uuid(), {', '.join(entry.values())} FROM accounts"
    )
    refused_by = refusal(insert)
    assert refused_by == (f"ledger_entries_{column}_check" if column else None)


def refusal(statement: str) -> str | None:
    """Return the constraint that refuses the statement, as a bug in a definer function would meet it; keep nothing."""
    from django.db import IntegrityError

    try:
        with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
            cursor.execute("SET LOCAL ROLE market_system")
            cursor.execute(statement)
            assert cursor.rowcount == 1
            transaction.set_rollback(True, using="owner")
    except IntegrityError as error:
        return str(error.__cause__.diag.constraint_name)  # type: ignore[union-attr]
    return None


@pytest.mark.parametrize(
    ("assignment", "name"),
    [
        ("accounts SET balance = -0.01", "accounts_balance_check"),
        ("accounts SET balance = 'NaN'", "accounts_balance_check"),
        ("holdings SET quantity = 0", "holdings_quantity_check"),
        ("holdings SET cost_basis = -1", "holdings_cost_basis_check"),
        ("holdings SET cost_basis = 'NaN'", "holdings_cost_basis_check"),
        ("listings SET full_vote = 0", "listings_full_vote_check"),
        ("listings SET fundamental = 9.99", "listings_fundamental_check"),
    ],
)
def test_balances_and_positions_stay_possible(trader: User, assignment: str, name: str) -> None:
    trade_by_sql(trader.pk, trader.pk, CharacterFactory().pk, "buy", 1)
    assert refusal(f"UPDATE {assignment}") == name


def test_ticks_are_partitioned_by_time() -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT pg_get_partkeydef('price_ticks'::regclass)")
        assert cursor.fetchone() == ("RANGE (ticked_at)",)


# audit
def test_a_reader_of_crew_analytics_does_not_stop_its_refresh() -> None:
    with connect() as reader, reader.transaction(), connections["owner"].cursor() as cursor:
        reader.execute("SELECT count(*) FROM crew_analytics")
        cursor.execute("SET lock_timeout = '500ms'")
        try:
            call_command("refresh_crew_analytics", verbosity=0)
        finally:
            cursor.execute("RESET lock_timeout")


# loader
def test_an_error_in_the_second_file_takes_back_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("characters.management.commands.load_characters.write_characters", fail)
    with pytest.raises(ZeroDivisionError):
        call_command("load_characters", verbosity=0)
    assert not Crew.objects.exists()


# admin
@pytest.fixture
def staff() -> Client:
    client = Client()
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    return client


def test_what_changes_between_the_load_and_the_save_of_a_form_survives(staff: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The admin reads the object again on POST: the race is between that read and the UPDATE."""
    from characters.admin import CharacterAdmin
    from tests.test_admin import form_at, submit

    luffy = CharacterFactory(name="Luffy", epithet="Straw Hat")
    url = f"/admin/characters/character/{luffy.pk}/change/"
    form, load = form_at(staff, url), CharacterAdmin.get_object

    def load_then_others_write(self: Any, *args: Any, **kwargs: Any) -> Any:
        found = load(self, *args, **kwargs)
        Character.objects.using("owner").filter(pk=luffy.pk).update(current_price=123, market_cap=5, epithet="Fifth Emperor")
        return found

    monkeypatch.setattr(CharacterAdmin, "get_object", load_then_others_write)
    submit(staff, url, form, description="Typed meanwhile.")
    luffy.refresh_from_db()
    assert (luffy.description, luffy.current_price, luffy.market_cap, luffy.epithet) == (
        "Typed meanwhile.",
        123,
        5,
        "Fifth Emperor",
    )


def test_a_holder_of_two_members_is_one_holder(staff: Client) -> None:
    crew, holder = CrewFactory(name="Straw Hats"), UserFactory()
    for character in CharacterFactory.create_batch(2, crew=crew):
        assert trade_by_sql(holder.pk, holder.pk, character.pk, "buy", 1)["success"]
    page = staff.get(f"/admin/crews/crew/{crew.pk}/delete/", follow=True).content.decode()
    assert "it has 2 characters, held by 1 trader." in page


# pages
def test_gains_and_order_of_the_portfolio(trader: User) -> None:
    small, large = CharacterFactory(), CharacterFactory()
    for character, number in ((small, 1), (large, 2)):
        assert trade_by_sql(trader.pk, trader.pk, character.pk, "buy", number)["success"]
    Character.objects.using("owner").filter(pk=large.pk).update(current_price=150)
    with as_user(trader):
        mine = portfolio(trader.pk)
    assert mine
    assert [(p.character_id, p.gain) for p in mine.positions] == [(large.pk, 98), (small.pk, -1)]
    assert (mine.gain, round(mine.gain_percent, 2)) == (97, 32.01)


def test_a_line_of_history_has_its_price_and_its_fee(trader: User) -> None:
    from tests.test_pages import get

    trade_by_sql(trader.pk, trader.pk, CharacterFactory(name="Nami").pk, "buy", 3)
    client = Client()
    client.force_login(trader)
    (row,) = get(client, "/history/").find("tr", css="trade")
    assert "Bought 3 × Nami at ฿100.00" in row.text
    assert row.text.index("฿100.00") < row.text.rindex("฿3.00")
    assert "฿3.00" in row.text.split("฿100.00")[-1]


def test_crews_are_listed_by_market_cap_with_their_average_price() -> None:
    small, large = CrewFactory(name="A"), CrewFactory(name="B")
    CharacterFactory(crew=small)
    CharacterFactory.create_batch(2, crew=large)
    CrewFactory(name="C")
    call_command("refresh_crew_analytics", verbosity=0)
    assert [(c.name, c.avg_price, c.total_market_cap) for c in crew_numbers()] == [
        ("B", 100, 200_000_000),
        ("A", 100, 100_000_000),
        ("C", None, None),
    ]


def test_members_and_bounties_are_listed_highest_and_latest_first() -> None:
    crew = CrewFactory()
    low, high = CharacterFactory(crew=crew, bounty=1), CharacterFactory(crew=crew, bounty=2)
    unknown = CharacterFactory(crew=crew, bounty=None)
    assert [row.id for row in crew_members(crew.pk)] == [high.pk, low.pk, unknown.pk]
    BountyEvent.objects.create(character=low, amount=3)
    assert [b.amount for b in bounty_history(low.pk)] == [3, 1]


def test_the_fragment_carries_the_price_it_shows(trader: User) -> None:
    from tests.test_pages import Page

    character = CharacterFactory()
    client = Client()
    client.force_login(trader)
    place = f"/characters/{character.pk}/preview/?action=buy&quantity=2"
    page = Page(client.get(place, headers={"HX-Request": "true"}))
    assert [e.attributes["value"] for e in page.find("input", name="price")] == ["100.00"]


def test_a_common_password_is_refused(client: Client) -> None:
    fields = {"username": "robin", "password1": "password123", "password2": "password123"}
    assert "too common" in client.post("/signup/", fields).content.decode()


def test_the_stylesheet_is_light_and_dark_and_knows_narrow_screens() -> None:
    css = (ROOT / "onepiece_market/static/market.css").read_text()
    assert "prefers-color-scheme: dark" in css
    assert "width" in "".join(line for line in css.splitlines() if "@media" in line)
    for name in ("ticket", "ledger", "wide", "narrow", "preview", "notice"):
        assert f".{name}" in css


def test_readyz_is_503_without_postgresql_and_200_without_the_cache(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    views = "onepiece_market.monitoring.views."
    monkeypatch.setattr(views + "_cache", lambda: "unreachable")
    assert client.get("/readyz").status_code == 200
    monkeypatch.setattr(views + "_postgres", lambda: "unreachable")
    assert client.get("/readyz").status_code == 503


# configuration
def test_without_the_cache_every_page_still_answers(trader: User) -> None:
    nowhere = {name: {**cache, "LOCATION": "redis://127.0.0.1:1/0"} for name, cache in settings.CACHES.items()}
    with override_settings(CACHES=nowhere):
        client = Client()
        client.force_login(trader)
        assert [client.get(place).status_code for place in ("/", "/portfolio/")] == [200, 200]


def of_settings(name: str, folder: Path = ROOT, **variables: str) -> str:
    kept = {k: v for k, v in os.environ.items() if k not in ("SITE_URL", "SECRET_KEY")}
    code = f"from onepiece_market import settings; print(settings.{name})"
    run = [sys.executable, "-c", code]
    return subprocess.run(run, cwd=folder, env={**kept, **variables}, capture_output=True, text=True, check=True).stdout.strip()


def test_the_env_file_is_read_where_the_example_lies(tmp_path: Path) -> None:
    for name in ("onepiece_market", "deploy"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / ".env.example", tmp_path / ".env.example")
    (tmp_path / ".env").write_text("SITE_URL=https://market.example\n")
    assert of_settings("SITE_URL", tmp_path) == "https://market.example"


def test_each_home_has_a_secret_key_of_its_own_that_nobody_else_reads(tmp_path: Path) -> None:
    keys = [of_settings("SECRET_KEY", MARKET_HOME=str(tmp_path / name)) for name in ("a", "b", "a")]
    assert keys[0] == keys[2] != keys[1]
    assert len(keys[0]) >= 50
    assert stat.S_IMODE((tmp_path / "a" / "secret_key").stat().st_mode) == 0o600


def test_connections_are_checked_before_a_request_uses_them() -> None:
    assert all(connections[alias].settings_dict["CONN_HEALTH_CHECKS"] for alias in ("default", "owner"))


def test_postgresql_14_is_refused() -> None:
    old: Any = SimpleNamespace(info=SimpleNamespace(server_version=140_012))
    with pytest.raises(servers.ServerError, match="is PostgreSQL 14; the market needs 15 to 18"):
        servers._refuse_old(old, "DATABASE_URL")


@pytest.mark.parametrize(("power", "sentence"), [("BYPASSRLS", "bypasses row-level security"), ("", "owns tables")])
@pytest.mark.skipif(not settings.EMBEDDED_POSTGRES, reason="makes a role")
def test_a_role_past_row_level_security_is_refused(power: str, sentence: str) -> None:
    from tests.test_configuration import both, fails_in_one_sentence, here

    place = embedded.layout(settings.MARKET_HOME)
    import psycopg

    with psycopg.connect(host=str(place.sockets), user="postgres", dbname="onepiece_market", autocommit=True) as boss:
        boss.execute(f"CREATE ROLE mighty LOGIN {power}")
        try:
            boss.execute("GRANT CONNECT ON DATABASE onepiece_market TO mighty; CREATE SCHEMA mighty AUTHORIZATION mighty")
            if not power:
                boss.execute("CREATE TABLE mighty.t (); ALTER TABLE mighty.t OWNER TO mighty")
            assert sentence in fails_in_one_sentence(**both(here("mighty"), here("market_owner")))
        finally:
            boss.execute("DROP OWNED BY mighty CASCADE; DROP ROLE mighty")


# embedded
CACHE = {
    "maxmemory": "512mb",
    "maxmemory-policy": "allkeys-lru",
    "save": "900 1 300 10 60 10000",
    "appendonly": "yes",
    "appendfsync": "everysec",
}


def test_the_modules_cache_settings_are_in_the_file() -> None:
    from tests.test_embedded import cache_settings, postgres_settings

    assert CACHE.items() <= cache_settings().items()
    seeing = {"shared_preload_libraries": "pg_stat_statements, auto_explain", "track_io_timing": "on", "synchronous_commit": "on"}
    assert seeing.items() <= postgres_settings().items()
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT current_setting('fsync'), current_setting('full_page_writes')")
        assert cursor.fetchone() == ("on", "on")


def test_the_servers_are_shut_down_and_not_killed(tmp_path: Path) -> None:
    import tempfile

    from tests.test_embedded import cleaned, hold

    with tempfile.TemporaryDirectory(prefix="market-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        with cleaned(Path(folder) / "home") as home:
            holder = hold(home)
            place = embedded.layout(home)
            for pid in (embedded.postgres_pid(place), embedded.valkey_pid(place)):
                assert pid
                assert os.getsid(pid) != os.getsid(holder.process.pid)  # Ctrl-C in a terminal does not reach them
            holder.let_go()
            assert "database system is shut down" in (place.servers / "postgres.log").read_text()
            assert "bye bye" in (place.servers / "valkey.log").read_text()


def test_a_signal_that_interrupts_the_end_does_not_wait_for_itself() -> None:
    """granian's Event.set holds a lock that its own handler would want: here we hold it while the second signal comes."""
    server = SimpleNamespace(interrupt_signal=False, main_loop_interrupt=threading.Event())
    with server.main_loop_interrupt._cond:
        up._end(server)
        assert not server.main_loop_interrupt.is_set()
    assert server.main_loop_interrupt.wait(10)
    assert server.interrupt_signal
