"""`manage.py run_worker`: what has to be done all the time, beside the site."""

import logging
import os
import signal
import sys
import threading
from argparse import ArgumentParser
from io import StringIO
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import Error, connections
from redis import RedisError

from caching.relay import relay, see_refresh

PAUSE = 0.02  # seconds between two looks into an empty outbox: how long a write that sends no signal is not seen
TROUBLE = 0.5  # seconds between two tries while a server does not answer
EXPIRY = 3600.0  # seconds between two looks for guests who stayed away
ROUNDS = 50  # looks between two questions whether crew_analytics was refreshed
log = logging.getLogger(__name__)


class Command(BaseCommand):
    """Relay the outbox to the cache, and close unused guests, until told to end. Several share the work; one is enough."""

    help = "Tell the cache what was written past the ORM, and close unused guests every hour, until SIGTERM or Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take how to notice that whoever started this is gone."""
        parser.add_argument("--until-stdin-closes", action="store_true", help="end with the program that holds the other end")

    def handle(self, *args: Any, **options: Any) -> None:
        """Work until told to end, which happens between two batches."""
        ended = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):  # a handler that interrupts our own wait would wait for itself in set
            signal.signal(number, lambda *_: threading.Thread(target=ended.set).start())
        if options["until_stdin_closes"]:
            threading.Thread(target=_wait_for_the_end, args=(ended,), daemon=True).start()
        self.stdout.write("The worker relays what is written to the cache (Ctrl-C ends it)")
        self.stdout.flush()
        threading.Thread(target=_expire_guests, args=(ended,), daemon=True).start()
        rounds, well, seen = 0, True, None
        while not ended.is_set():
            try:
                if rounds % ROUNDS == 0:
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


def _expire_guests(ended: threading.Event) -> None:
    """Close guests who stayed away, now and every hour, in a thread of its own: the relay does not wait for it."""
    while not ended.is_set():
        try:
            call_command("expire_guests", stdout=StringIO())
        except Exception:  # whatever it is, it is no reason to close nobody ever again
            log.exception("Guests are closed an hour later")
        connections.close_all()
        ended.wait(EXPIRY)


def _wait_for_the_end(ended: threading.Event) -> None:
    """Read past sys.stdin: Python aborts when it ends while a thread still reads from that."""
    while os.read(sys.stdin.fileno(), 1024):
        pass
    ended.set()
