"""Why trade stands still, in words, for the pages where it would be."""

from datetime import datetime
from typing import NamedTuple

from django.utils import timezone


class Stop(NamedTuple):
    """Why nobody trades just now: a stable code, and a sentence that says what to do."""

    code: str
    message: str


NEWS = Stop(
    "awaits_news",
    "There is news of this bounty. Trade stands still until the market has taken it in, in one step for everybody, "
    "so that nobody trades on it before the others. Look again in a minute.",
)
HALTED = Stop("halted", "The staff have stopped trade in this character. Your shares stay yours. Look again later.")


def stop_of(*, halted: bool, awaits_bounty: bool, cools_until: datetime | None) -> Stop | None:
    """Return why a listed character is not traded at this moment, None if it is."""
    if halted:
        return HALTED
    if awaits_bounty:
        return NEWS
    return cooling(cools_until) if cools_until and cools_until > timezone.now() else None


def cooling(until: datetime) -> Stop:
    """Return that demand moved a price too fast, and until when nobody trades."""
    return Stop(
        "cooling",
        f"Demand has moved this price so far within a day that trade cools down until {until:%H:%M} UTC of {until:%-d %b}. "
        "Your shares stay yours. Look again then.",
    )


def market_stop(reason: str) -> Stop:
    """Return that the whole market is halted, and why."""
    because = f" {reason.strip().rstrip('.')}." if reason.strip() else ""
    return Stop(
        "market_halted",
        f"The market is halted.{because} No order is filled until it opens again; cash and shares stay as they are. "
        "Look again in a few minutes.",
    )
