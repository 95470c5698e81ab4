"""Stopping and opening trade, for staff, so that every page knows at once. Everything here is written as market_owner."""

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.db.models import Q
from django.db.models.functions import Now

from characters.models import Listing
from characters.stops import Stop, stop_of
from crews.signals import rows_written
from trading import halts
from trading.models import MarketRules

DB = "owner"
STATE = (
    "character_id", "character__name", "character__current_price", "character__is_tradeable", "halted", "awaits_bounty",
    "cools_until",
)  # fmt: skip


class Traded(NamedTuple):
    """A listed character, and what stops trade in it."""

    id: int
    name: str
    price: Decimal
    is_tradeable: bool
    halted: bool
    awaits_bounty: bool
    cools_until: datetime | None

    @property
    def stop(self) -> Stop | None:
        """Why nobody trades it at this moment."""
        return stop_of(halted=self.halted, awaits_bounty=self.awaits_bounty, cools_until=self.cools_until)


def rules() -> MarketRules:
    """Return the market's rules. One query."""
    return MarketRules.objects.using(DB).get()


def halt_market(reason: str) -> None:
    """Refuse all orders, for a reason that every page says."""
    halts.halt(reason)
    rows_written.send(MarketRules, ids=None, using=DB)


def open_market() -> None:
    """Take orders again."""
    halts.reopen()
    rows_written.send(MarketRules, ids=None, using=DB)


def traded(pk: int) -> Traded | None:
    """Return a character's state on the market, None if it is not listed. One query."""
    row = Listing.objects.using(DB).filter(pk=pk).values_list(*STATE).first()
    return Traded(*row) if row else None


def stopped(limit: int) -> list[Traded]:
    """Return the characters in which trade stands still, by name. One query."""
    standing = Q(halted=True) | Q(awaits_bounty=True) | Q(cools_until__gt=Now())
    rows = Listing.objects.using(DB).filter(standing).order_by("character__name").values_list(*STATE)
    return [Traded(*row) for row in rows[:limit]]


def halt(pk: int) -> None:
    """Stop trade in a character until it is opened."""
    _set_listing(pk, halted=True)


def open_again(pk: int) -> None:
    """Let a character that was halted trade again."""
    _set_listing(pk, halted=False)


def lift_cooling(pk: int) -> None:
    """End a cooling now: the breaker measures anew from here (tick_market_at)."""
    _set_listing(pk, cools_until=Now())


def _set_listing(pk: int, **columns: object) -> None:
    Listing.objects.using(DB).filter(pk=pk).update(**columns)
    rows_written.send(Listing, ids=[pk], using=DB)
