"""News of bounties: what it would move, which of it waits for a tick, and taking one back."""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.models import BigIntegerField, Case, F, Func, Value, When

from characters.models import BountyEvent, Character
from crews.signals import rows_written

MOVES = "SELECT * FROM bounty_moves(%s::integer[], %s::bigint[], %s::integer[], coalesce(%s, now()))"
TOLD = Case(  # the bounty that a character has, or will have once all its news is applied
    When(
        listing__awaits_bounty=True,
        then=Func("pk", Value("infinity"), function="bounty_told", template="%(function)s(%(expressions)s::timestamptz)"),
    ),
    default=F("bounty"),
    output_field=BigIntegerField(null=True),
)


class News(NamedTuple):
    """A bounty that became known. amount: None where nobody knows any more. chapter: None to be confirmed."""

    character_id: int
    amount: int | None
    chapter: int | None = None


class Move(NamedTuple):
    """What news would move: bounty and price, now and then, in berries. The price is by the demand of the last tick."""

    character_id: int
    name: str
    bounty: int | None
    new_bounty: int | None
    price: Decimal
    new_price: Decimal

    @property
    def bounties(self) -> tuple[str, str]:
        """The bounty now and then, as a person reads it."""
        return said(self.bounty), said(self.new_bounty)

    @property
    def prices(self) -> tuple[str, str]:
        """The price now and then, as a person reads it."""
        return f"฿{self.price:,.2f}", f"฿{self.new_price:,.2f}"

    def __str__(self) -> str:
        return f"{self.name}: bounty {' → '.join(self.bounties)}, price {' → '.join(self.prices)}"


def moves(news: Iterable[News], at: datetime | None = None, using: str = DEFAULT_DB_ALIAS) -> list[Move]:
    """Return what this news would move at a moment (None: now), by name; one a character. One query, none for no news."""
    columns = [list(column) for column in zip(*news, strict=True)]
    if not columns:
        return []
    with connections[using].cursor() as cursor:
        cursor.execute(MOVES, [*columns, at])
        return [Move(*row) for row in cursor.fetchall()]


def decision(found: Iterable[Move]) -> str:
    """Return what stands for these moves when staff confirm them: another bounty is another decision, another price is not."""
    decided = [(move.character_id, move.bounty, move.new_bounty) for move in found]
    return hashlib.sha256(repr(decided).encode()).hexdigest()[:32] if decided else ""


def pending(limit: int, character_id: int | None = None) -> list[BountyEvent]:
    """Return the news that waits for a tick, of everybody or of one character, what takes effect first at the top. One query."""
    waiting = BountyEvent.objects.told().filter(applied_at=None, character__listing__awaits_bounty=True)
    if character_id is not None:
        waiting = waiting.filter(character_id=character_id)
    return list(waiting.select_related("character").defer("character__search").order_by("effective_at", "id")[:limit])


def withdraw(event: BountyEvent) -> bool:
    """Take news back before a tick has applied it; return whether it still waited. Call inside a transaction.

    Locks the character's row, which a tick must have.
    """
    Character.objects.select_for_update(no_key=True).values_list("pk").get(pk=event.character_id)
    if not BountyEvent.objects.told().filter(pk=event.pk, applied_at=None).exists():
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT withdraw_bounty(%s)", [event.pk])
    rows_written.send(Character, ids=[event.character_id], using=DEFAULT_DB_ALIAS)
    return True


def said(bounty: int | None) -> str:
    """Return a bounty as a person reads it."""
    return "unknown" if bounty is None else f"฿{bounty:,}"
