"""`manage.py make_price_partitions`: a place for the prices of this month and the next."""

from typing import Any

from django.core.management.base import BaseCommand

from characters.history import make_price_partitions


class Command(BaseCommand):
    """Make the partitions that ticks will need within a month. `migrate` does it, too."""

    help = "Make the partitions of price_ticks for this month and the next. Run it daily; twice does no harm."

    def handle(self, *args: Any, **options: Any) -> None:
        """Make them, and say how many were missing."""
        self.stdout.write(f"{make_price_partitions()} partitions made; ticks of this month and the next have their place")
