"""Prices over time: where they are kept, and what they say of the last 7 days. Runs as market_owner."""

import time

from django.db import OperationalError, connections, transaction

from crews.locks import is_busy

TRIES = 50
PAUSE = 0.2  # seconds


def make_price_partitions(using: str = "owner") -> int:
    """Make the partitions of price_ticks for this month and the next; return how many were missing. 0 in a database of the past.

    Waits 100 ms at a time for whoever reads prices: those who come after us do not wait behind us.
    """
    for _ in range(TRIES - 1):
        try:
            return _make_partitions(using)
        except OperationalError as error:
            if not is_busy(error):
                raise
            time.sleep(PAUSE)
    return _make_partitions(using)


def _make_partitions(using: str) -> int:
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute("SELECT to_regproc('make_price_partitions') IS NULL")
        if cursor.fetchone()[0]:
            return 0
        cursor.execute("SET LOCAL lock_timeout = '100ms'")
        cursor.execute("SELECT make_price_partitions(now(), now())")
        return int(cursor.fetchone()[0])


def refresh_weekly_changes(using: str = "owner") -> int:
    """Recompute the change in 7 days of characters that moved lately or show one; return how many differed."""
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT refresh_weekly_changes(clock_timestamp())")
        return int(cursor.fetchone()[0])
