"""The order ticket: what an order would cost and leave, shown before it is sent."""

import uuid
from decimal import Decimal
from typing import NamedTuple, Protocol

from django.urls import reverse

from trading.orders import Order, OrderError, parse_quantity
from trading.selectors import Desk, fee


class Quoted(Protocol):
    """What a ticket needs to know of a character."""

    @property
    def id(self) -> int:
        """Its id."""

    @property
    def price(self) -> Decimal:
        """Its current price."""

    @property
    def url(self) -> str:
        """Its quote page."""

    @property
    def full_vote(self) -> int:
        """How many shares are a full vote."""

    @property
    def is_active(self) -> bool:
        """Whether it is shown."""

    @property
    def is_tradeable(self) -> bool:
        """Whether it is traded."""


class TicketError(NamedTuple):
    """Why an order was refused: a stable code and a sentence."""

    code: str
    message: str


FUNDS = "Insufficient funds: order fewer shares, or sell something first."
# The module words these two more briefly than a page should.
WORDED = {
    "insufficient_funds": FUNDS,
    "not_tradeable": "This character is not traded at the moment. Your order was not filled and nothing was taken from you.",
}


def refusal(code: str, message: str) -> TicketError:
    """Return what the page says of an order that execute_trade refused."""
    return TicketError(code, WORDED.get(code, message))


class Preview(NamedTuple):
    """What an order would do. Amounts in berries; `ok` is false where execute_trade would refuse."""

    action: str
    quantity: int
    price: Decimal
    total: Decimal
    fee: Decimal
    cash_before: Decimal
    cash_after: Decimal
    held_before: int
    held_after: int
    ok: bool
    code: str
    message: str


class Ticket(NamedTuple):
    """An order ticket as the page shows it, with a fresh trade id each time."""

    trade_url: str
    preview_url: str
    quote_url: str
    action: str
    quantity: str
    price: Decimal
    trade_id: str
    error: TicketError | None
    preview: Preview | None


def ticket_for(character: Quoted, desk: Desk, order: Order, error: TicketError | None = None) -> Ticket | None:
    """Return the ticket of a character, filled in as typed; None if it is not traded."""
    if not (character.is_active and character.is_tradeable):
        return None
    try:
        shown = preview(character, desk, order)
    except OrderError as unreadable:
        shown, error = None, error or TicketError(unreadable.code, str(unreadable))
    return Ticket(
        reverse("trade", args=(character.id,)),
        reverse("preview", args=(character.id,)),
        character.url,
        "sell" if order.action == "sell" else "buy",
        order.quantity,
        character.price,
        str(uuid.uuid4()),
        error,
        shown,
    )


def preview(character: Quoted, desk: Desk, order: Order) -> Preview:
    """Return what the order would do at the current price. Raises OrderError."""
    if order.action not in ("buy", "sell"):
        raise OrderError("invalid_action", "Choose buy or sell.")
    quantity = parse_quantity(order.quantity)
    price, limit = character.price, desk.position_cap * character.full_vote
    total = price * quantity
    commission = fee(total, desk.commission)
    held = desk.position.quantity if desk.position else 0
    sign = 1 if order.action == "buy" else -1
    cash = desk.cash - sign * total - commission
    code, message = _refusal(cash, held, held + sign * quantity, limit if sign > 0 else held)
    return Preview(
        order.action, quantity, price, total, commission, desk.cash, cash, held, held + sign * quantity,
        ok=not code, code=code, message=message,
    )  # fmt: skip


def _refusal(cash_after: Decimal, held: int, held_after: int, limit: int) -> tuple[str, str]:
    """Return code and sentence of what would be refused, or two empty texts. execute_trade decides, this only warns."""
    if held_after < 0:
        return "insufficient_shares", f"You hold {held:,} shares. Sell at most that many."
    if cash_after < 0:
        return "insufficient_funds", FUNDS
    if held_after > limit:
        return "position_cap", f"You hold {held:,} shares; nobody may hold more than {limit:,} of this character."
    return "", ""
