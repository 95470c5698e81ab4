"""The ledger proves balances and positions, and rebuilds them, now or as of any moment; crew analytics are refreshed."""

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import IntegrityError, ProgrammingError, connections, transaction

import sql
from characters.models import Character
from crews.models import CrewAnalytics
from tests.clients import connect
from tests.factories import CharacterFactory, CrewFactory, UserFactory
from tests.money import trade_by_sql
from trading.audit import apply_rebuild, mismatches, rebuild
from trading.models import LedgerEntry, MarketRules, User

pytestmark = pytest.mark.django_db(transaction=True)

type Rows = list[tuple[Any, ...]]
LIVE = ("SELECT * FROM accounts ORDER BY user_id", "SELECT * FROM holdings ORDER BY user_id, character_id")
POSITIONS = (
    "SELECT user_id, balance FROM {}accounts ORDER BY 1",
    "SELECT user_id, character_id, quantity, cost_basis FROM {}holdings ORDER BY 1, 2",
)
ENTRY = """
    INSERT INTO ledger_entries
        (user_id, character_id, created_at, trade_id, quantity, quantity_after, kind, price, fee, amount, balance_after)
    SELECT user_id, %s, last_entry_at + interval '1 s', gen_random_uuid(), %s, %s, %s, 100, 0, %s, %s
    FROM accounts WHERE user_id = %s
"""


@pytest.fixture(autouse=True)
def _after(transactional_db: None) -> Iterator[None]:
    """Leave no scratch schema and no halted market behind: the flush empties tables only."""
    yield
    with connections["owner"].cursor() as cursor:
        cursor.execute("DROP SCHEMA IF EXISTS rebuilt CASCADE")
        cursor.execute("UPDATE market_rules SET is_halted = false, halt_reason = ''")


@pytest.fixture
def luffy() -> Character:
    """A character at 100.00."""
    return CharacterFactory(name="Luffy")


@pytest.fixture
def nami(luffy: Character, trade: Callable[..., str]) -> User:
    """A trader who bought 7 and sold 3: 4 shares for 404.00, 99,590.00 left."""
    trader = UserFactory()
    assert [trade(trader, luffy, "buy", 7), trade(trader, luffy, "sell", 3)] == ["ok", "ok"]
    return trader


@pytest.fixture
def trade() -> Callable[..., str]:
    """Return a function that trades as the site would, and returns the code of the answer."""
    return lambda user, character, side, number: trade_by_sql(user.pk, user.pk, character.pk, side, number)["code"]


def rows(*statements: str) -> list[Rows]:
    """Return what these statements find, read by the auditor."""
    found = []
    with connections["owner"].cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
            found.append(cursor.fetchall())
    return found


def positions(schema: str = "") -> list[Rows]:
    """Return all balances and positions of the live tables, or of the schema `rebuilt`."""
    return rows(*(statement.format(schema) for statement in POSITIONS))


def damage(statement: str, *values: Any) -> None:
    """Write past every guard but the checks, as a bug in a definer function could."""
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        cursor.execute("SET LOCAL ROLE market_system")
        cursor.execute(statement, values)
        assert cursor.rowcount == 1


def run(command: str, *arguments: str) -> list[str]:
    """Run a command and return its lines, those of an error first."""
    out, err = StringIO(), StringIO()
    call_command(command, *arguments, stdout=out, stderr=err)
    return [*err.getvalue().splitlines(), *out.getvalue().splitlines()]


def complaints() -> list[str]:
    """Run verify_ledger, which must fail, and return its complaints of users; those of votes are in test_votes.py."""
    err = StringIO()
    with pytest.raises(CommandError, match="mismatches"):
        call_command("verify_ledger", stdout=StringIO(), stderr=err)
    return [line for line in err.getvalue().splitlines() if line.startswith("user ")]


def is_halted() -> bool:
    """Return whether the market is halted."""
    return MarketRules.objects.get().is_halted


# --- verify_ledger


def test_the_ledger_is_clean_after_trades_of_several_users(trade: Callable[..., str]) -> None:
    characters = CharacterFactory.create_batch(3)
    for trader in UserFactory.create_batch(3):
        for character in characters:
            assert [trade(trader, character, side, n) for side, n in (("buy", 5), ("sell", 2), ("buy", 1))] == ["ok"] * 3
        assert trade(trader, characters[0], "sell", 4) == "ok"  # sold out: no position
        assert trade(trader, characters[1], "sell", 99) == "insufficient_shares"
    (line,) = run("verify_ledger")
    assert line.startswith("The ledger is clean: 33 entries, 0 mismatches, ")


