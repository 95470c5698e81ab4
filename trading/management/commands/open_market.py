"""`manage.py open_market`: trade goes on after a halt."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from trading.audit import mismatches, named, vote_mismatches
from trading.halts import reopen


class Command(BaseCommand):
    """Open a halted market once the ledger is clean."""

    help = "Let trade go on. Refuses while verify_ledger finds mismatches."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take whether to open it over mismatches."""
        parser.add_argument(
            "--anyway", action="store_true", help="also over the mismatches there are now; the worker halts it again over others"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Open. Raises CommandError while there are mismatches."""
        ledger, votes = mismatches(), vote_mismatches()
        what = named(ledger, votes) if ledger or votes else ""
        if what and not options["anyway"]:
            raise CommandError(f"Not opened: {what}. See verify_ledger and rebuild_projections --apply, or say --anyway.")
        was_halted = reopen(what)
        self.stdout.write(f"The market is open{'' if was_halted else ' already'}{f', over {what}' if what else ''}.")
