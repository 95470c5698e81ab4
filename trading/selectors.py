"""What traders see of their money. Call inside `as_user(user)`: every table here is under row-level security."""

from datetime import datetime
from decimal import ROUND_CEILING, Decimal
from typing import NamedTuple

from django.db import connection
from django.db.models import F, Sum

from characters.models import Character, character_url
from characters.stops import Stop, market_stop
from trading.models import Account, Holding, LedgerEntry, MarketRules

CENT = Decimal("0.01")
PAGE = 50


class Position(NamedTuple):
    """Shares of one character. Amounts in berries; cost_basis includes commissions, value does not."""

    character_id: int
    name: str
    quantity: int
    price: Decimal
    cost_basis: Decimal
    crew_name: str | None = None

    @property
    def url(self) -> str:
        """The quote page."""
        return character_url(self.character_id, self.name)

    @property
    def value(self) -> Decimal:
        """What the shares are worth at the current price."""
        return self.price * self.quantity

    @property
    def gain(self) -> Decimal:
        """What they have gained since they were bought."""
        return self.value - self.cost_basis

    @property
    def gain_percent(self) -> float:
        """The gain in per cent of what they cost."""
        return _percent(self.gain, self.cost_basis)

    @property
    def sell_url(self) -> str:
        """The ticket, filled in to sell all of it."""
        return f"{self.url}?action=sell&quantity={self.quantity}"

    @property
    def sell_half_url(self) -> str | None:
        """The ticket, filled in to sell half of it, rounded down; None for a single share."""
        return f"{self.url}?action=sell&quantity={self.quantity // 2}" if self.quantity > 1 else None


class Portfolio(NamedTuple):
    """One trader's cash and open positions, largest value first. Amounts in berries.

    opening: what the account started with. commission: a share, 0.01 for 1 %.
    """

    cash: Decimal
    positions: list[Position]
    opening: Decimal
    commission: Decimal

    @property
    def holdings_value(self) -> Decimal:
        """What all positions are worth."""
        return sum((p.value for p in self.positions), Decimal(0))

    @property
    def cost_basis(self) -> Decimal:
        """What all positions cost."""
        return sum((p.cost_basis for p in self.positions), Decimal(0))

    @property
    def total(self) -> Decimal:
        """Cash and positions."""
        return self.cash + self.holdings_value

    @property
    def overall_gain(self) -> Decimal:
        """What was gained since the account was opened."""
        return self.total - self.opening

    @property
    def overall_percent(self) -> float:
        """The same in per cent of the opening balance."""
        return _percent(self.overall_gain, self.opening)

    @property
    def realised(self) -> Decimal:
        """What sales and buy-backs have brought beyond what the shares had cost, after fees: nothing else changes cash + cost."""
        return self.cash + self.cost_basis - self.opening

    @property
    def sale_fees(self) -> Decimal:
        """What selling every position would cost."""
        return sum((fee(p.value, self.commission) for p in self.positions), Decimal(0))

    @property
    def worth(self) -> Decimal:
        """What the leaderboard counts."""
        return self.total - self.sale_fees

    def share(self, position: Position) -> float:
        """Return how much of the total a position is, 0 to 1."""
        return float(position.value / self.total) if self.total else 0.0

    @property
    def gain(self) -> Decimal:
        """What all positions have gained."""
        return self.holdings_value - self.cost_basis

    @property
    def gain_percent(self) -> float:
        """The gain in per cent of what they cost."""
        return _percent(self.gain, self.cost_basis)


class Entry(NamedTuple):
    """One movement of money. amount is signed; name is None for movements without a character."""

    character_id: int | None
    when: datetime
    kind: str
    quantity: int
    price: Decimal
    fee: Decimal
    amount: Decimal
    balance_after: Decimal
    name: str | None = None
    crew_name: str | None = None

    @property
    def url(self) -> str | None:
        """The quote page."""
        return character_url(self.character_id, self.name) if self.character_id and self.name else None


class History(NamedTuple):
    """One page of movements, latest first. `before`: the key of the next page, None on the last."""

    entries: list[Entry]
    before: datetime | None


class Leader(NamedTuple):
    """One line of the leaderboard."""

    rank: int
    user_id: int
    username: str
    worth: Decimal
    is_simulated: bool = False


class Desk(NamedTuple):
    """What an order ticket needs to know of its trader. commission: a share, 0.01 for 1 %."""

    cash: Decimal
    position: Position | None
    commission: Decimal
    position_cap: int


