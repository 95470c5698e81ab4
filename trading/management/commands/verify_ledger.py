"""`manage.py verify_ledger`: prove that every berry is accounted for, and every vote."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from trading.audit import count_entries, mismatches, named, vote_mismatches
from trading.halts import halt_if_open, state

SHOWN = 20


class Command(BaseCommand):
    """Compare balances and positions with what the ledger adds up to, and demand with what is held."""

    help = "Exit 0 if every balance, position and vote follows from the ledger, else list what does not and exit 1."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take what to do about a mismatch."""
        parser.add_argument("--halt", action="store_true", help="halt the market on a mismatch over which staff did not open it")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print each mismatch. Raises CommandError if there is one."""
        started = time.perf_counter()
        ledger, votes = mismatches(), vote_mismatches()
        for row in ledger[:SHOWN]:
            self.stderr.write(f"user {row.user_id}, {row.what}: the ledger says {row.expected}, found {row.found}")
        for off in votes[:SHOWN]:
            self.stderr.write(
                f"character {off.character_id}: what is held weighs {off.expected} micro-votes, demand is {off.found}"
            )
        if ledger or votes:
            then = _halt(named(ledger, votes)) if options["halt"] else "Halt the market, then see rebuild_projections."
            raise CommandError(f"{len(ledger) + len(votes)} mismatches. {then}")
        ms = (time.perf_counter() - started) * 1000
        self.stdout.write(f"The ledger is clean: {count_entries():,} entries, 0 mismatches, {ms:.0f} ms")


def _halt(what: str) -> str:
    """Halt the market unless staff opened it over just this; return what to say."""
    before = state()
    if before == (False, what):
        return f"Staff opened the market over them ({what})."
    if halt_if_open(what):
        return f"The market is halted ({what}). See rebuild_projections --apply, then open_market."
    return f"The market is halted already ({before.reason})."
