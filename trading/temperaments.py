"""Who trades in a simulated market, and what each of them would do next. Pure: nothing here asks or writes the database.

The same dice and the same prices lead to the same orders.
"""

import math
import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

HIGHEST = math.log(3)  # what demand can at most add to ln P
DAY = 24  # ticks
COMES_TO_MIND = 6  # characters that somebody compares before he decides


@dataclass
class Stock:
    """A character as traders see it. appeal: how often it comes to mind, beside the others'."""

    id: int
    crew_id: int | None
    fundamental: float
    full_vote: int  # shares
    price: float
    appeal: float
    past: deque[float] = field(default_factory=lambda: deque(maxlen=3 * DAY))

    @property
    def trend(self) -> float:
        """How much the price has risen in three days."""
        return self.price / self.past[0] - 1 if self.past else 0.0

    @property
    def dearness(self) -> float:
        """How much of what demand can do to the price it has done, 0 to 1."""
        return min(1.0, max(0.0, math.log(self.price / self.fundamental) / HIGHEST))


class Surge(NamedTuple):
    """For some hours everybody talks of one character. share: of the purchases that go there."""

    stock: Stock
    begins: int
    ends: int
    share: float


class Temperament(NamedTuple):
    """How somebody chooses: he buys what rates highest, and sells what rates lowest.

    patience: how often he leaves things as they are. is_fan: he looks at one crew only.
    """

    name: str
    patience: float
    rates: Callable[[Stock], float]
    is_fan: bool = False


HOLDER = Temperament("holder", 0.9, lambda _: 0.0)  # takes what comes to mind, as an index does
FOLLOWER = Temperament("trend follower", 0.3, lambda stock: stock.trend)
CONTRARIAN = Temperament("contrarian", 0.4, lambda stock: -stock.dearness)
FAN = Temperament("fan", 0.7, lambda stock: stock.appeal, is_fan=True)
SHARES = {HOLDER: 30, FOLLOWER: 25, CONTRARIAN: 25, FAN: 20}  # of a hundred traders


@dataclass
class Trader:
    """One of the simulated. Hours are counted from the start of the past."""

    name: str
    temperament: Temperament
    crew_id: int | None
    joins: int
    wakes: int  # hour of the day from which his day is counted
    eagerness: float  # looks at the market a day
    breadth: int  # positions that he wants
    user_id: int = 0
    cash: float = 0.0
    held: dict[int, int] = field(default_factory=dict)

    def hear(self, character_id: int, answer: Mapping[str, Any]) -> None:
        """Take note of what an order came to."""
        if answer["success"]:
            self.cash, self.held[character_id] = float(answer["balance"]), answer["quantity_held"]
            if not self.held[character_id]:
                del self.held[character_id]


class Market:
    """What everybody sees: the characters, and what they talk of."""

    def __init__(self, stocks: Sequence[Stock], surges: Sequence[Surge]) -> None:
        self.stocks = {stock.id: stock for stock in stocks}
        self.surges = surges
        self.crews: dict[int | None, list[Stock]] = {}
        for stock in stocks:
            self.crews.setdefault(stock.crew_id, []).append(stock)

    def publish(self, prices: Mapping[int, float]) -> None:
        """Show what a tick moved."""
        for pk, price in prices.items():
            if pk in self.stocks:  # who was halted or not traded at first is no part of it
                self.stocks[pk].price = price

    def open(self, hour: int) -> None:
        """Begin an hour."""
        for stock in self.stocks.values():
            stock.past.append(stock.price)
        self.talk = [surge for surge in self.surges if surge.begins <= hour < surge.ends]
        self.weights = {stock.id: stock.appeal * (1 - stock.dearness) ** 2 for stock in self.stocks.values()}

    def in_mind(self, trader: Trader, dice: random.Random) -> list[Stock]:
        """Return who comes to this trader's mind."""
        for surge in self.talk:
            if dice.random() < surge.share:
                return [surge.stock]
        among = self.crews[trader.crew_id] if trader.temperament.is_fan else list(self.stocks.values())
        weights = [self.weights[stock.id] for stock in among]
        return dice.choices(among, weights, k=COMES_TO_MIND) if any(weights) else []


def orders_of(trader: Trader, market: Market, dice: random.Random, commission: float, cap: int) -> list[dict[str, Any]]:
    """Return what he orders now: a purchase, a sale, one for the other, or nothing. cap: full votes that he may hold."""
    worth = trader.cash + sum(shares * market.stocks[pk].price for pk, shares in trader.held.items())
    stake = worth / trader.breadth * dice.uniform(0.5, 1.1)
    if len(trader.held) < trader.breadth and trader.cash > stake / 2:
        return _purchase(trader, market, dice, min(stake, trader.cash) / (1 + commission), cap)
    if not trader.held or dice.random() < trader.temperament.patience:
        return []
    stock = min((market.stocks[pk] for pk in trader.held), key=trader.temperament.rates)
    shares = trader.held[stock.id]
    sold = shares if dice.random() < 0.7 else (shares + 1) // 2
    sale = {"character_id": stock.id, "action": "sell", "quantity": sold}
    if dice.random() < 0.5:
        return [sale]
    money = trader.cash + sold * stock.price * (1 - 2 * commission)
    return [sale, *_purchase(trader, market, dice, min(stake, money) / (1 + commission), cap, but=stock.id)]


def _purchase(
    trader: Trader, market: Market, dice: random.Random, money: float, cap: int, but: int = 0
) -> list[dict[str, Any]]:  # fmt: skip
    """Return an order for what rates highest of what comes to his mind, nothing if he cannot pay a share of it."""
    seen = [stock for stock in market.in_mind(trader, dice) if stock.id != but]
    if not seen:
        return []
    stock = max(seen, key=trader.temperament.rates)
    room = cap * stock.full_vote - trader.held.get(stock.id, 0)
    quantity = min(int(0.98 * money / stock.price), room)
    return [{"character_id": stock.id, "action": "buy", "quantity": quantity}] if quantity > 0 else []
