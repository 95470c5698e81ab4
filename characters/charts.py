"""Lines over the chapters of the story, drawn on the server: what a bounty was, and when that changed."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from characters.bounties import Bounty

WIDTH, HEIGHT = 1000, 240  # units of the drawing; the page stretches it
AHEAD = 0.08  # the last value goes on for this share of the width: it still holds
HEADROOM = 0.94


class Step(NamedTuple):
    """A value that holds from this chapter on, and where it is drawn."""

    chapter: int
    amount: int
    x: float
    y: float


class Line(NamedTuple):
    """One character's steps. `path` is the d of an SVG path; empty without a dated bounty."""

    steps: list[Step]
    path: str

    @property
    def area(self) -> str:
        """The d of the area below the line."""
        return f"{self.path}V{HEIGHT}H{self.steps[0].x}Z" if self.steps else ""


class Chart(NamedTuple):
    """Lines on common axes: from the first to the last chapter, from 0 to the highest amount."""

    lines: list[Line]
    first: int
    last: int
    highest: int


def bounty_chart(histories: Sequence[Iterable[Bounty]]) -> Chart | None:
    """Return the chart of these histories, one line each; None if nobody has a dated bounty above 0."""
    dated = [_dated(history) for history in histories]
    every = [step for steps in dated for step in steps]
    highest = max((amount for _, amount in every), default=0)
    if not highest:
        return None
    first, last = min(chapter for chapter, _ in every), max(chapter for chapter, _ in every)
    return Chart([_line(steps, first, last, highest) for steps in dated], first, last, highest)


def _dated(history: Iterable[Bounty]) -> list[tuple[int, int]]:
    """Return chapter and amount of what has both, by chapter; the latest news of a chapter counts."""
    known = {b.chapter: b.amount for b in sorted(history, key=lambda b: b.when) if b.chapter and b.amount is not None}
    return sorted(known.items())


def _line(dated: list[tuple[int, int]], first: int, last: int, highest: int) -> Line:
    scale = WIDTH * (1 - 2 * AHEAD) / max(last - first, 1)
    steps = [
        Step(
            chapter,
            amount,
            round(WIDTH * AHEAD + (chapter - first) * scale, 1),
            round(HEIGHT * (1 - amount / highest * HEADROOM), 1),
        )
        for chapter, amount in dated
    ]
    if not steps:
        return Line([], "")
    path = f"M{steps[0].x} {steps[0].y}" + "".join(f"H{step.x}V{step.y}" for step in steps[1:])
    return Line(steps, f"{path}H{WIDTH}")
