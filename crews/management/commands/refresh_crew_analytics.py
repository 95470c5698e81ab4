"""`manage.py refresh_crew_analytics`: recompute the crews' numbers, once or again and again."""

import signal
import threading
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand

from crews.services import refresh_crew_analytics


def seconds(text: str) -> float:
    """Return a pause of at least one second. Raises ArgumentTypeError."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 1 <= value <= 86_400:
        raise ArgumentTypeError(f"{text!r} is not a number of seconds from 1 to 86400")
    return value


class Command(BaseCommand):
    """REFRESH MATERIALIZED VIEW CONCURRENTLY crew_analytics; readers are never blocked."""

    help = "Recompute crew_analytics and say how many rows it has and how many ms it took."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the pause between two refreshes."""
        parser.add_argument("--every", type=seconds, metavar="SECONDS", help="go on until SIGTERM or Ctrl-C")

    def handle(self, *args: Any, **options: Any) -> None:
        """Refresh; with --every until told to end, which it does between two refreshes."""
        ended = threading.Event()
        if options["every"]:
            for number in (signal.SIGTERM, signal.SIGINT):  # a handler that interrupts our own wait would wait for itself in set
                signal.signal(number, lambda *_: threading.Thread(target=ended.set).start())
        while not ended.is_set():
            done = refresh_crew_analytics()
            self.stdout.write(f"crew_analytics: {done.rows} rows in {done.ms:.0f} ms")
            self.stdout.flush()
            if not options["every"]:
                return
            ended.wait(options["every"])
