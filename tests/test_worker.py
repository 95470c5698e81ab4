"""`manage.py run_worker`: what is written past the ORM reaches the cache, for as long as it runs and no longer."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import date

import pytest
from django.conf import settings
from django.db import connections

from caching import queries
from caching.models import Outbox
from caching.service import connection, place_of
from onepiece_market.management.commands import run_worker
from tests.factories import CharacterFactory, CrewFactory, UserFactory
from tests.valkey import Valkey
from trading.models import User

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


def test_guests_are_closed_an_hour_later_whatever_went_wrong(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ended, calls = threading.Event(), list[str]()

    def expire(name: str, **_: object) -> None:
        calls.append(name)
        if len(calls) == 1:
            raise ZeroDivisionError("not of a database")
        ended.set()

    monkeypatch.setattr(run_worker, "call_command", expire)
    monkeypatch.setattr(run_worker, "EXPIRY", 0)
    thread = threading.Thread(target=run_worker._expire_guests, args=(ended,))
    thread.start()
    thread.join(10)
    assert calls == ["expire_guests"] * 2
    assert "not of a database" in caplog.text


def end_backends() -> int:
    """Cut the connections of market_owner but our own, as a restart of PostgreSQL would."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE usename = 'market_owner' AND datname = current_database() AND pid <> pg_backend_pid()"
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
