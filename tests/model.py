"""The market in plain Python, by the words of the rules: what its SQL is held against."""

import math
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal

from tests.market import BAND, price_by_hand

CENT = Decimal("0.01")
KAPPA, CAP = 18_000, 20


@dataclass
class News:
    """A bounty that was told."""

    amount: int | None
    chapter: int | None = None
    applied: bool = False
    withdrawn: bool = False


@dataclass
class Trader:
    """One account: cash, positions with their cost, and the orders that were executed by their ids."""

    cash: Decimal = Decimal(100_000)
    held: dict[int, tuple[int, Decimal]] = field(default_factory=dict)
    done: dict[str, tuple[int, str, int]] = field(default_factory=dict)
    is_guest: bool = False
    is_active: bool = True

    @property
    def counts(self) -> bool:
        """Whether the account's votes weigh."""
        return self.is_active and not self.is_guest


class Stock:
    """One character's terms, news and votes."""

    def __init__(self, bounty: int | None) -> None:
        self.news = [News(bounty, applied=True)] if bounty is not None else []
        self.bounty = bounty
        self.fundamental = self.price = worth(bounty)
        self.full_vote = max(1, int(5000 / self.fundamental))
        self.demand = self.flow = self.calm = 0
        self.is_halted = self.is_delisted = self.awaits = self.cools = False

    @property
    def is_tradeable(self) -> bool:
        """Whether it can be traded now."""
        return not (self.is_halted or self.is_delisted or self.awaits or self.cools)

    def vote(self, shares: int) -> int:
        """Return what holding so many weighs."""
        return KAPPA * min(shares, self.full_vote) // self.full_vote

    def told(self) -> int | None:
        """Return what the news tells: the latest, without what is older in the story than what came before it."""
        amount, standing = None, [news for news in self.news if not news.withdrawn]
        for place, news in enumerate(standing):
            newer = [n.chapter for n in standing[:place] if n.chapter and news.chapter and n.chapter > news.chapter]
            amount = amount if newer else news.amount
        return amount

    def announce(self, amount: int | None, chapter: int | None) -> None:
        """Add news: trade waits for a tick where the bounty moves by it."""
        self.news.append(News(amount, chapter))
        self.awaits = self.awaits or self.told() != self.bounty
        self.news[-1].applied = not self.awaits

    def withdraw(self, news: News) -> bool:
        """Take news back; return whether it still stood."""
        stood, news.withdrawn = not news.withdrawn, True
        if stood:
            pending = any(not (n.applied or n.withdrawn) for n in self.news)
            self.awaits = pending or self.told() != self.bounty
        return stood

    def tick(self, breaker: float) -> None:
        """Apply news, count votes, publish a price; trade cools where demand bent it too far."""
        if self.awaits:
            self.apply_news()
        votes, self.flow = self.flow, 0
        self.demand += votes
        self.price = price_by_hand(self.fundamental, self.demand)
        if votes and not self.cools and abs(bend(self.demand) - bend(self.calm)) > breaker:
            self.cools = True

    def apply_news(self) -> None:
        """Let the bounty be what the news tells."""
        for news in self.news:
            news.applied = news.applied or not news.withdrawn
        if self.told() != self.bounty:
            self.bounty = self.told()
            self.fundamental = worth(self.bounty)
        self.awaits = False

    def calm_down(self) -> None:
        """Let the time of cooling be over: what demand bends from now on is counted from here."""
        self.cools, self.calm = False, self.demand


