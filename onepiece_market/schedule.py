"""What the market does by itself, and when: a table of commands, run by one of the workers.

Each job has a thread of its own, so that none waits for another. Of several workers that one runs them which holds the lock;
when it dies or hangs, another takes over. Should two of them run a job at once, nothing is done twice: a job is a command that
cron could run as well, and looks after itself.
"""

import logging
import os
import threading
import time
from pathlib import Path
from typing import NamedTuple

from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import Error, connections
from redis import RedisError

LOOK = 1.0  # seconds between two questions whether we lead
RETRY = 60.0  # seconds until what has failed is tried again, if its next turn is later
PATIENCE = 5.0  # seconds that a turn under way is waited for at the end
# The session holds the lock, and is given it again as often as it asks. A worker that no longer asks has lost it.
LEAD = "SELECT set_config('idle_session_timeout', '5s', false), pg_try_advisory_lock(hashtext('schedule'))"
log = logging.getLogger(__name__)


class Job(NamedTuple):
    """A command, and the seconds from one of its turns to the next.

    after: its turn comes when a turn of this one has ended; rest: it pauses so many times as long as its turn took, at least.
    """

    command: str
    seconds: float
    after: str = ""
    rest: int = 0


def jobs(tick_seconds: float) -> tuple[Job, ...]:
    """Return all that the market does by itself."""
    return (
        Job("tick_market", tick_seconds),
        Job("warm_cache", 1, after="tick_market"),
        Job("refresh_crew_analytics", 60, after="tick_market"),
        Job("verify_ledger --halt", 60, rest=20),
        Job("refresh_weekly_changes", 3600),
        Job("expire_guests", 3600),
        Job("count_votes", 86_400),
        Job("make_price_partitions", 86_400),
        Job("prune_ticks", 86_400),
    )


class Schedule:
    """Runs jobs while this worker leads, until it is told to end."""

    def __init__(self, jobs: tuple[Job, ...], ended: threading.Event) -> None:
        self._jobs, self._ended = jobs, ended
        self._leads = threading.Event()
        self._due = {job: threading.Event() for job in jobs}
        self._threads = [threading.Thread(target=self._lead, daemon=True)]
        self._threads += [threading.Thread(target=self._work, args=(job,), daemon=True) for job in jobs]

    def start(self) -> None:
        """Begin; each job has its first turn as soon as we lead, and what comes after another when that has ended."""
        for job in self._jobs:
            if not job.after:
                self._due[job].set()
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """Wait for the turns under way, a few seconds at most: what is not committed then has not happened."""
        until = time.monotonic() + PATIENCE
        for waited_for in (self._leads, *self._due.values()):
            waited_for.set()
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _lead(self) -> None:
        """Ask again and again for the lock, also while we have it: a connection that was cut has lost it."""
        while not self._ended.is_set():
            if self._is_leader():
                self._leads.set()
            else:
                self._leads.clear()
            self._ended.wait(LOOK)
        connections.close_all()

    def _is_leader(self) -> bool:
        try:
            with connections["owner"].cursor() as cursor:
                cursor.execute(LEAD)
                return bool(cursor.fetchone()[1])
        except Exception as error:  # whatever it is: nobody would lead if this thread ended
            if self._leads.is_set():
                log.warning("The schedule waits: %s", error)
            connections.close_all()
            return False

    def _work(self, job: Job) -> None:
        while not self._ended.is_set():
            if not (self._leads.wait(LOOK) and self._due[job].wait(LOOK)):
                continue
            if self._ended.is_set():
                return
            if job.after:
                self._due[job].clear()
            started = time.monotonic()
            well = run(job)
            took = time.monotonic() - started
            for other in self._jobs:
                if other.after == job.command:
                    self._due[other].set()
            pause = job.seconds if well else min(job.seconds, RETRY)
            self._ended.wait(max(pause - took, job.rest * took))


def run(job: Job) -> bool:
    """Run a job's command; log any error, and return whether there was none."""
    try:
        with Path(os.devnull).open("w") as nowhere:
            call_command(*job.command.split(), stdout=nowhere, stderr=nowhere)
    except CommandError as error:
        log.error("%s: %s", job.command, error)
    except (Error, RedisError) as error:
        log.warning("%s is tried again: %s", job.command, error)
    except (Exception, SystemExit):
        log.exception("%s is tried again", job.command)
    else:
        return True
    finally:
        connections.close_all()
    return False
