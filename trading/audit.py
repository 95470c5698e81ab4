"""Proving the ledger, and rebuilding from it what it adds up to. Everything here runs as market_owner."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.db import connections, transaction

import sql
from trading.models import LedgerEntry, MarketRules

DB = "owner"


class Mismatch(NamedTuple):
    """A balance or position that is not what the ledger adds up to."""

    user_id: int
    what: str
    expected: Decimal | None
    found: Decimal | None


class Difference(NamedTuple):
    """A balance or position that a rebuild sees otherwise than the live tables."""

    user_id: int
    what: str
    rebuilt: str | None
    live: str | None


def mismatches() -> list[Mismatch]:
    """Return every difference between the ledger and its projections: empty when all is well. One query."""
    with connections[DB].cursor() as cursor:
        cursor.execute(sql.read_probe("ledger_mismatches"))
        return [Mismatch(*row) for row in cursor.fetchall()]


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


def apply_rebuild() -> list[Difference]:
    """Halt the market, rebuild the live tables from the whole ledger, and open it again if it was open.

    Locks accounts and holdings against every trade meanwhile. Return what was mended.
    """
    with _halted():
        _wait_for_trades_under_way()
        with transaction.atomic(using=DB), connections[DB].cursor() as cursor:
            cursor.execute("LOCK TABLE accounts, holdings IN SHARE ROW EXCLUSIVE MODE")
            mended = _rebuild(None)
            cursor.execute("SET LOCAL ROLE market_system")
            cursor.execute("SELECT apply_projections()")
            return mended


def _wait_for_trades_under_way() -> None:
    """Wait for the trades that began before the halt: each has decided by its account's row, and keeps it locked."""
    with transaction.atomic(using=DB), connections[DB].cursor() as cursor:
        cursor.execute("LOCK TABLE accounts IN EXCLUSIVE MODE")


def _rebuild(as_of: datetime | None) -> list[Difference]:
    with connections[DB].cursor() as cursor:
        cursor.execute("SELECT user_id, what, rebuilt, live FROM rebuild_projections(%s)", [as_of])
        return [Difference(*row) for row in cursor.fetchall()]


@contextmanager
def _halted() -> Iterator[None]:
    """Refuse trades while the block runs, also if the process dies in it: then staff must open the market."""
    rules = MarketRules.objects.using(DB)
    halted_here = rules.filter(is_halted=False).update(is_halted=True)
    yield
    if halted_here:
        rules.update(is_halted=False)