class Market:
    """Traders and stocks by their keys."""

    def __init__(self, traders: dict[int, Trader], stocks: dict[int, Stock], breaker: float = 0.4) -> None:
        self.traders, self.stocks, self.breaker = traders, stocks, breaker
        self.is_halted = False

    def trade(self, who: int, what: int, action: str, quantity: int, price: Decimal | None, trade_id: str) -> str:
        """Do what an order should do; return the code that answers it."""
        trader = self.traders[who]
        code = self.refusal(trader, what, action, quantity, price, trade_id)
        if code:
            return code
        trader.done[trade_id] = (what, action, quantity)
        self.move(trader, what, quantity if action == "buy" else -quantity)
        return "ok"

    def refusal(self, trader: Trader, what: int, action: str, quantity: int, price: Decimal | None, trade_id: str) -> str:
        """Return why an order is not executed, or "ok" where it was before; "" where it is to be."""
        stock, (shares, _) = self.stocks[what], trader.held.get(what, (0, Decimal(0)))
        buys, total = action == "buy", self.stocks[what].price * quantity
        done = trader.done.get(trade_id)
        reasons = {
            "invalid_action": action not in ("buy", "sell"),
            "invalid_quantity": not 1 <= quantity <= 1_000_000,
            "trade_id_reused": done not in (None, (what, action, quantity)),
            "ok": done is not None,
            "not_a_trader": not trader.is_active,
            "not_tradeable": not stock.is_tradeable,
            "market_halted": self.is_halted,
            "price_moved": price is not None and (stock.price > price if buys else stock.price < price),
            "insufficient_funds": buys and total + fee(total) > trader.cash,
            "position_cap": buys and shares + quantity > CAP * stock.full_vote,
            "insufficient_shares": not buys and quantity > shares,
        }
        return next((code for code, holds in reasons.items() if holds), "")

    def move(self, trader: Trader, what: int, shares: int) -> None:
        """Buy so many shares at the price, or sell where there are fewer than none; the vote follows."""
        stock, (held, cost) = self.stocks[what], trader.held.get(what, (0, Decimal(0)))
        total = stock.price * abs(shares)
        trader.cash -= stock.price * shares + fee(total)
        gone = (cost * -shares / held).quantize(CENT, ROUND_HALF_UP) if shares < 0 else -total - fee(total)
        self.hold(trader, what, held + shares, cost - gone)

    def hold(self, trader: Trader, what: int, shares: int, cost: Decimal) -> None:
        """Let a position be this one; note by how much the vote changed."""
        stock = self.stocks[what]
        before, _ = trader.held.pop(what, (0, None))
        if shares:
            trader.held[what] = (shares, cost)
        if trader.counts:
            stock.flow += stock.vote(shares) - stock.vote(before)

    def tick(self) -> None:
        """Tick every stock."""
        for stock in self.stocks.values():
            stock.tick(self.breaker)

    def become(self, who: int, change: str) -> None:
        """Let a user become a guest, or inactive, or what he was before: his votes come and go with him."""
        trader = self.traders[who]
        before = trader.counts
        setattr(trader, change, not getattr(trader, change))
        for what, (shares, _) in trader.held.items():
            self.stocks[what].flow += self.stocks[what].vote(shares) * (trader.counts - before)

    def delist(self, what: int, price: Decimal) -> str:
        """Buy everybody out, if the price is this one; return the code that answers it."""
        stock = self.stocks[what]
        if price != stock.price:
            return "price_moved"
        stock.is_delisted = True
        for trader in self.traders.values():
            shares, _ = trader.held.get(what, (0, None))
            trader.cash += shares * stock.price
            self.hold(trader, what, 0, Decimal(0))
        return "ok"


def worth(bounty: int | None) -> Decimal:
    """Return the fundamental value of a bounty."""
    if bounty is None:
        return Decimal(25)
    return max(Decimal(10), (Decimal("0.05") * Decimal(bounty).sqrt()).quantize(CENT, ROUND_HALF_UP))


def bend(votes: int) -> float:
    """Return how far demand bends the logarithm of a price."""
    return BAND * math.tanh(votes / 1_000_000 / BAND)


def fee(total: Decimal) -> Decimal:
    """Return 1 %, rounded up to a whole cent."""
    return (total / 100).quantize(CENT, ROUND_CEILING)
