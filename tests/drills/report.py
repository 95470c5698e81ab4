"""What a drill reports."""

from typing import NamedTuple


class Row(NamedTuple):
    """One measurement and its bar: the most that is allowed."""

    what: str
    measured: float
    bar: float
    unit: str
    samples: list[float]

    @property
    def holds(self) -> bool:
        """Whether the bar is met."""
        return self.measured <= self.bar
