"""Closing guests who stayed away, and dropping the sessions of closed accounts. Safe to run twice, and by two at once."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.cached_db import SessionStore
from django.contrib.sessions.models import Session
from django.db import OperationalError

from crews.locks import is_busy
from trading.closing import CannotCloseError, close
from trading.models import CLOSED, User

BATCH = 100


def close_unused_guests() -> Iterator[int]:
    """Close guests without a visit in MARKET_GUEST_DAYS whole days, each in a transaction of his own.

    Yield how many a batch closed.
    """
    unused_since = datetime.now(UTC).date() - timedelta(days=settings.MARKET_GUEST_DAYS)
    unused = User.objects.filter(is_guest=True, last_seen__lt=unused_since).order_by("pk")
    last = 0
    while batch := list(unused.filter(pk__gt=last)[:BATCH]):
        last = batch[-1].pk
        closed = 0
        for guest in batch:
            try:
                closed += close(guest, unused_since).erased
            except CannotCloseError:  # he came back; or he became staff
                continue
            except OperationalError as error:  # somebody holds his row: the next run finds him again
                if not is_busy(error):
                    raise
        yield closed


def drop_sessions_of_closed_accounts() -> int:
    """Delete what is left of logins to closed accounts; nobody could use them. Return how many."""
    dropped, last = 0, ""
    while batch := list(Session.objects.filter(session_key__gt=last).order_by("session_key")[: 10 * BATCH]):
        last = batch[-1].session_key
        users = {session.session_key: session.get_decoded().get(SESSION_KEY) for session in batch}
        found = User.objects.filter(
            pk__in={user for user in users.values() if user}, username__startswith=CLOSED, is_active=False
        )
        closed = {str(pk) for pk in found.values_list("pk", flat=True)}
        for key in [key for key, user in users.items() if user in closed]:
            SessionStore(key).delete()
            dropped += 1
    return dropped
