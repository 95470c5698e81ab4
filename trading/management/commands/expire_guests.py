"""`manage.py expire_guests`: close the accounts of guests who stayed away."""

from typing import Any

from django.core.management.base import BaseCommand

from trading.expiry import close_unused_guests, drop_sessions_of_closed_accounts


class Command(BaseCommand):
    """Close guests without a visit for a week, exactly as an account is deleted."""

    help = "Close guests without a visit for a week: positions sold, the person forgotten. Run it daily; twice does no harm."

    def handle(self, *args: Any, **options: Any) -> None:
        """Close them in batches, and say how far it is."""
        total = 0
        for closed in close_unused_guests():
            total += closed
            self.stdout.write(f"{total:,} guests closed so far")
        dropped = drop_sessions_of_closed_accounts()
        self.stdout.write(f"Done: {total:,} guests closed, {dropped:,} sessions of closed accounts dropped.")
