"""`manage.py run_worker`: what is written past the ORM reaches the cache, and the market lives, while it runs and no longer."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, timedelta

import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connections
from django.utils import timezone

from caching import queries
from caching.models import Outbox
from caching.service import connection, place_of
from characters.models import Character
from crews.models import CrewAnalytics
from onepiece_market.schedule import jobs
from tests.clients import connect
from tests.factories import CharacterFactory, CrewFactory, UserFactory
from tests.market import as_system, rule, tick
from tests.money import trade_by_sql
from tests.valkey import Valkey
from trading.models import Account, MarketRules, MarketTick, User

pytestmark = pytest.mark.django_db(transaction=True)

# The command as manage.py runs it, on the tests' database.
PROGRAM = """
import sys, django
from django.conf import settings
for database in settings.DATABASES.values():
    database["NAME"] = sys.argv[1]
django.setup()
from django.core.management import call_command
call_command("run_worker", *sys.argv[2:])
"""
Worker = subprocess.Popen[str]


def start(*arguments: str, cache: Valkey | None = None) -> Worker:
    """Start a worker, wait until it has looked at the cache."""
    name = connections["owner"].settings_dict["NAME"]
    place = {"MARKET_HOME": str(settings.MARKET_HOME), "DJANGO_SETTINGS_MODULE": "onepiece_market.settings"}
    if cache:
        place["REDIS_URL"] = cache.url
    worker = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, name, *arguments], cwd=settings.BASE_DIR, env=os.environ | place,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert worker.stdout
    assert "relays" in worker.stdout.readline()
    redis = cache.client(1) if cache else connection()
    until(lambda: bool(redis.exists("market:run")))
    return worker


@pytest.fixture
def worker() -> Iterator[Worker]:
    """Lend a worker that ends when its input does."""
    worker = start("--until-stdin-closes")
    yield worker
    worker.kill()
    worker.communicate()


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that comes by itself."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_guest_who_stayed_away_is_closed_by_the_worker(transactional_db: None) -> None:
    away, here = UserFactory(is_guest=True, last_seen=date(2026, 1, 1)), UserFactory(is_guest=True)
    worker = start("--until-stdin-closes")
    try:
        until(lambda: not User.objects.get(pk=away.pk).is_active)
    finally:
        worker.kill()
        worker.communicate()
    assert User.objects.get(pk=here.pk).is_active


def end_backends(but: int = 0) -> int:
    """Cut the connections of market_owner but our own and one more, as a restart of PostgreSQL would."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE usename = 'market_owner' AND datname = current_database() AND pid NOT IN (pg_backend_pid(), %s)",
            [but],
        )
        (count,) = cursor.fetchone()
    return int(count)


