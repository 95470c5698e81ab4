"""`manage.py tick_market`: publish new prices, once."""

from typing import Any

from django.core.management.base import BaseCommand

from characters.models import Character
from trading.ticking import Tick, tick

SHOWN = 50


class Command(BaseCommand):
    """Consume the votes of trades and apply due news; the worker does it every MARKET_TICK_SECONDS."""

    help = "Let prices follow what was traded and announced since the tick before, and print what moved."

    def handle(self, *args: Any, **options: Any) -> None:
        """Tick, and list who moved."""
        done = tick()
        if done is None:
            self.stdout.write("Another tick runs at this moment: nothing to do.")
            return
        for line in _moved(done):
            self.stdout.write(line)
        self.stdout.write(
            f"Tick: {done.flow_rows:,} changes of votes, {done.news:,} news of bounties, {len(done.moved):,} prices moved,"
            f" {len(done.cooled):,} characters cool down"
        )


def _moved(done: Tick) -> list[str]:
    """Return a line for each price that moved, and one for those beyond 50."""
    rows = Character.objects.using("owner").filter(pk__in=done.moved).order_by("name").values_list("name", "current_price")
    lines = [f"{name}: ฿{price:,.2f}" for name, price in rows[:SHOWN]]
    return [*lines, f"and {len(done.moved) - SHOWN:,} more"] if len(done.moved) > SHOWN else lines
