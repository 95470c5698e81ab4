"""How many accounts one address may make a day. PostgreSQL counts: it holds with the cache off."""

from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import connection
from django.http import HttpRequest

from trading.addresses import client_address, keyed_hash


class TooManyAccountsError(Exception):
    """An address has made its accounts of today. `code` is stable, the message says what to do."""

    code = "too_many_accounts"


def admit(kind: str, request: HttpRequest) -> None:
    """Count a new account of this kind ("guest" or "signup"). Call in the transaction that makes the user.

    Locks the count of this address until the end of the transaction. One query. Raises TooManyAccountsError.
    """
    most = {"guest": settings.MARKET_GUESTS_PER_DAY, "signup": settings.MARKET_SIGNUPS_PER_DAY}[kind]
    if not count_today(kind, client_address(request), most):
        raise TooManyAccountsError(
            "Too many accounts were made from your network today. Log in to one that you have, or come back tomorrow."
        )


def count_today(kind: str, whom: str, most: int) -> bool:
    """Count one more of a kind for this address (of the network, or of e-mail); return whether that is allowed. One query."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count_today(%s, %s, %s)", [kind, keyed_hash(whom), most])
        return bool(cursor.fetchone()[0])


def seconds_to_tomorrow() -> int:
    """Return when the counts start again, in seconds; days end at midnight UTC."""
    now = datetime.now(UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return int((midnight - now).total_seconds()) + 1
