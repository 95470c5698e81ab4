"""Typed values as JSON and back: a hit gives what a miss gives, Decimals, dates and NamedTuples included."""

import types
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any, Union, get_args, get_origin, get_type_hints

Reviver = Callable[[Any], Any]


def plain(value: Any) -> Any:
    """Return what JSON can hold of a Decimal or a NamedTuple; orjson asks this for what it does not know. Raises TypeError."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, tuple):
        return list(value)
    raise TypeError(f"{type(value).__name__} cannot be cached.")


def reviver_of(load: Callable[..., Any]) -> Reviver:
    """Return the function from JSON to what this function says it returns. Raises TypeError for what it cannot revive."""
    return _reviver(get_type_hints(load)["return"]) or _same


def _reviver(kind: Any) -> Reviver | None:
    """Return None where JSON holds the value as it is."""
    origin, inside = get_origin(kind), get_args(kind)
    if kind in (int, float, str, bool, Any, bytes) or kind is type(None):
        return None
    if kind is Decimal:
        return Decimal
    if kind in (datetime, date):
        return kind.fromisoformat  # type: ignore[no-any-return]
    if origin in (Union, types.UnionType):
        return _optional([_reviver(one) for one in inside if one is not type(None)])
    if origin in (list, Sequence) or kind is list:
        return _list(_reviver(inside[0]) if inside else None)
    if origin is dict or kind is dict:
        if inside and inside[0] is not str:
            raise TypeError(f"{kind} would come back with keys of another type.")
        return None if not inside else _dict(_reviver(inside[1]))
    if origin is tuple:
        return _tuple([_reviver(one) for one in inside])
    if isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields"):
        hints = get_type_hints(kind)
        return partial(_named, kind, [_reviver(hints[field]) for field in kind._fields])
    raise TypeError(f"{kind} cannot be cached.")


def _same(value: Any) -> Any:
    return value


def _optional(revivers: list[Reviver | None]) -> Reviver | None:
    known = [reviver for reviver in revivers if reviver]
    if len(revivers) > 1 and known:
        raise TypeError("A value of one of several types cannot be cached.")
    return (lambda value: None if value is None else known[0](value)) if known else None


def _list(reviver: Reviver | None) -> Reviver | None:
    return (lambda values: [reviver(value) for value in values]) if reviver else None


def _dict(reviver: Reviver | None) -> Reviver | None:
    return (lambda values: {key: reviver(value) for key, value in values.items()}) if reviver else None


def _tuple(revivers: list[Reviver | None]) -> Reviver:
    return lambda values: tuple(
        reviver(value) if reviver else value for reviver, value in zip(revivers, values, strict=True)
    )  # fmt: skip


def _named(kind: Any, revivers: list[Reviver | None], values: list[Any]) -> Any:
    return kind(*[reviver(value) if reviver else value for reviver, value in zip(revivers, values, strict=True)])
