"""Keeping the crews' numbers true."""

import time
from typing import NamedTuple

from django.db import connections

from crews.models import CrewAnalytics
from crews.signals import rows_written


class Refreshed(NamedTuple):
    """A refresh of crew_analytics: its rows, and how long it took in milliseconds."""

    rows: int
    ms: float


def refresh_crew_analytics(using: str = "owner") -> Refreshed:
    """Recompute crew_analytics without blocking its readers. Needs market_owner; waits for another refresh to end."""
    started = time.perf_counter()
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT refresh_crew_analytics()")
        (rows,) = cursor.fetchone()
    rows_written.send(CrewAnalytics, ids=None, using=using)
    return Refreshed(rows, (time.perf_counter() - started) * 1000)
