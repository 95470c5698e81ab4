"""`manage.py rebuild_projections`: what balances and positions follow from the ledger, now or at a moment."""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from trading.audit import apply_rebuild, rebuild

SHOWN = 50


def moment(text: str) -> datetime:
    """Return a moment with a time zone (UTC if none is given). Raises ArgumentTypeError."""
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a moment such as 2026-11-22T16:48:00+00:00") from None
    return value if value.tzinfo else timezone.make_aware(value)


class Command(BaseCommand):
    """Replay the ledger into the schema `rebuilt` and print where the live tables differ."""

    help = "Replay the ledger into the scratch schema `rebuilt` and print the differences to the live tables."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take a moment in the past, or the will to mend the live tables."""
        parser.add_argument("--as-of", type=moment, metavar="T", help="replay only what had happened by then")
        parser.add_argument("--apply", action="store_true", help="halt the market and make the live tables what the ledger says")

    def handle(self, *args: Any, **options: Any) -> None:
        """Rebuild, print, and mend if asked to."""
        if options["apply"] and options["as_of"]:
            raise CommandError("--apply rebuilds to now; leave --as-of away. Nothing was changed.")
        found, votes = apply_rebuild() if options["apply"] else (rebuild(options["as_of"]), 0)
        then = "then" if options["as_of"] else "rebuilt"
        for row in found[:SHOWN]:
            self.stdout.write(f"user {row.user_id}, {row.what}: {then} {row.rebuilt}, live {row.live}")
        if len(found) > SHOWN:
            self.stdout.write(f"and {len(found) - SHOWN} more")
        if votes:
            self.stdout.write(f"demand for {votes} characters follows from what is held again, with the next tick")
        self.stdout.write(f"{len(found)} differences{', mended' if options['apply'] and found else ''}; see schema rebuilt")
