"""`manage.py refresh_weekly_changes`: the change in 7 days of characters whose price stands still."""

from typing import Any

from django.core.management.base import BaseCommand

from characters.history import refresh_weekly_changes


class Command(BaseCommand):
    """Recompute what a tick does not: it looks at those whose price it moves."""

    help = "Recompute the change in 7 days where a price has stood still. Run it hourly."

    def handle(self, *args: Any, **options: Any) -> None:
        """Recompute, and say how many differed."""
        self.stdout.write(f"{refresh_weekly_changes():,} changes in 7 days were not up to date")
