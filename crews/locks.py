"""Telling rows that somebody else holds from any other failure of the database."""

from django.db import OperationalError

BUSY = ("55P03", "57014", "40P01")  # lock not available, query canceled, deadlock detected


def is_busy(error: BaseException) -> bool:
    """Return whether the statement waited too long for somebody else. Nothing of its transaction is saved; trying again helps."""
    return isinstance(error, OperationalError) and getattr(error.__cause__, "sqlstate", "") in BUSY
