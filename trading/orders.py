"""An order as it arrives from outside: read strictly, refused with a code and a sentence."""

import re
import uuid
from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import NamedTuple

QUANTITY = re.compile(r"[0-9]{1,7}", re.ASCII)  # int() would also take 1_000, ١٢ and １２
TRADE_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
PRICE = re.compile(r"[0-9]{1,8}(\.[0-9]{1,2})?", re.ASCII)
MOST = 1_000_000  # shares an order; execute_trade holds the same bound
TOLERANCE = Decimal("0.005")  # of the price seen: a tick between page and click seldom moves it further; half the fee
CENT, DEAREST = Decimal("0.01"), Decimal("99999999.99")


class Order(NamedTuple):
    """An order as typed: all texts, kept so that a refused order can be shown again. price: the one that was seen."""

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
    quantity, seen = parse_quantity(order.quantity), _price(order.price)
    return ParsedOrder(order.action, quantity, seen and worst_price(order.action, seen), _trade_id(order.trade_id))


def worst_price(action: str, seen: Decimal) -> Decimal:
    """Return the worst price at which an order is filled whose sender saw this one."""
    if action == "buy":
        return min(DEAREST, (seen * (1 + TOLERANCE)).quantize(CENT, ROUND_FLOOR))
    return (seen * (1 - TOLERANCE)).quantize(CENT, ROUND_CEILING)


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
