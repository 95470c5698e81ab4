"""Saving a new password, and nothing else of the user."""

from trading.models import User


def store_password(user: User) -> bool:
    """Write the password that was set on the user; return whether the account is still open to take it.

    A whole save() would write back what an account that is closed meanwhile has just forgotten.
    """
    return bool(User.objects.filter(pk=user.pk, is_active=True).update(password=user.password))
