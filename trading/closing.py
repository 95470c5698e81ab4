"""Closing an account: positions sold, the person forgotten, the ledger kept under a number. Services."""

import json
import secrets
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from axes.models import AccessAttempt
from django.contrib.admin.models import LogEntry
from django.contrib.auth.hashers import make_password
from django.contrib.contenttypes.models import ContentType
from django.db import DEFAULT_DB_ALIAS, connection

from crews.signals import rows_written
from trading.binding import as_user
from trading.lockout import one_spelling
from trading.models import CLOSED, RecoveryCode, User, Watch


class CannotCloseError(Exception):
    """An account stays open. `code` is stable, the message says what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Closed(NamedTuple):
    """What closing did. balance: berries that stay in the books; erased: false if that was done before."""

    positions_sold: int
    balance: Decimal
    erased: bool


def close(user: User, unused_since: date | None = None) -> Closed:
    """Sell what the user holds and erase what is known of him, in one transaction; again it changes nothing.

    unused_since: only if he is a guest whose last visit was before that day. Locks the account's row, then the user's.
    Raises CannotCloseError.

    Nobody can search sessions for a user: his logins elsewhere end because the password is gone, and expire_guests drops what
    is left of them. So no message may name him.
    """
    with as_user(user):
        with connection.cursor() as cursor:
            cursor.execute("SELECT close_account(%s)::text", [user.pk])
            answer = json.loads(cursor.fetchone()[0], parse_float=Decimal)
        if not answer["success"]:
            raise CannotCloseError(answer["code"], answer["message"])
        erased = _erase(user.pk, unused_since)
        return Closed(answer["positions_sold"], Decimal(answer["balance"]), erased)


def _erase(user_id: int, unused_since: date | None) -> bool:
    """Forget the person behind a user; return whether there was one to forget. Raises CannotCloseError."""
    user = User.objects.select_for_update(no_key=True).get(pk=user_id)
    if user.username.startswith(CLOSED) and not user.is_active:  # somebody may have had such a name before there were guests
        return False
    if unused_since and not (user.is_guest and user.last_seen < unused_since):
        raise CannotCloseError("still_used", "This guest came back, or signed up, a moment ago.")
    name = f"{CLOSED}{secrets.token_hex(8)}"
    User.objects.filter(pk=user_id).update(
        username=name, first_name="", last_name="", email="", password=make_password(None), is_active=False, is_guest=False,
        last_login=None,
    )  # fmt: skip
    rows_written.send(User, ids=[user_id], using=DEFAULT_DB_ALIAS)
    Watch.objects.filter(user_id=user_id).delete()
    RecoveryCode.objects.filter(user_id=user_id).delete()
    AccessAttempt.objects.filter(username=one_spelling(user.username)).delete()
    about_him = {"content_type": ContentType.objects.get_for_model(User), "object_id": str(user_id)}
    LogEntry.objects.filter(**about_him).update(object_repr=name)
    user.groups.clear()
    user.user_permissions.clear()
    return True
