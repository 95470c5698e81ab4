"""`manage.py simulate_trading`: a past for a new market, made by traders who are marked as simulated."""

import secrets
import time
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from trading.simulation import SimulationError, free_past, simulate


def whole(most: int) -> Callable[[str], int]:
    """Return what reads a whole number from 1 to this one. It raises ArgumentTypeError."""

    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and 1 <= int(text) <= most):
            raise ArgumentTypeError(f"{text!r} is not a whole number from 1 to {most:,}")
        return int(text)

    return read


class Command(BaseCommand):
    """Live through the last days, hour by hour, with traders who are marked wherever they are shown."""

    help = "Make a believable past for a market: hourly ticks, trades of simulated traders, up to the last full hour."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take how many trade for how long, and the seed of their dice."""
        parser.add_argument("--traders", type=whole(10_000), default=200, help="how many (200)")
        parser.add_argument("--days", type=whole(365), default=30, help="for how long (30)")
        parser.add_argument("--seed", type=whole(2**31), help="the same seed in the same market makes the same trades")

    def handle(self, *args: Any, **options: Any) -> None:
        """Simulate, saying how far it is. Raises CommandError."""
        seed = options["seed"] or secrets.randbelow(2**31) + 1
        try:
            self._simulate(options["traders"], options["days"], seed)
        except SimulationError as error:
            raise CommandError(str(error)) from error

    def _simulate(self, traders: int, days: int, seed: int) -> None:
        started, past = time.monotonic(), free_past(days, datetime.now(UTC))
        if past.after:
            self.stdout.write(
                f"The market has moved until {past.after:%Y-%m-%d %H:%M} UTC, and that is not rewritten:"
                f" {past.hours} hours are simulated instead of {days} days."
            )
        trades = cooled = 0
        for day in simulate(traders, past, seed):
            trades, cooled = trades + day.trades, cooled + day.cooled
            self.stdout.write(f"  until {day.ends:%Y-%m-%d %H:%M}: {day.trades:,} trades, {day.moved:,} new prices")
        self.stdout.write(
            f"{past.hours} hours of trading by {traders:,} simulated traders: {trades:,} trades, {cooled} halts by the"
            f" circuit breaker, {time.monotonic() - started:.0f} s. Seed {seed} makes the same again."
        )
