"""Whose votes count, decided anew: accounts grow old enough, and rules change. Runs as market_owner."""

from collections.abc import Iterator

from django.db import connections
from django.utils import timezone

import sql

DB = "owner"


def count_votes() -> Iterator[int]:
    """Decide about every account that counts or not other than by the rules of this moment, each in a transaction of its own.

    In order of their ids, so that two at once do no harm. Yield how many a batch of at most 1,000 had.
    """
    last = 0
    while due := _due(last):
        last = due[-1]
        with connections[DB].cursor() as cursor:
            for user_id in due:
                cursor.execute("SELECT count_account_at(%s, clock_timestamp())", [user_id])
        yield len(due)


def _due(after: int) -> list[int]:
    with connections[DB].cursor() as cursor:
        cursor.execute(sql.read_probe("votes_due"), {"now": timezone.now(), "after": after})
        return [user_id for (user_id,) in cursor.fetchall()]
