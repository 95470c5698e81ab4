"""Moving money. Everything here ends in the SQL function execute_trade_at, which decides under the account's lock."""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connections

from trading.binding import as_user
from trading.models import User
from trading.orders import OrderError, ParsedOrder

EXECUTE_TRADE = "SELECT execute_trade(%s, %s, %s, %s, %s, %s)::text"
EXECUTE_TRADES = "SELECT execute_trades(%s, %s::jsonb)::text"
ORDER = frozenset({"character_id", "action", "quantity", "price", "trade_id"})
AT_ONCE = 1000  # orders a call; execute_trades holds the same bound
LONGEST = 40  # characters of a field; a trade id has 36


class Answer(NamedTuple):
    """What execute_trade answered. Amounts in berries, None where they are not known; no trade_id: the order was unreadable."""

    success: bool
    code: str
    message: str
    total_cost: Decimal | None
    price: Decimal | None
    fee: Decimal | None
    balance: Decimal | None
    quantity_held: int | None
    trade_id: str | None
    replayed: bool


def place_order(user: User, character_id: int, order: ParsedOrder, using: str = DEFAULT_DB_ALIAS) -> Answer:
    """Execute the order for this user, in a transaction of its own; the same trade id never trades twice.

    Locks the user's account row. Refusals are answers with a code, not exceptions.
    """
    arguments = (user.pk, character_id, *order)
    with as_user(user, using), connections[using].cursor() as cursor:
        cursor.execute(EXECUTE_TRADE, arguments)
        (text,) = cursor.fetchone()
    return _answer(json.loads(text, parse_float=Decimal))


def place_orders(user: User, orders: Sequence[Mapping[str, Any]], using: str = DEFAULT_DB_ALIAS) -> list[Answer]:
    """Execute many orders for this user in one call; return an answer for each, in their order. For bots and imports.

    An order has character_id, action, quantity, and price (the worst accepted) and trade_id where wanted; amounts are int, str or
    Decimal. One that is refused, or cannot be read (code invalid_order), stops none of the others.
    One transaction: after a crash all of them were executed or none. Locks the user's account row.
    Raises OrderError, with nothing done, where it is no list of at most 1,000.
    """
    if not isinstance(orders, list | tuple) or len(orders) > AT_ONCE:
        raise OrderError("invalid_orders", f"Send a list of at most {AT_ONCE:,} orders.")
    sent = json.dumps([_readable(order) for order in orders])
    with as_user(user, using), connections[using].cursor() as cursor:
        cursor.execute(EXECUTE_TRADES, [user.pk, sent])
        (text,) = cursor.fetchone()
    return [_answer(fields) for fields in json.loads(text, parse_float=Decimal)]


def _readable(order: object) -> dict[str, str | None] | None:
    """Return what the order says in plain texts; None if it has anything else, which execute_trades answers as unreadable."""
    if not isinstance(order, Mapping) or not order.keys() <= ORDER:
        return None
    fields = {name: _plain(value) for name, value in order.items() if value is not None}
    return None if None in fields.values() else fields


def _plain(value: object) -> str | None:
    """Return a value as text, None if no order has such a one. A float is none: 0.1 is not what was meant."""
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal | UUID):
        return None
    try:
        text = f"{value:f}" if isinstance(value, Decimal) else str(value)
    except ValueError:  # thousands of digits
        return None
    return text if len(text) <= LONGEST and text.isascii() and text.isprintable() else None


def _answer(fields: dict[str, Any]) -> Answer:
    """Make amounts Decimal, whatever their number of decimals."""
    amounts = ("total_cost", "price", "fee", "balance")
    return Answer(**{**fields, **{name: None if fields[name] is None else Decimal(fields[name]) for name in amounts}})
