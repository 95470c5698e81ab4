"""Cached reads: what a hit costs, who waits for a miss, how soon a write is known, and whether anything stale is read."""

from importlib import import_module

from tests.bench.market import market
from tests.drills.report import Row, under_way

PARTS = ("hits", "stampede", "windows", "stress")  # imported once there is a market


def run() -> list[Row]:
    """Make a market of its own and measure there."""
    with market():
        return [row for part in PARTS for row in _measured(part)]


def _measured(part: str) -> list[Row]:
    under_way(part)
    rows: list[Row] = import_module(f"tests.bench.{part}").rows()
    return rows
