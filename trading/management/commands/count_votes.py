"""`manage.py count_votes`: whose votes count, decided anew."""

from typing import Any

from django.core.management.base import BaseCommand

from trading.votes import count_votes


class Command(BaseCommand):
    """Let accounts that are old enough count, and those that no longer are what they were not."""

    help = "Let votes count, or no longer, as the rules say today. Run it daily; twice does no harm."

    def handle(self, *args: Any, **options: Any) -> None:
        """Decide in batches, and say how far it is."""
        total = 0
        for decided in count_votes():
            total += decided
            self.stdout.write(f"{total:,} accounts changed so far")
        self.stdout.write(f"Done: {total:,} accounts began or ceased to count.")
