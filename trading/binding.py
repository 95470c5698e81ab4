"""Bind a transaction to a user, so that row-level security shows it his rows and no others."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib.auth.models import AbstractBaseUser
from django.db import DEFAULT_DB_ALIAS, connections, transaction


@contextmanager
def as_user(user: AbstractBaseUser, using: str = DEFAULT_DB_ALIAS) -> Iterator[None]:
    """Run the block in a transaction of its own, bound to the user. Evaluate every QuerySet inside.

    SET LOCAL ends with the transaction: behind a pooler a session setting would show the next user these rows.
    """
    user_id = int(user.pk)  # a lazy user is read here, before the transaction: his row is locked after his account, never before
    with transaction.atomic(using=using, durable=True):
        with connections[using].cursor() as cursor:
            cursor.execute(f"SET LOCAL market.user_id = '{user_id}'")
        yield