class Market(NamedTuple):
    """Whether the whole market is halted, and why."""

    is_halted: bool
    reason: str

    @property
    def stop(self) -> Stop | None:
        """What pages say of it, None while it is open."""
        return market_stop(self.reason) if self.is_halted else None


ENTRY = ("character_id", "created_at", "kind", "quantity", "price", "fee", "amount", "balance_after")
POSITION = ("character_id", "character__name", "quantity", "character__current_price", "cost_basis", "character__crew__name")


def fee(total: Decimal, commission: Decimal) -> Decimal:
    """Return the commission on an order, rounded up to a whole 0.01 as execute_trade does."""
    return (total * commission).quantize(CENT, rounding=ROUND_CEILING)


def portfolio(user_id: int) -> Portfolio | None:
    """Return one account's cash and open positions, None without an account (staff). Four queries."""
    cash = Account.objects.filter(user_id=user_id).values_list("balance", flat=True).first()
    if cash is None:
        return None
    held = Holding.objects.filter(user_id=user_id).values_list(*POSITION)
    positions = sorted((Position(*row) for row in held), key=lambda p: (-p.value, p.name))
    first = LedgerEntry.objects.filter(user_id=user_id, kind="opening").order_by("created_at")
    opening = first.values_list("amount", flat=True).first() or Decimal(0)
    return Portfolio(cash, positions, opening, MarketRules.objects.values_list("commission", flat=True).get())


def holdings_value(user_id: int) -> Decimal:
    """Return what all positions of an account are worth at the current prices. One query."""
    value = Sum(F("quantity") * F("character__current_price"))
    return Holding.objects.filter(user_id=user_id).aggregate(value=value)["value"] or Decimal(0)


def desk(user_id: int, character_id: int) -> Desk | None:
    """Return what the ticket of this character needs, None without an account that trades (staff). Three queries."""
    cash = Account.objects.filter(user_id=user_id, is_barred=False).values_list("balance", flat=True).first()
    if cash is None:
        return None
    held = Holding.objects.filter(user_id=user_id, character_id=character_id).values_list(*POSITION).first()
    rules = MarketRules.objects.values_list("commission", "position_cap").get()
    return Desk(cash, Position(*held) if held else None, *rules)


def market() -> Market:
    """Return whether the market is halted. One query."""
    return Market(*MarketRules.objects.values_list("is_halted", "halt_reason").get())


def history(user_id: int, before: datetime | None = None) -> History:
    """Return one page of an account's movements, latest first. Two queries."""
    entries = LedgerEntry.objects.filter(user_id=user_id).order_by("-created_at")
    if before is not None:
        entries = entries.filter(created_at__lt=before)
    found = [Entry(*row) for row in entries.values_list(*ENTRY)[: PAGE + 1]]
    traded = {entry.character_id for entry in found if entry.character_id}
    named = Character.objects.filter(pk__in=traded).values_list("id", "name", "crew__name")
    names = {pk: (name, crew) for pk, name, crew in named}
    page = [_named(entry, *names.get(entry.character_id or 0, (None, None))) for entry in found[:PAGE]]
    return History(page, page[-1].when if len(found) > PAGE else None)


def fees_paid(user_id: int) -> Decimal:
    """Return what an account has paid in fees since it was opened, in berries. One query."""
    return LedgerEntry.objects.filter(user_id=user_id).aggregate(paid=Sum("fee"))["paid"] or Decimal(0)


def leaders(limit: int | None) -> list[Leader]:
    """Return the richest traders, rank 1 first; None: all of them. One query that adds up all; needs no bound user."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT rank, user_id, username, worth, is_simulated FROM ranked_traders(%s)", [limit])
        return [Leader(*row) for row in cursor.fetchall()]


def rank_of(worth: Decimal, user_id: int) -> int:
    """Return the rank that this worth has among all others. One query that adds up all traders; needs no bound user."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) + 1 FROM ranked_traders(NULL) WHERE worth > %s AND user_id <> %s", [worth, user_id])
        (rank,) = cursor.fetchone()
    return int(rank)


def _named(entry: Entry, name: str | None, crew_name: str | None) -> Entry:
    return entry._replace(name=name, crew_name=crew_name)


def _percent(gain: Decimal, cost: Decimal) -> float:
    return float(gain / cost * 100) if cost else 0.0
