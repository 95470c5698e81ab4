"""Accounts that trade alike: what staff look at to find rings. Runs as market_owner."""

from datetime import datetime
from typing import NamedTuple

from django.db import connections, transaction

import sql

DB = "owner"


class Pair(NamedTuple):
    """Two accounts and the moves that both made: one character, one direction, up to the same tick.

    first_trades of first_all: how many of its trades were in these moves. suspicion grows with the shared moves, with the part
    of all moves that they are, and with how few others made them.
    """

    first_id: int
    first: str
    second_id: int
    second: str
    shared: int
    first_trades: int
    second_trades: int
    first_all: int
    second_all: int
    suspicion: float


def rings(since: datetime, until: datetime) -> list[Pair]:
    """Return the pairs of accounts that traded most alike between two moments, at most 100. One query, of 30 seconds at most."""
    with transaction.atomic(using=DB), connections[DB].cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = '30s'")
        cursor.execute(sql.read_probe("rings"), {"since": since, "until": until})
        return [Pair(*row) for row in cursor.fetchall()]
