"""Making an account with a name, or giving one to a guest. Services: each is one transaction."""

from django.db import DEFAULT_DB_ALIAS, IntegrityError, connection, transaction
from django.http import HttpRequest

from crews.signals import rows_written
from trading.daily_limits import admit
from trading.models import User


class TakenError(Exception):
    """Somebody took the name or the e-mail address a moment ago."""


class GuestGoneError(Exception):
    """The guest account was closed meanwhile: it had not been used for a week."""


def sign_up(user: User, request: HttpRequest) -> None:
    """Save a new user, with an account. Raises TakenError, TooManyAccountsError."""
    try:
        with transaction.atomic():
            admit("signup", request)
            claim(user.username)
            user.save()
    except IntegrityError as error:
        raise TakenError from error


def keep_guest(guest: User, chosen: User) -> None:
    """Give a guest the name, password and e-mail address of `chosen`: the same user, with all that he has.

    Raises TakenError, GuestGoneError.
    """
    fields = {"username": chosen.username, "email": chosen.email, "password": chosen.password, "is_guest": False}
    try:
        with transaction.atomic():
            claim(chosen.username)
            kept = User.objects.filter(pk=guest.pk, is_guest=True, is_active=True).update(**fields)
            rows_written.send(User, ids=[guest.pk], using=DEFAULT_DB_ALIAS)
    except IntegrityError as error:
        raise TakenError from error
    if not kept:
        raise GuestGoneError
    for name, value in fields.items():
        setattr(guest, name, value)


def claim(name: str, owner: int = 0) -> None:
    """Make sure that nobody but `owner` has this name in any case, until the end of the transaction. Raises TakenError.

    Old names may differ in case only, so that no unique index can hold this: a lock on the name does.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('trading.names ' || upper(%s), 0))", [name])
    if User.objects.filter(username__iexact=name).exclude(pk=owner).exists():
        raise TakenError