def test_an_empty_market_is_clean() -> None:
    assert run("verify_ledger")[0].startswith("The ledger is clean: 0 entries")


def test_a_changed_balance_is_found(nami: User) -> None:
    damage("UPDATE accounts SET balance = balance + 0.01 WHERE user_id = %s", nami.pk)
    assert complaints() == [f"user {nami.pk}, balance: the ledger says 99590.00, found 99590.01"]


def test_changed_removed_and_invented_holdings_are_found(nami: User, luffy: Character) -> None:
    other = CharacterFactory()
    who, what = f"user {nami.pk}", f"of character {luffy.pk}: the ledger says"
    damage("UPDATE holdings SET quantity = 5 WHERE user_id = %s", nami.pk)
    assert complaints() == [f"{who}, shares {what} 4, found 5"]
    damage("UPDATE holdings SET quantity = 4, cost_basis = 1 WHERE user_id = %s", nami.pk)
    assert complaints() == [f"{who}, cost {what} 404.00, found 1.00"]
    damage("DELETE FROM holdings WHERE user_id = %s", nami.pk)
    assert complaints() == [f"{who}, cost {what} 404.00, found None", f"{who}, shares {what} 4, found None"]
    damage("INSERT INTO holdings (user_id, character_id, quantity, cost_basis) VALUES (%s, %s, 4, 404)", nami.pk, luffy.pk)
    damage("INSERT INTO holdings (user_id, character_id, quantity, cost_basis) VALUES (%s, %s, 2, 202)", nami.pk, other.pk)
    what = f"of character {other.pk}: the ledger says"
    assert complaints() == [f"{who}, cost {what} None, found 202.00", f"{who}, shares {what} None, found 2"]


def test_an_entry_whose_balance_or_shares_after_are_wrong_is_found(nami: User, luffy: Character) -> None:
    damage(ENTRY, luffy.pk, 1, 6, "buy", "-100", "99491", nami.pk)
    damage("UPDATE accounts SET balance = balance - 100 WHERE user_id = %s", nami.pk)
    damage("UPDATE holdings SET quantity = 5, cost_basis = 504 WHERE user_id = %s", nami.pk)
    said = [re.sub(r"trade [0-9a-f-]+", "trade", line) for line in complaints()]
    assert said == [
        f"user {nami.pk}, balance after trade: the ledger says 99490.00, found 99491.00",
        f"user {nami.pk}, shares after trade: the ledger says 5, found 6",
    ]


def test_an_entry_that_no_trade_wrote_is_found(nami: User, luffy: Character) -> None:
    damage(ENTRY, luffy.pk, 1, 5, "buy", "-100", "99490", nami.pk)
    assert complaints() == [
        f"user {nami.pk}, balance: the ledger says 99490.00, found 99590.00",
        f"user {nami.pk}, cost of character {luffy.pk}: the ledger says 504.00, found 404.00",
        f"user {nami.pk}, shares of character {luffy.pk}: the ledger says 5, found 4",
    ]


def test_a_sale_of_shares_nobody_had_is_found_and_can_be_rebuilt(nami: User) -> None:
    damage(ENTRY, CharacterFactory().pk, 1, 0, "sell", "100", "99690", nami.pk)
    assert any("the ledger says -1, found None" in line for line in complaints())
    assert any("rebuilt -1 shares" in line for line in run("rebuild_projections"))


def test_only_the_damaged_account_is_named_and_a_long_list_is_cut(nami: User) -> None:
    UserFactory.create_batch(25)
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        cursor.execute("SET LOCAL ROLE market_system")
        cursor.execute("UPDATE accounts SET balance = balance - 1 WHERE user_id <> %s", [nami.pk])
    with pytest.raises(CommandError, match="25 mismatches"):
        call_command("verify_ledger", stderr=(err := StringIO()))
    assert len(err.getvalue().splitlines()) == 20
    assert f"user {nami.pk}," not in err.getvalue()


# --- rebuild_projections


def test_a_rebuild_of_a_sound_market_finds_no_difference(nami: User) -> None:
    assert run("rebuild_projections") == ["0 differences; see schema rebuilt"]
    assert positions("rebuilt.") == positions()


