"""Proving ledger, votes and prices, and rebuilding from the ledger what it adds up to. Everything here runs as market_owner."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import NamedTuple

from django.db import connections, transaction

import sql
from characters.models import PriceTick
from trading.halts import halted
from trading.models import LedgerEntry

DB = "owner"
MEND = """
INSERT INTO order_flow (user_id, trade_id, character_id, votes, created_at)
VALUES (0, gen_random_uuid(), %s, %s, clock_timestamp())
"""  # as nobody's: the next tick consumes it as any other


class Mismatch(NamedTuple):
    """A balance or position that is not what the ledger adds up to."""

    user_id: int
    what: str
    expected: Decimal | None
    found: Decimal | None


class VoteMismatch(NamedTuple):
    """Demand that is not what counted accounts hold, in micro-votes."""

    character_id: int
    expected: int
    found: int


class TickMismatch(NamedTuple):
    """A published price that does not follow from the log. what: demand, or price."""

    character_id: int
    ticked_at: datetime
    what: str
    expected: Decimal
    found: Decimal


class Replayed(NamedTuple):
    """A day of the log, replayed: how many prices were published, and which do not follow."""

    prices: int
    mismatches: list[TickMismatch]


class Difference(NamedTuple):
    """A balance or position that a rebuild sees otherwise than the live tables."""

    user_id: int
    what: str
    rebuilt: str | None
    live: str | None


class Mended(NamedTuple):
    """What a rebuild changed: balances and positions, and the characters whose demand had to follow."""

    differences: list[Difference]
    votes: int


def mismatches() -> list[Mismatch]:
    """Return every difference between the ledger and its projections: empty when all is well. One query."""
    with connections[DB].cursor() as cursor:
        cursor.execute(sql.read_probe("ledger_mismatches"))
        return [Mismatch(*row) for row in cursor.fetchall()]


def vote_mismatches() -> list[VoteMismatch]:
    """Return every character whose demand differs from what is held: none when all is well. One query."""
    with connections[DB].cursor() as cursor:
        cursor.execute(sql.read_probe("vote_mismatches"))
        return [VoteMismatch(*row) for row in cursor.fetchall()]


def named(ledger: list[Mismatch], votes: list[VoteMismatch]) -> str:
    """Return a name for these mismatches, the same as long as they are the same: trades go on beside one and do not change it."""
    by_how_much = [*((m.user_id, m.what, (m.found or 0) - (m.expected or 0)) for m in ledger)]
    by_how_much += [(v.character_id, "votes", Decimal(v.found - v.expected)) for v in votes]
    return f"ledger mismatch {sha256(repr(by_how_much).encode()).hexdigest()[:8]}: {len(by_how_much)} differences"


def replay(day: date) -> Replayed:
    """Replay the ticks of one day (UTC) from the log. Two queries in one snapshot."""
    begin = datetime.combine(day, time(), UTC)
    end = begin + timedelta(days=1)
    with transaction.atomic(using=DB), connections[DB].cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        prices = PriceTick.objects.using(DB).filter(ticked_at__gte=begin, ticked_at__lt=end).count()
        cursor.execute(sql.read_probe("tick_mismatches"), {"from": begin, "to": end})
        return Replayed(prices, [TickMismatch(*row) for row in cursor.fetchall()])


def count_entries() -> int:
    """Return how many entries the ledger has."""
    return LedgerEntry.objects.using(DB).count()


def rebuild(as_of: datetime | None = None) -> list[Difference]:
    """Replay the ledger into the scratch schema `rebuilt`, and return where the live tables differ from it.

    One snapshot: a trade that commits meanwhile is no difference.
    """
    with transaction.atomic(using=DB), connections[DB].cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        return _rebuild(as_of)


def apply_rebuild() -> Mended:
    """Halt the market, rebuild the live tables from the whole ledger, and open it again if it was open.

    Locks accounts and holdings against every trade meanwhile. What demand differs by from what is held then goes to order_flow
    in the same transaction. Return what was mended.
    """
    with halted("balances and positions are rebuilt from the ledger"):
        _wait_for_trades_under_way()
        with transaction.atomic(using=DB), connections[DB].cursor() as cursor:
            cursor.execute("LOCK TABLE accounts, holdings IN SHARE ROW EXCLUSIVE MODE")
            mended = _rebuild(None)
            cursor.execute("SET LOCAL ROLE market_system")
            cursor.execute("SELECT apply_projections()")
            votes = vote_mismatches()
            cursor.executemany(MEND, [(row.character_id, row.expected - row.found) for row in votes])
            return Mended(mended, len(votes))


def _wait_for_trades_under_way() -> None:
    """Wait for the trades that began before the halt: each has decided by its account's row, and keeps it locked."""
    with transaction.atomic(using=DB), connections[DB].cursor() as cursor:
        cursor.execute("LOCK TABLE accounts IN EXCLUSIVE MODE")


def _rebuild(as_of: datetime | None) -> list[Difference]:
    with connections[DB].cursor() as cursor:
        cursor.execute("SELECT user_id, what, rebuilt, live FROM rebuild_projections(%s)", [as_of])
        return [Difference(*row) for row in cursor.fetchall()]
