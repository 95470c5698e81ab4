"""The schedule: a thread a job, errors that end none of them, and one worker that leads."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.core.management import get_commands
from django.core.management.base import CommandError
from django.db import OperationalError
from redis import ConnectionError as RedisConnectionError

from onepiece_market import schedule
from onepiece_market.schedule import Job, Schedule, jobs
from tests.clients import connect
from tests.market import rule
from tests.test_worker import until

pytestmark = pytest.mark.django_db(transaction=True)
Turn = Callable[[], None]
LEADERS = (
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objid = hashtext('schedule')::oid"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


@contextmanager
def running(monkeypatch: pytest.MonkeyPatch, turns: dict[Job, Turn]) -> Iterator[threading.Event]:
    """Run jobs whose turns are these functions; lend what ends them."""
    by_name = {job.command: turn for job, turn in turns.items()}
    monkeypatch.setattr(schedule, "call_command", lambda name, **_: by_name[name]())
    monkeypatch.setattr(schedule, "LOOK", 0.02)
    ended = threading.Event()
    scheduled = Schedule(tuple(turns), ended)
    scheduled.start()
    try:
        yield ended
    finally:
        ended.set()
        scheduled.join()


def counting(turns: list[str], name: str, work: Turn = lambda: None) -> Turn:
    """Return a turn that notes itself, then works."""

    def turn() -> None:
        turns.append(name)
        work()

    return turn


def test_every_job_is_a_command_that_cron_could_run() -> None:
    names = [job.command.split()[0] for job in jobs(60)]
    assert {*names} <= {*get_commands()}
    assert len({*names}) == len(names)
    assert {job.after for job in jobs(60)} - {""} <= {*names}
    assert (jobs(60)[0].seconds, jobs(10)[0].seconds) == (60, 10)


@pytest.mark.parametrize(
    "error",
    [
        OperationalError("gone"), RedisConnectionError("gone"), CommandError("gone"), ZeroDivisionError("gone"),
        SystemExit("gone"), RecursionError("gone"), MemoryError("gone"),
    ],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_an_error_of_any_kind_is_logged_and_the_job_has_its_next_turn(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    turns: list[str] = []

    def fail() -> None:
        raise error

    with running(monkeypatch, {Job("tick_market", 0.01): counting(turns, "tick", fail)}):
        until(lambda: len(turns) >= 3)
    assert "tick_market" in caplog.text
    assert "gone" in caplog.text


def test_what_has_failed_is_tried_again_sooner_than_a_day_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control has not failed: its next turn is an hour away."""
    turns: list[str] = []
    monkeypatch.setattr(schedule, "RETRY", 0.01)

    def fail() -> None:
        raise OperationalError

    with running(monkeypatch, {Job("a", 3600): counting(turns, "a", fail), Job("b", 3600): counting(turns, "b")}):
        until(lambda: turns.count("a") >= 3 and "b" in turns)
    assert turns.count("b") == 1


def test_a_job_that_takes_long_delays_no_other_but_what_comes_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    turns: list[str] = []
    let_go = threading.Event()
    table = {
        Job("slow", 0.01): counting(turns, "slow", lambda: let_go.wait(10) and None),
        Job("quick", 0.01): counting(turns, "quick"),
        Job("after", 0.01, after="slow"): counting(turns, "after"),
    }
    with running(monkeypatch, table):
        until(lambda: turns.count("quick") >= 5)
        assert (turns.count("slow"), turns.count("after")) == (1, 0)  # the control: whoever waits for it has no turn
        let_go.set()
        until(lambda: "after" in turns)


def test_what_comes_after_another_has_at_most_one_turn_for_each_of_its(monkeypatch: pytest.MonkeyPatch) -> None:
    turns: list[str] = []

    def fail() -> None:
        raise CommandError("it comes after those that fail, too")

    table = {Job("tick", 0.05): counting(turns, "tick", fail), Job("after", 0, after="tick"): counting(turns, "after")}
    with running(monkeypatch, table):
        until(lambda: turns.count("after") >= 4)
    so_far = [turns[: number + 1] for number in range(len(turns))]
    assert all(some.count("after") <= some.count("tick") for some in so_far)


@pytest.mark.parametrize("rest", [0, 20])
def test_a_check_that_takes_long_pauses_many_times_as_long(monkeypatch: pytest.MonkeyPatch, rest: int) -> None:
    begun: list[float] = []

    def check() -> None:
        begun.append(schedule.time.monotonic())
        threading.Event().wait(0.05)

    with running(monkeypatch, {Job("check", 0.06, rest=rest): check}):
        until(lambda: len(begun) == 2)
    assert (begun[1] - begun[0] >= 20 * 0.05) is bool(rest)


def test_nothing_runs_while_another_leads_and_it_takes_over(monkeypatch: pytest.MonkeyPatch) -> None:
    turns: list[str] = []
    asked = "SELECT max(query_start) FROM pg_stat_activity WHERE query LIKE '%pg_try_advisory_lock%' AND state = 'idle'"
    with connect("owner") as other:
        other.execute("SELECT pg_advisory_lock(hashtext('schedule'))")
        with running(monkeypatch, {Job("tick", 0.01): counting(turns, "tick")}):
            until(lambda: rule(asked) != [(None,)])
            [(before,)] = rule(asked)
            until(lambda: (rule(asked)[0][0] or before) > before)
            assert turns == []
            other.execute("SELECT pg_advisory_unlock(hashtext('schedule'))")
            until(lambda: len(turns) >= 2)
    until(lambda: rule(LEADERS) == [(0,)])


def test_who_has_lost_the_connection_no_longer_leads_until_it_is_given_the_lock_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    turns: list[str] = []
    cut = f"SELECT count(pg_terminate_backend(pid)) FROM ({LEADERS.replace('count(*)', 'pid')}) l"
    with running(monkeypatch, {Job("tick", 0.01): counting(turns, "tick")}):
        until(lambda: "tick" in turns)
        assert rule(cut) == [(1,)]
        until(lambda: "The schedule waits" in caplog.text)
        before = len(turns)
        until(lambda: len(turns) >= before + 3)
        assert rule(LEADERS) == [(1,)]
