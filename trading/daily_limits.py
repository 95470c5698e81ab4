"""How many accounts one address may make a day. PostgreSQL counts: it holds with the cache off."""

from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import connection
from django.http import HttpRequest

from trading.addresses import client_address, keyed_hash

FORMS = 10  # sign-up forms for each account that may be made: people mistype


class TooManyAccountsError(Exception):
    """An address has made its accounts of today. `code` is stable, the message says what to do."""

    code = "too_many_accounts"


class TooManyFormsError(TooManyAccountsError):
    """An address has sent its sign-up forms of today: as long as it may, it can find out which e-mail addresses are known."""

    code = "too_many_forms"


def admit(kind: str, request: HttpRequest) -> None:
    """Count a new account of this kind ("guest" or "signup"). Call in the transaction that makes the user.

    Locks the count of this address until the end of the transaction. One query. Raises TooManyAccountsError.
    """
    most = {"guest": settings.MARKET_GUESTS_PER_DAY, "signup": settings.MARKET_SIGNUPS_PER_DAY}[kind]
    if not count_today(kind, client_address(request), most):
        raise TooManyAccountsError(
            "Too many accounts were made from your network today. Log in to one that you have, or come back tomorrow."
        )


def admit_form(request: HttpRequest) -> None:
    """Count a sign-up form, right or wrong, before anything is said about it. One query. Raises TooManyFormsError."""
    most = FORMS * max(1, settings.MARKET_SIGNUPS_PER_DAY)  # closed to new accounts, it still lets guests keep theirs
    if not count_today("form", client_address(request), most):
        raise TooManyFormsError(
            "Too many sign-up forms were sent from your network today. Log in to an account that you have, or come back tomorrow."
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
