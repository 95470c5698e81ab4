"""Taking a character off the market with a buy-back of all its shares, for staff. Runs as market_owner."""

import json
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import connections, transaction
from django.db.models import Count, Sum

from characters.models import Character
from crews.changes import bind_staff
from crews.signals import rows_written
from trading.models import Holding

DB = "owner"


class Delisting(NamedTuple):
    """What delisting a character would do: whom it pays, and how much, in berries."""

    holders: int
    shares: int
    price: Decimal

    @property
    def paid(self) -> Decimal:
        """What all holders get."""
        return self.price * self.shares

    @property
    def said(self) -> tuple[str, str, str, str]:
        """Holders, shares, price and sum, as a person reads them."""
        return f"{self.holders:,}", f"{self.shares:,}", f"฿{self.price:,.2f}", f"฿{self.paid:,.2f}"


class Delisted(NamedTuple):
    """What delist_character answered. paid: in berries."""

    success: bool
    code: str
    message: str
    positions: int
    shares: int
    paid: Decimal


def delisting(character: Character) -> Delisting:
    """Return what delisting this character would do at its present price. One query, past row-level security."""
    held = Holding.objects.using(DB).filter(character_id=character.pk)
    found = held.aggregate(holders=Count("user_id"), shares=Sum("quantity", default=0))
    return Delisting(found["holders"], found["shares"], character.current_price or Decimal(0))


def delist(character: Character, price: Decimal, staff: Any) -> Delisted:
    """Buy back every share at this price and take the character off the market, in the name of a member of staff.

    Refused, with a code, where the price has moved since. Locks the character's row, then accounts: the market waits.
    """
    with transaction.atomic(using=DB), connections[DB].cursor() as cursor:
        bind_staff(staff, DB)
        cursor.execute("SET LOCAL lock_timeout = '3s'")
        cursor.execute("SELECT delist_character(%s, %s)::text", [character.pk, price])
        answer = Delisted(**json.loads(cursor.fetchone()[0], parse_float=Decimal))
        rows_written.send(Character, ids=[character.pk], using=DB)
    return answer._replace(paid=Decimal(answer.paid))
