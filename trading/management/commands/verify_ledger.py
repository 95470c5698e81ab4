"""`manage.py verify_ledger`: prove that every berry is accounted for."""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from trading.audit import count_entries, mismatches

SHOWN = 20


class Command(BaseCommand):
    """Compare balances and positions with what the ledger adds up to."""

    help = "Exit 0 if every balance and position follows from the ledger, else list what does not and exit 1."

    def handle(self, *args: Any, **options: Any) -> None:
        """Print each mismatch. Raises CommandError if there is one."""
        started = time.perf_counter()
        found = mismatches()
        for row in found[:SHOWN]:
            self.stderr.write(f"user {row.user_id}, {row.what}: the ledger says {row.expected}, found {row.found}")
        if found:
            raise CommandError(f"{len(found)} mismatches. Halt the market, then see rebuild_projections.")
        ms = (time.perf_counter() - started) * 1000
        self.stdout.write(f"The ledger is clean: {count_entries():,} entries, 0 mismatches, {ms:.0f} ms")
