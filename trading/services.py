"""Moving money. Everything here ends in the SQL function execute_trade, which decides under the account's lock."""

import json
from decimal import Decimal
from typing import NamedTuple

from django.db import DEFAULT_DB_ALIAS, connections

from trading.binding import as_user
from trading.models import User
from trading.orders import ParsedOrder

EXECUTE_TRADE = "SELECT execute_trade(%s, %s, %s, %s, %s, %s)::text"


class Answer(NamedTuple):
    """What execute_trade answered. Amounts in berries, None where they are not known."""

    success: bool
    code: str
    message: str
    total_cost: Decimal | None
    price: Decimal | None
    fee: Decimal | None
    balance: Decimal | None
    quantity_held: int | None
    trade_id: str
    replayed: bool


def place_order(user: User, character_id: int, order: ParsedOrder, using: str = DEFAULT_DB_ALIAS) -> Answer:
    """Execute the order for this user, in a transaction of its own; the same trade id never trades twice.

    Locks the user's account row. Refusals are answers with a code, not exceptions.
    """
    arguments = (user.pk, character_id, *order)
    with as_user(user, using), connections[using].cursor() as cursor:
        cursor.execute(EXECUTE_TRADE, arguments)
        (text,) = cursor.fetchone()
    return _answer(text)


def _answer(text: str) -> Answer:
    """Read the JSON of execute_trade; amounts become Decimal, whatever their number of decimals."""
    fields = json.loads(text, parse_float=Decimal)
    amounts = ("total_cost", "price", "fee", "balance")
    return Answer(**{**fields, **{name: None if fields[name] is None else Decimal(fields[name]) for name in amounts}})
