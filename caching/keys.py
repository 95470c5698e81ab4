"""What cached values are called, and the events that make them stale."""

import re
from collections.abc import Iterable
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from hashlib import blake2b

PLAIN = re.compile(r"[A-Za-z0-9_.-]{1,40}", re.ASCII)
EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)  # the usual one rounds to 28 digits: two amounts, one key


def key_of(prefix: str, *args: object, **kwargs: object) -> str:
    """Return the key of a read with these arguments: different arguments, or types of them, never share one.

    Raises TypeError for arguments that have no place in a key.
    """
    named = [f"{_plain(name)}={_part(value)}" for name, value in sorted(kwargs.items())]
    return ":".join([_plain(prefix), *map(_part, args), *named])


def _part(value: object) -> str:
    """Return one argument without ":" and "=". Equal amounts are one argument, however they are written."""
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case int():
            return str(value)
        case Decimal():
            return f"d{EXACT.normalize(value)}"
        case str():
            return f"'{_plain(value)}"
    raise TypeError(f"{value!r} cannot be part of a cache key.")


def _plain(text: str) -> str:
    """Return a short text of letters and digits as it is, any other hashed: what people type may hold anything."""
    return text if PLAIN.fullmatch(text) else f"~{blake2b(text.encode(errors='surrogatepass'), digest_size=16).hexdigest()}"


def any_of(kind: str) -> str:
    """Return the event of a list: some row of this kind was written."""
    return f"any {kind}"


def one_of(kind: str, pk: int) -> tuple[str, str]:
    """Return the events of one row: it was written, or so many that nobody named them."""
    return f"{kind} {pk}", f"all {kind}"


def raised_by(kind: str, ids: Iterable[int] | None) -> list[str]:
    """Return the events that a write of these rows raises; None: of more than are worth naming."""
    return [any_of(kind), *([f"all {kind}"] if ids is None else [f"{kind} {pk}" for pk in ids])]
