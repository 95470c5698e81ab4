"""`manage.py verify_ticks`: replay a day's ticks from the log."""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, date, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from trading.audit import replay

SHOWN = 50


def day(text: str) -> date:
    """Return a day. Raises ArgumentTypeError."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a day such as 2026-11-22") from None


class Command(BaseCommand):
    """Compute the prices of a day once more, from the votes that its ticks consumed."""

    help = "Exit 0 if the log of a day's ticks gives the prices that were published, else list what does not and exit 1."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the day, in UTC."""
        parser.add_argument("--day", type=day, metavar="D", help="such as 2026-11-22, in UTC; today if not given")

    def handle(self, *args: Any, **options: Any) -> None:
        """Replay. Raises CommandError if a price does not follow."""
        that_day = options["day"] or datetime.now(UTC).date()
        prices, wrong = replay(that_day)
        for row in wrong[:SHOWN]:
            where = f"character {row.character_id} at {row.ticked_at.isoformat()}"
            self.stderr.write(f"{where}: by the log {row.what} is {row.expected}, published was {row.found}")
        if wrong:
            raise CommandError(f"{len(wrong)} mismatches in {prices:,} published prices of {that_day}.")
        self.stdout.write(f"{that_day}: {prices:,} published prices replayed, all follow from the log")
