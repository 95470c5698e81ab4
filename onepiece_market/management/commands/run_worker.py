"""`manage.py run_worker`: what has to be done all the time, beside the site."""

import logging
import os
import signal
import sys
import threading
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import Error, connections
from redis import RedisError

from caching.relay import forget_what_a_restart_revived, relay, see_refresh
from crews.management.commands.refresh_crew_analytics import seconds
from onepiece_market.schedule import Schedule, jobs

PAUSE = 0.02  # seconds between two looks into an empty outbox: how long a write that sends no signal is not seen
TROUBLE = 0.5  # seconds between two tries while a server does not answer
ROUNDS = 50  # looks between two questions whether the cache was restarted, and whether crew_analytics was refreshed
log = logging.getLogger(__name__)


class Command(BaseCommand):
    """Relay the outbox to the cache, and let the market live, until told to end. Several share the work; one is enough."""

    help = "Tell the cache what was written past the ORM, tick, and do what else is due (schedule.py), until SIGTERM or Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the pause between ticks, and how to notice that whoever started this is gone."""
        parser.add_argument(
            "--tick-seconds", type=seconds, metavar="SECONDS", default=str(settings.MARKET_TICK_SECONDS),
            help="from one tick to the next; MARKET_TICK_SECONDS if not given",
        )  # fmt: skip
        parser.add_argument("--until-stdin-closes", action="store_true", help="end with the program that holds the other end")

    def handle(self, *args: Any, **options: Any) -> None:
        """Work until told to end, which happens between two batches and two turns of a job."""
        ended = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):  # a handler that interrupts our own wait would wait for itself in set
            signal.signal(number, lambda *_: threading.Thread(target=ended.set).start())
        if options["until_stdin_closes"]:
            threading.Thread(target=_wait_for_the_end, args=(ended,), daemon=True).start()
        self.stdout.write("The worker relays what is written to the cache (Ctrl-C ends it)")
        self.stdout.flush()
        schedule = Schedule(jobs(options["tick_seconds"]), ended)
        schedule.start()
        _relay_until(ended)
        schedule.join()


def _relay_until(ended: threading.Event) -> None:
    """Relay batch after batch, and wait for servers that are gone."""
    rounds, well, seen = 0, True, None
    while not ended.is_set():
        try:
            if rounds % ROUNDS == 0:
                forget_what_a_restart_revived()
                seen = see_refresh(seen)
            busy = bool(relay())
            rounds, well = rounds + 1, True
        except (Error, RedisError) as error:
            if well:
                log.warning("The worker waits: %s", error)
            rounds, well, busy = 0, False, False
            connections["owner"].close()
        if not busy:
            ended.wait(PAUSE if well else TROUBLE)


def _wait_for_the_end(ended: threading.Event) -> None:
    """Read past sys.stdin: Python aborts when it ends while a thread still reads from that."""
    while os.read(sys.stdin.fileno(), 1024):
        pass
    ended.set()
