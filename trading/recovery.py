"""One-time recovery codes: a new password for who has forgotten the old one and gave no e-mail address. Services.

A code has 80 random bits, too many to guess even for who has stolen its hash. So a keyed SHA-256 is enough, and looking one up
costs nothing; ten argon2 hashes, made for passwords that can be guessed, would cost half a second an attempt.
"""

import secrets

from django.contrib.auth.hashers import make_password
from django.db.models.functions import Now
from django.utils.crypto import salted_hmac

from trading.binding import as_user
from trading.models import RecoveryCode, User

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's 32: five bits each, none mistaken for another
SPELLINGS = str.maketrans("oil", "011", " -")  # and what people leave away or add
CODES = 10
LENGTH = 16
NOBODY = User(pk=0)


def make_codes(user: User) -> list[str]:
    """Return ten new codes; every older one is void. They are kept as hashes: nobody can show them again.

    Locks the user's row: of two calls at once the later one's codes hold.
    """
    codes = ["-".join(_letters(4) for _ in range(LENGTH // 4)) for _ in range(CODES)]
    with as_user(user):
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        RecoveryCode.objects.filter(user_id=user.pk).delete()
        RecoveryCode.objects.bulk_create(RecoveryCode(user_id=user.pk, code_hash=_hash(user.pk, code)) for code in codes)
    return codes


def codes_left(user: User) -> int:
    """Return how many codes are not used up."""
    with as_user(user):
        return RecoveryCode.objects.filter(user_id=user.pk, used_at=None).count()


def recover(name: str, code: str, password: str) -> User | None:
    """Set the password of this user if the code is one of his, and use the code up; return him, or None.

    The work is the same whether there is such a user, and a code works once however many use it at the same time.
    """
    hashed = make_password(password)
    try:
        user = User.objects.get_by_natural_key(name)
    except User.DoesNotExist:
        user = NOBODY
    with as_user(user):
        list(User.objects.select_for_update(no_key=True).filter(pk=user.pk))  # before the codes, as closing does: no deadlock
        unused = RecoveryCode.objects.filter(user_id=user.pk, code_hash=_hash(user.pk, code), used_at=None)
        if not (unused.update(used_at=Now()) and User.objects.filter(pk=user.pk, is_active=True).update(password=hashed)):
            return None
    user.password = hashed
    return user


def _letters(count: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(count))


def _hash(user_id: int, code: str) -> str:
    """Return what is kept of a code, however it is written: in capitals, with or without its hyphens."""
    letters = code.lower().translate(SPELLINGS)
    return salted_hmac("trading.recovery", f"{user_id} {letters}", algorithm="sha256").hexdigest()
