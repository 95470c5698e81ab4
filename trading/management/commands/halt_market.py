"""`manage.py halt_market`: nobody trades until staff open the market."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from trading.halts import halt

LONGEST = 200  # characters, as market_rules.halt_reason


class Command(BaseCommand):
    """Refuse every trade. Ticks go on: prices follow what was traded before."""

    help = "Halt the whole market, and say why."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the reason."""
        parser.add_argument("reason", help="what staff will read, such as 'restoring a backup'")

    def handle(self, *args: Any, **options: Any) -> None:
        """Halt. Raises CommandError for a reason that is none."""
        reason = options["reason"].strip()
        if not 0 < len(reason) <= LONGEST or "\0" in reason:
            raise CommandError(f"Give a reason of 1 to {LONGEST} characters. Nothing was changed.")
        before = halt(reason)
        also = f" It was halted already: {before.reason or 'nobody said why'}." if before.is_halted else ""
        self.stdout.write(f"The market is halted: {reason}.{also}")