def test_a_rebuild_prints_differences_and_leaves_the_live_tables(nami: User, luffy: Character) -> None:
    damage("UPDATE accounts SET balance = 1 WHERE user_id = %s", nami.pk)
    damage("UPDATE holdings SET cost_basis = 1 WHERE user_id = %s", nami.pk)
    damaged = rows(*LIVE)
    assert run("rebuild_projections") == [
        f"user {nami.pk}, balance: rebuilt 99590.00, live 1.00",
        f"user {nami.pk}, character {luffy.pk}: rebuilt 4 shares for 404.00, live 4 shares for 1.00",
        "2 differences; see schema rebuilt",
    ]
    assert rows(*LIVE) == damaged
    assert not is_halted()


DAMAGES = [
    "UPDATE accounts SET balance = 1 WHERE user_id = %s",
    "UPDATE accounts SET last_entry_at = 'epoch' WHERE user_id = %s",
    "UPDATE holdings SET quantity = 9 WHERE user_id = %s",
    "UPDATE holdings SET cost_basis = 1 WHERE user_id = %s",
    "DELETE FROM holdings WHERE user_id = %s",
    "INSERT INTO holdings (user_id, character_id, quantity, cost_basis) SELECT %s, max(id), 2, 202 FROM characters",
]


@pytest.mark.parametrize("statement", DAMAGES)
def test_apply_mends_every_row_as_it_was(nami: User, luffy: Character, trade: Callable[..., str], statement: str) -> None:
    CharacterFactory()  # nobody holds it
    UserFactory()
    sound = rows(*LIVE)
    damage(statement, nami.pk)
    assert rows(*LIVE) != sound
    run("rebuild_projections", "--apply")
    assert rows(*LIVE) == sound
    assert (mismatches(), is_halted()) == ([], False)
    assert trade(nami, luffy, "sell", 4) == "ok"


def test_apply_says_what_it_mended(nami: User) -> None:
    damage("UPDATE accounts SET balance = 1 WHERE user_id = %s", nami.pk)
    assert run("rebuild_projections", "--apply")[-1] == "1 differences, mended; see schema rebuilt"
    assert run("rebuild_projections", "--apply") == ["0 differences; see schema rebuilt"]


def test_a_market_halted_before_stays_halted(nami: User) -> None:
    MarketRules.objects.using("owner").update(is_halted=True)
    run("rebuild_projections", "--apply")
    assert is_halted()


def test_after_an_error_in_the_middle_nothing_is_mended_and_the_market_stays_halted(nami: User, luffy: Character) -> None:
    """A ledger that adds up to less than nothing cannot be applied: staff must look before trading goes on."""
    damage(ENTRY, luffy.pk, 10_000, 10_004, "buy", "-1000000", "0", nami.pk)
    before = rows(*LIVE)
    with pytest.raises(IntegrityError, match="accounts_balance_check"):
        run("rebuild_projections", "--apply")
    assert rows(*LIVE) == before
    assert is_halted()
    assert trade_by_sql(nami.pk, nami.pk, luffy.pk, "sell", 1)["code"] == "market_halted"


def waiting_for_a_lock() -> bool:
    """Return whether some session of this database waits for a lock."""
    (((number,),),) = rows(
        "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
        " WHERE NOT l.granted AND d.datname = current_database()"
    )
    return bool(number)


def in_a_thread[T](work: Callable[[], T]) -> T:
    """Work on a connection of the thread's own."""
    try:
        return work()
    finally:
        connections["owner"].close()


def until_it_waits(work: Any) -> None:
    """Return once the thread waits for a lock; fail if it ends first or after 10 s."""
    end = time.monotonic() + 10
    while not waiting_for_a_lock():
        assert not work.done(), work.result()
        assert time.monotonic() < end


def test_the_market_is_halted_for_others_while_the_rebuild_is_applied(
    nami: User, luffy: Character, trade: Callable[..., str]
) -> None:
    """The rebuild is held where it drops the old scratch schema, which somebody reads."""
    damage("UPDATE accounts SET balance = 1 WHERE user_id = %s", nami.pk)
    other = UserFactory()
    run("rebuild_projections")
    with connect("owner") as reader, ThreadPoolExecutor(1) as pool:
        with reader.transaction():
            reader.execute("SELECT count(*) FROM rebuilt.accounts")
            work = pool.submit(in_a_thread, apply_rebuild)
            until_it_waits(work)
            assert is_halted()
            assert [trade(user, luffy, "buy", 1) for user in (nami, other)] == ["market_halted"] * 2
        work.result(10)
    assert not is_halted()
    assert trade(other, luffy, "buy", 1) == "ok"
    assert mismatches() == []


