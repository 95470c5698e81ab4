"""An order as it arrives from outside: read strictly, refused with a code and a sentence."""

import re
import uuid
from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

QUANTITY = re.compile(r"[0-9]{1,7}", re.ASCII)  # int() would also take 1_000, ١٢ and １２
TRADE_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
PRICE = re.compile(r"[0-9]{1,8}(\.[0-9]{1,2})?", re.ASCII)
MOST = 1_000_000  # shares an order; execute_trade holds the same bound


class Order(NamedTuple):
    """An order as typed: all texts, kept so that a refused order can be shown again."""

    action: str
    quantity: str
    price: str = ""
    trade_id: str = ""


class ParsedOrder(NamedTuple):
    """An order that execute_trade can decide. price: the worst price accepted, None accepts any."""

    action: str
    quantity: int
    price: Decimal | None
    trade_id: uuid.UUID


class OrderError(Exception):
    """An order cannot be read. `code` is stable, the message says what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


EMPTY = Order("", "")
FRESH_TICKET = Order("buy", "1")


def asked_order(fields: Mapping[str, str], default: Order = EMPTY) -> Order:
    """Return the order in these form fields. A sent order is not guessed at; a fresh ticket asks to buy one share."""
    return Order(*(fields.get(name, value) for name, value in default._asdict().items()))


def parse(order: Order) -> ParsedOrder:
    """Return what the order says. Raises OrderError."""
    if order.action not in ("buy", "sell"):
        raise OrderError("invalid_action", "Choose buy or sell.")
    return ParsedOrder(order.action, parse_quantity(order.quantity), _price(order.price), _trade_id(order.trade_id))


def parse_quantity(text: str) -> int:
    """Return a number of shares. Raises OrderError."""
    quantity = int(text) if QUANTITY.fullmatch(text.strip()) else 0
    if not 1 <= quantity <= MOST:
        raise OrderError("invalid_quantity", f"Enter a whole number of shares from 1 to {MOST}, in digits without commas.")
    return quantity


def _price(text: str) -> Decimal | None:
    if text and not (PRICE.fullmatch(text) and Decimal(text) > 0):
        raise OrderError("invalid_price", "Reload the page: the price in this order cannot be read.")
    return Decimal(text) if text else None


def _trade_id(text: str) -> uuid.UUID:
    if not TRADE_ID.fullmatch(text):
        raise OrderError("invalid_trade_id", "Reload the page: the id of this order cannot be read.")
    return uuid.UUID(text)
