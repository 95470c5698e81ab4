"""What a drill reports."""

import sys
from typing import NamedTuple


class Row(NamedTuple):
    """One measurement and its bar: the most that is allowed, or the least."""

    what: str
    measured: float
    bar: float
    unit: str
    samples: list[float]
    at_least: bool = False

    @property
    def holds(self) -> bool:
        """Whether the bar is met."""
        return self.measured >= self.bar if self.at_least else self.measured <= self.bar


def under_way(what: str) -> None:
    """Say what is done now: a run takes minutes, and its table comes at the end."""
    print(f"     {what} …", file=sys.stderr, flush=True)
