"""Ticks have a partition to write to, whoever deploys how; and a price that stands still changes its change in 7 days."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import OperationalError, connections
from django.utils import timezone

import sql
from characters import history
from characters.history import make_price_partitions, refresh_weekly_changes
from characters.models import Character
from tests.clients import connect
from tests.factories import CharacterFactory, UserFactory
from tests.market import rule, tick
from tests.money import trade_by_sql
from tests.test_audit import in_a_thread, run
from tests.test_worker import until

pytestmark = pytest.mark.django_db(transaction=True)
TODAY = datetime.now(UTC).date()
NEXT = TODAY.replace(day=1) + timedelta(days=32)


def partition(day: date) -> str:
    """Return what the partition of a day is called."""
    return f"price_ticks_{day:%Y_%m}"


def exists(day: date) -> bool:
    """Return whether the day has its partition."""
    return rule("SELECT to_regclass(%s) IS NOT NULL", partition(day)) == [(True,)]


@pytest.fixture
def _without(transactional_db: None) -> Iterator[None]:
    """Take the partitions of this month and the next away; leave them there afterwards."""
    rule(f"DROP TABLE IF EXISTS {partition(TODAY)}, {partition(NEXT)}")
    yield
    make_price_partitions()


# --- partitions


@pytest.mark.usefixtures("_without")
def test_after_migrate_the_first_tick_works_and_so_does_next_months() -> None:
    """Who never runs `up` nor a worker migrates with each release."""
    character, user = CharacterFactory(), UserFactory()
    assert trade_by_sql(user.pk, user.pk, character.pk, "buy", 50)["success"]
    with pytest.raises(Exception, match="no partition of relation"):  # the control
        tick()
    call_command("migrate", verbosity=0, interactive=False)
    assert tick()["moved"] == [character.pk]
    assert trade_by_sql(user.pk, user.pk, character.pk, "sell", 50)["success"]
    assert tick(datetime(NEXT.year, NEXT.month, 1, tzinfo=UTC))["moved"] == [character.pk]


@pytest.mark.usefixtures("_without")
def test_a_look_at_what_migrate_would_do_makes_nothing() -> None:
    call_command("migrate", "--plan", stdout=StringIO())
    assert not exists(TODAY)


@pytest.mark.usefixtures("_without")
def test_partitions_are_made_once() -> None:
    said = "{} partitions made; ticks of this month and the next have their place"
    assert run("make_price_partitions") == [said.format(2)]
    assert run("make_price_partitions") == [said.format(0)]
    assert exists(TODAY)
    assert exists(NEXT)


def test_a_database_that_has_no_such_function_yet_is_left_alone() -> None:
    text = sql.read("functions/make_price_partitions")
    rule("DROP FUNCTION make_price_partitions")
    try:
        assert make_price_partitions() == 0
    finally:
        rule(text)


@pytest.mark.parametrize("patient", [True, False])
@pytest.mark.usefixtures("_without")
def test_readers_of_prices_do_not_wait_behind_a_partition_that_waits(patient: bool) -> None:
    """One reads for long; the partition waits for him. The control waits as DDL does, and whoever comes then waits behind it."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%make_price_partitions(%'"
    make: Callable[[], Any] = make_price_partitions if patient else lambda: rule("SELECT make_price_partitions(now(), now())")
    with connect("owner") as long, connect("owner") as short, ThreadPoolExecutor(1) as pool:
        short.execute("SET lock_timeout = '5s'" if patient else "SET lock_timeout = '300ms'")
        with long.transaction():
            long.execute("SELECT count(*) FROM price_ticks")
            work = pool.submit(in_a_thread, make)
            until(lambda: rule(waiting) == [(1,)])
            if patient:
                assert short.execute("SELECT count(*) FROM price_ticks").fetchone() == (0,)
            else:
                with pytest.raises(Exception, match="lock timeout"):
                    short.execute("SELECT count(*) FROM price_ticks")
        work.result(20)
    assert exists(TODAY)


@pytest.mark.usefixtures("_without")
def test_a_partition_that_can_never_be_made_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "TRIES", 2)
    with connect("owner") as long, long.transaction():
        long.execute("SELECT count(*) FROM price_ticks")
        with pytest.raises(OperationalError, match="lock timeout"):
            make_price_partitions()


# --- the change in 7 days


def moved(days: float) -> Character:
    """Return a character listed 30 days ago that rose from 100.00 to 101.82 so many days ago."""
    character, user = CharacterFactory(), UserFactory()
    rule("UPDATE listings SET listed_at = %s", timezone.now() - timedelta(days=30))
    rule("SELECT make_price_partitions(%s, now())", timezone.now() - timedelta(days=30))
    assert trade_by_sql(user.pk, user.pk, character.pk, "buy", 50)["success"]
    tick(timezone.now() - timedelta(days=days))
    return character


def test_a_price_that_stands_still_has_changed_by_nothing_after_7_days() -> None:
    early, late = moved(7.01), moved(6.99)
    assert Character.objects.get(pk=early.pk).weekly_change == pytest.approx(1.82)
    assert run("refresh_weekly_changes") == ["1 changes in 7 days were not up to date"]
    changes = dict(Character.objects.values_list("pk", "weekly_change"))
    assert changes == {early.pk: 0, late.pk: pytest.approx(1.82)}
    assert refresh_weekly_changes() == 0


@pytest.mark.parametrize("ordered", [True, False])
def test_rows_are_locked_in_the_order_in_which_a_tick_locks_them(ordered: bool) -> None:
    """The lower has no change yet, the higher has one. The control locks what shows a change first, and a tick would deadlock."""
    low, high = moved(6), moved(5)
    rule("UPDATE characters SET weekly_change = CASE WHEN id = %s THEN 0 ELSE 9 END", low.pk)
    good = sql.again(sql.read("functions/refresh_weekly_changes"))
    if not ordered:
        rule(good.replace("WHERE id = ANY (v_ids) ORDER BY id FOR", "WHERE weekly_change <> 0 ORDER BY id FOR"))
    try:
        assert can_lock_the_higher_too(low, high) is ordered
    finally:
        rule(good)


def can_lock_the_higher_too(low: Character, high: Character) -> bool:
    """Lock one row as a tick does, let the changes be refreshed meanwhile, and return whether the next row is free."""
    lock = "SELECT FROM characters WHERE id = %s FOR NO KEY UPDATE"
    thread = threading.Thread(target=in_a_thread, args=(refresh_weekly_changes,))
    with connect("owner") as ticking:
        try:
            with ticking.transaction():
                ticking.execute(lock, [low.pk])
                thread.start()
                until(lambda: rule("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") == [(1,)])
                ticking.execute("SET LOCAL lock_timeout = '200ms'")
                ticking.execute(lock, [high.pk])
        except Exception:
            return False
        finally:
            thread.join(20)
    connections.close_all()
    return True