def test_apply_waits_for_a_trade_that_began_before_the_halt(nami: User, luffy: Character) -> None:
    """Such a trade has decided by the damaged row: rebuilt under it, the row would be overwritten again."""
    damage("UPDATE holdings SET quantity = 9 WHERE user_id = %s", nami.pk)
    with connect("owner") as trading, ThreadPoolExecutor(1) as pool:
        with trading.transaction():
            trading.execute("SET LOCAL ROLE market_system")
            trading.execute("SELECT FROM accounts WHERE user_id = %s FOR NO KEY UPDATE", [nami.pk])  # as execute_trade does
            work = pool.submit(in_a_thread, apply_rebuild)
            until_it_waits(work)
            trading.execute("UPDATE holdings SET quantity = 8 WHERE user_id = %s", [nami.pk])
        work.result(10)
    assert mismatches() == []


def test_a_trade_that_commits_during_a_rebuild_is_no_difference(nami: User, luffy: Character) -> None:
    """The rebuild is held after it has read the ledger, where it compares with the live accounts."""
    with connect("owner") as trading, ThreadPoolExecutor(1) as pool:
        with trading.transaction():
            trading.execute("LOCK TABLE accounts")
            work = pool.submit(in_a_thread, rebuild)
            until_it_waits(work)
            trading.execute("SELECT execute_trade(%s, %s, 'buy', 1, NULL)", [nami.pk, luffy.pk])
        assert work.result(10) == []
    assert mismatches() == []


# --- as of a moment


def random_trades(seed: int, number: int = 240) -> list[tuple[datetime, list[Rows]]]:
    """Trade at random at moving prices; return moments with what everybody had at them."""
    draw = random.Random(seed)
    traders, characters = UserFactory.create_batch(3), CharacterFactory.create_batch(4)
    moments, done = [], 0
    while done < number:
        trader, character = draw.choice(traders), draw.choice(characters)
        if draw.random() < 0.3:
            price = Decimal(draw.randrange(1000, 30_000)) / 100
            Character.objects.using("owner").filter(pk=character.pk).update(current_price=price)
        side, quantity = draw.choice(["buy", "buy", "sell"]), draw.choice([1, 2, 3, 7, 11, 13])
        done += trade_by_sql(trader.pk, trader.pk, character.pk, side, quantity)["success"]
        if draw.random() < 0.04:
            latest = LedgerEntry.objects.using("owner").order_by("-created_at").values_list("created_at", flat=True)[0]
            moments.append((latest, positions()))
    return moments


@pytest.mark.parametrize("seed", [1, 22])
def test_a_rebuild_as_of_a_moment_is_what_everybody_had_then(seed: int) -> None:
    """240 trades with partial sales, so that every sale rounds the cost; live tables stay as they are."""
    moments = random_trades(seed)
    assert LedgerEntry.objects.using("owner").filter(kind="sell").count() > 40
    assert len(moments) >= 4
    live = rows(*LIVE)
    for moment, had in moments:
        run("rebuild_projections", "--as-of", moment.isoformat())
        assert positions("rebuilt.") == had
    assert rows(*LIVE) == live
    assert run("rebuild_projections") == ["0 differences; see schema rebuilt"]


def test_without_rounding_each_sale_as_the_trade_did_costs_would_differ() -> None:
    """Negative control: the same replay, with the cost of a sale not rounded to a cent."""
    moments = random_trades(1)
    good = sql.again(sql.read("functions/position_of").split("CREATE AGGREGATE")[0])
    assert good.count(", 2)") == 1
    with connections["owner"].cursor() as cursor:
        try:
            cursor.execute(good.replace(", 2)", ", 6)"))
            run("rebuild_projections", "--as-of", moments[-1][0].isoformat())
        finally:
            cursor.execute(good)
    assert positions("rebuilt.")[0] == moments[-1][1][0]
    assert positions("rebuilt.")[1] != moments[-1][1][1]


