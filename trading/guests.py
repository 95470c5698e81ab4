"""Guests: traders who have not signed up. They trade like everybody, and are closed when they stay away."""

import secrets

from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, transaction

from trading.models import User

COLOURS = (
    "Amber", "Azure", "Brass", "Coral", "Crimson", "Golden", "Indigo", "Ivory", "Jade", "Lilac", "Mossy", "Ochre", "Pearl",
    "Ruby", "Saffron", "Silver", "Slate", "Teal", "Umber", "Violet",
)  # fmt: skip
ANIMALS = (
    "Crab", "Cod", "Dolphin", "Eel", "Gull", "Heron", "Lobster", "Marlin", "Narwhal", "Octopus", "Orca", "Otter", "Pelican",
    "Penguin", "Puffin", "Ray", "Seal", "Squid", "Tern", "Turtle",
)  # fmt: skip
PREFIX = "Guest-"  # no sign-up may take such a name
TRIES = 10


def guest_name() -> str:
    """Return a name such as Guest-Amber-Gull-4821: one of 3.6 million."""
    return f"{PREFIX}{secrets.choice(COLOURS)}-{secrets.choice(ANIMALS)}-{1000 + secrets.randbelow(9000)}"


def make_guest() -> User:
    """Make a guest with an ordinary account; no password fits it."""
    for _ in range(TRIES):
        try:
            with transaction.atomic():
                return User.objects.create(username=guest_name(), password=make_password(None), is_guest=True)
        except IntegrityError:  # the name is taken
            continue
    raise RuntimeError("No free name for a guest was found.")