def rename(pk: int, name: str) -> None:
    """Write past the ORM."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE characters SET name = %s WHERE id = %s", [name, pk])


def test_it_relays_what_is_written_past_the_orm_and_ends_with_its_input(worker: Worker) -> None:
    zoro = CharacterFactory(name="Zoro")
    until(lambda: not Outbox.objects.using("owner").exists())
    queries.CHARACTER_DATA(zoro.pk)
    token = place_of(queries.CHARACTER_DATA, (zoro.pk,)).tokens[0]
    before = connection().get(token)
    rename(zoro.pk, "Zolo")
    until(lambda: connection().get(token) != before)
    assert queries.CHARACTER_DATA(zoro.pk)["name"] == "Zolo"
    until(lambda: not Outbox.objects.using("owner").exists())
    said, _ = worker.communicate(timeout=10)  # closes its input
    assert (worker.returncode, said) == (0, "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_it_is_told_to(worker: Worker, number: signal.Signals) -> None:
    worker.send_signal(number)
    assert worker.wait(10) == 0


def test_it_goes_on_after_postgresql_has_cut_its_connection(worker: Worker) -> None:
    zoro = CharacterFactory(name="Zoro")
    until(lambda: not Outbox.objects.using("owner").exists())
    assert end_backends() >= 1
    rename(zoro.pk, "Zolo")
    until(lambda: not Outbox.objects.using("owner").exists())
    assert worker.poll() is None


def test_two_workers_share_the_work(worker: Worker) -> None:
    other = start("--until-stdin-closes")
    zoro = CharacterFactory(name="Zoro")
    for round_ in range(20):
        rename(zoro.pk, f"Zoro {round_}")
    until(lambda: not Outbox.objects.using("owner").exists())
    assert queries.CHARACTER_DATA(zoro.pk)["name"] == "Zoro 19"
    other.communicate(timeout=10)
    assert (other.returncode, worker.poll()) == (0, None)


@pytest.mark.parametrize("how", ["", "CONCURRENTLY"])
def test_a_refresh_by_hand_is_seen(worker: Worker, how: str) -> None:
    crew = CrewFactory()
    CharacterFactory(crew=crew)
    with connections["owner"].cursor() as cursor:
        cursor.execute("REFRESH MATERIALIZED VIEW crew_analytics")
        until(lambda: [numbers.crew_id for numbers in queries.CREW_ANALYTICS("cap")] == [crew.pk])
        CharacterFactory(crew=crew)
        cursor.execute(f"REFRESH MATERIALIZED VIEW {how} crew_analytics")
    until(lambda: [numbers.member_count for numbers in queries.CREW_ANALYTICS("cap")] == [2])


@pytest.mark.skipif(not settings.EMBEDDED_VALKEY, reason="starts the embedded Valkey's program")
def test_it_goes_on_after_the_cache_was_away(transactional_db: None) -> None:
    valkey = Valkey()
    worker = start("--until-stdin-closes", cache=valkey)
    try:
        until(lambda: not Outbox.objects.using("owner").exists())
        valkey.kill()
        CharacterFactory()
        until(lambda: "The worker waits" in str(worker.stdout and worker.stdout.readline()))
        assert Outbox.objects.using("owner").exists()
        valkey.start()
        until(lambda: not Outbox.objects.using("owner").exists())
        assert worker.poll() is None
    finally:
        worker.kill()
        worker.communicate()
        valkey.end()


# --- the schedule

EACH_SECOND = ("--until-stdin-closes", "--tick-seconds=1")
WAITS = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE %s AND pid <> pg_backend_pid()"
LEADERS = (
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objid = hashtext('schedule')::oid"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


@contextmanager
def ticking() -> Iterator[Worker]:
    """Lend a worker that ticks each second; kill it if the test did not end it."""
    worker = start(*EACH_SECOND)
    try:
        yield worker
    finally:
        worker.kill()
        worker.communicate()


def ticks() -> int:
    """Return how many ticks there were."""
    return MarketTick.objects.using("owner").count()


def more_ticks(number: int) -> None:
    """Wait for so many more ticks."""
    before = ticks()
    until(lambda: ticks() >= before + number)


def waits(query: str) -> bool:
    """Return whether a session waits for a lock in a query like this."""
    return rule(WAITS, f"%{query}%") == [(1,)]


def traded(name: str = "Luffy") -> Character:
    """Return a character that somebody has just bought a full vote of."""
    character, user = CharacterFactory(name=name), UserFactory()
    assert trade_by_sql(user.pk, user.pk, character.pk, "buy", 50)["success"]
    return character


def price(character: Character) -> float:
    """Return the published price."""
    return float(Character.objects.values_list("current_price", flat=True).get(pk=character.pk))


@pytest.fixture
def _opened_again(transactional_db: None) -> Iterator[None]:
    """Leave an open market behind."""
    yield
    rule("UPDATE market_rules SET is_halted = false, halt_reason = ''")


@pytest.mark.usefixtures("_opened_again")
def test_all_that_is_due_is_done_at_the_start_and_a_mismatch_halts_the_market() -> None:
    begun = timezone.now()
    tick(begun - timedelta(days=31))
    luffy, quiet = traded(), CharacterFactory(name="Quiet", crew=CrewFactory())
    away, counts = UserFactory(is_guest=True, last_seen=date(2026, 1, 1)), UserFactory()
    as_system("UPDATE accounts SET is_counted = false, balance = balance + 1 WHERE user_id = %s", counts.pk)
    rule("UPDATE characters SET weekly_change = 5 WHERE id = %s", quiet.pk)
    next_month = f"price_ticks_{(date.today().replace(day=1) + timedelta(days=32)):%Y_%m}"  # noqa: DTZ011
    rule(f"DROP TABLE IF EXISTS {next_month}")
    done = {
        "tick_market": lambda: ticks() > 0 and MarketTick.objects.using("owner").latest("ticked_at").ticked_at > begun,
        "warm_cache": lambda: any(b":STANDINGS:" in key for key in connection().keys("market:*") if b"lease" not in key),
        "refresh_crew_analytics": lambda: CrewAnalytics.objects.filter(member_count=1).exists(),
        "verify_ledger --halt": lambda: MarketRules.objects.get().halt_reason.startswith("ledger mismatch "),
        "refresh_weekly_changes": lambda: not Character.objects.get(pk=quiet.pk).weekly_change,
        "expire_guests": lambda: not User.objects.get(pk=away.pk).is_active,
        "count_votes": lambda: Account.objects.using("owner").get(pk=counts.pk).is_counted,
        "make_price_partitions": lambda: rule("SELECT to_regclass(%s) IS NOT NULL", next_month) == [(True,)],
        "prune_ticks": lambda: not MarketTick.objects.using("owner").filter(ticked_at__lt=begun - timedelta(days=30)).exists(),
    }
    assert [job for job, is_done in done.items() if is_done()] == []
    with ticking() as worker:
        for is_done in done.values():
            until(is_done)
        worker.terminate()
        said, _ = worker.communicate(timeout=10)
    assert {*done} == {job.command for job in jobs(1)}
    assert (worker.returncode, price(luffy) > 100, MarketRules.objects.get().is_halted) == (0, True, True)
    assert said.count("\n") == 1
    assert "ERROR onepiece_market.schedule: verify_ledger --halt: 1 mismatches. The market is halted (ledger" in said


@pytest.mark.parametrize("seconds", ["0", "0.5", "-1", "nan", "1e9", "x"])
def test_seconds_between_ticks_that_are_none_are_refused(seconds: str) -> None:
    with pytest.raises(CommandError, match="is not a number of seconds from 1 to 86400"):
        call_command("run_worker", f"--tick-seconds={seconds}")


def test_neither_ticks_nor_the_relay_wait_for_a_long_check_of_the_ledger(transactional_db: None) -> None:
    zoro = CharacterFactory(name="Zoro")
    with connect("owner") as other, ExitStack() as stack:
        with other.transaction():
            other.execute("LOCK TABLE ledger_entries")
            stack.enter_context(ticking())
            until(lambda: waits("lag(balance_after"))  # an hour would be the same
            more_ticks(3)
            rename(zoro.pk, "Zolo")
            until(lambda: not Outbox.objects.using("owner").exists())
            assert waits("lag(balance_after")
        with other.transaction():  # the control: what a tick itself needs delays it
            other.execute("LOCK TABLE order_flow")
            until(lambda: waits("tick_market"))
            before = ticks()
            rename(zoro.pk, "Zoro")
            until(lambda: not Outbox.objects.using("owner").exists())
            assert (ticks(), waits("tick_market")) == (before, True)
        more_ticks(1)


def test_when_the_worker_that_ticks_hangs_or_dies_another_takes_over(transactional_db: None) -> None:
    with ticking() as first:
        more_ticks(1)
        with ticking() as second:
            first.send_signal(signal.SIGSTOP)
            more_ticks(2)
            assert rule(LEADERS) == [(1,)]
            first.send_signal(signal.SIGCONT)
            second.kill()
            more_ticks(2)
            assert (first.poll(), rule(LEADERS)) == (None, [(1,)])
        first.kill()
        until(lambda: rule(LEADERS) == [(0,)])  # the control: nobody would tick


def test_cut_off_from_postgresql_it_ticks_again_and_told_to_end_it_ends_after_the_tick_under_way(transactional_db: None) -> None:
    luffy = CharacterFactory(name="Luffy")
    with connect("owner") as other, ticking() as worker:
        more_ticks(1)
        assert end_backends(but=other.info.backend_pid) >= 1
        more_ticks(2)
        with other.transaction():
            other.execute("SELECT FROM characters WHERE id = %s FOR UPDATE", [luffy.pk])
            as_system(
                "INSERT INTO order_flow (user_id, trade_id, character_id, votes, created_at)"
                " VALUES (1, gen_random_uuid(), %s, 18000, now())", luffy.pk,
            )  # fmt: skip
            until(lambda: waits("tick_market"))
            worker.terminate()
            until(lambda: rule(LEADERS) == [(0,)])
            assert worker.poll() is None
        assert worker.wait(10) == 0
    assert price(luffy) > 100