def test_before_the_first_entry_there_was_nothing(nami: User) -> None:
    assert run("rebuild_projections", "--as-of", "1997-07-22")[-1] == "2 differences; see schema rebuilt"
    assert positions("rebuilt.") == [[], []]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--apply", "--as-of", "2026-11-22T16:48:00+00:00"], "leave --as-of away"),
        (["--as-of", "yesterday"], "'yesterday' is not a moment such as"),
        (["--as-of", ""], "'' is not a moment"),
        (["--as-of", "2026-13-01"], "is not a moment"),
    ],
)
def test_what_cannot_be_meant_is_refused(nami: User, arguments: list[str], sentence: str) -> None:
    damage("UPDATE accounts SET balance = 1 WHERE user_id = %s", nami.pk)
    before = rows(*LIVE)
    with pytest.raises(CommandError, match=sentence):
        run("rebuild_projections", *arguments)
    assert (rows(*LIVE), is_halted()) == (before, False)


def test_the_site_cannot_read_the_scratch_schema(nami: User) -> None:
    """It holds everybody's money, without row-level security."""
    run("rebuild_projections")
    for table in ("accounts", "holdings"):
        with connections["default"].cursor() as cursor, pytest.raises(ProgrammingError, match="permission denied for schema"):
            cursor.execute(f"SELECT * FROM rebuilt.{table}")
    for function in ("rebuild_projections(NULL)", "apply_projections()"):
        with connections["default"].cursor() as cursor, pytest.raises(ProgrammingError, match="permission denied for function"):
            cursor.execute(f"SELECT {function}")


# --- refresh_crew_analytics


def test_crews_are_counted_with_their_active_members_only() -> None:
    full, empty, quiet = CrewFactory(name="Full"), CrewFactory(name="Empty"), CrewFactory(name="Quiet")
    CrewFactory(name="Gone", is_active=False)
    CharacterFactory.create_batch(2, crew=full)
    CharacterFactory(crew=full, is_active=False)
    CharacterFactory(crew=quiet, is_active=False)
    (line,) = run("refresh_crew_analytics")
    assert line.startswith("crew_analytics: 3 rows in ")
    assert line.endswith(" ms")
    found = CrewAnalytics.objects.order_by("crew_id").values_list("crew_id", "member_count", "total_bounty", "total_market_cap")
    assert list(found) == [
        (full.pk, 2, 8_000_000, 200_000_000),
        (empty.pk, 0, None, None),
        (quiet.pk, 0, None, None),
    ]


def test_the_numbers_are_those_of_the_last_refresh() -> None:
    crew = CrewFactory()
    run("refresh_crew_analytics")
    CharacterFactory(crew=crew)
    assert CrewAnalytics.objects.get(pk=crew.pk).member_count == 0
    run("refresh_crew_analytics")
    assert CrewAnalytics.objects.get(pk=crew.pk).member_count == 1


@pytest.mark.parametrize("pause", ["0", "0.9", "-1", "nan", "inf", "1e9", "x", ""])
def test_a_pause_that_is_none_is_refused(pause: str) -> None:
    with pytest.raises(CommandError, match="is not a number of seconds from 1 to 86400"):
        run("refresh_crew_analytics", f"--every={pause}")


PROGRAM = """
import sys, django
django.setup()
from django.core.management import call_command
from django.db import connections
connections["owner"].settings_dict["NAME"] = sys.argv[1]
call_command("refresh_crew_analytics", "--every", sys.argv[2])
"""


@contextmanager
def refreshing_every(seconds: int) -> Iterator[Any]:
    """Run the command in a process of its own on the test database, and kill it if the test did not end it."""
    place = {"MARKET_HOME": str(settings.MARKET_HOME), "DJANGO_SETTINGS_MODULE": "onepiece_market.settings"}
    arguments = [sys.executable, "-u", "-c", PROGRAM, connections["owner"].settings_dict["NAME"], str(seconds)]
    with subprocess.Popen(arguments, cwd=settings.BASE_DIR, env=os.environ | place, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_refreshing_again_and_again_ends_when_told_to(number: int) -> None:
    """It waits for the next refresh an hour away, and still ends at once."""
    CrewFactory()
    with refreshing_every(3600) as process:
        assert process.stdout.readline().startswith("crew_analytics: 1 rows in ")
        process.send_signal(number)
        assert process.wait(10) == 0


def test_refreshing_goes_on_until_told_to_end() -> None:
    """A second line comes by itself."""
    CrewFactory()
    with refreshing_every(1) as process:
        assert [process.stdout.readline()[:14] for _ in range(2)] == ["crew_analytics"] * 2
        process.terminate()
        assert process.wait(10) == 0
