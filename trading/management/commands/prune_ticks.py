"""`manage.py prune_ticks`: forget ticks of long ago."""

from typing import Any

from django.core.management.base import BaseCommand

from trading.ticking import prune_ticks


class Command(BaseCommand):
    """Delete the records of ticks of more than 30 days ago; published prices are kept for good."""

    help = "Delete what market_ticks says of ticks more than 30 days ago. Prices stay."

    def handle(self, *args: Any, **options: Any) -> None:
        """Delete, and say how many."""
        self.stdout.write(f"{prune_ticks():,} ticks forgotten")
