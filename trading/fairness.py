"""What /fair/ tells: the rules of now, where trade is stopped, how far the reader moves prices, and what rings could gain."""

import csv
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from math import exp, expm1
from pathlib import Path
from typing import NamedTuple

from django.db.models import F, FloatField, Func, IntegerField, Q, Value
from django.db.models.functions import TruncDate
from django.utils import timezone

from characters.models import Character, character_url
from trading.models import Account, Holding, LedgerEntry, MarketRules, MarketTick
from trading.selectors import CENT, fee

RINGS = Path(__file__).parent / "data" / "rings.csv"
STOPPED = 20  # characters that the page names
SHARES, PRICE = 100, Decimal(100)  # of the example


class Rules(NamedTuple):
    """The market's rules. commission: a share, 0.01 for 1 %. kappa: micro-votes of a full vote. breaker: of ln P."""

    commission: Decimal
    kappa: int
    position_cap: int
    opening_balance: Decimal
    min_account_days: int
    min_trading_days: int
    breaker: float
    cooling: timedelta
    is_halted: bool
    halt_reason: str

    @property
    def most_percent(self) -> float:
        """By how many per cent one account moves a price at most."""
        return expm1(self.kappa / 1e6) * 100

    @property
    def breaker_up(self) -> float:
        """By how many per cent demand may raise a price within a day before trade stops."""
        return expm1(self.breaker) * 100

    @property
    def breaker_down(self) -> float:
        """By how many per cent demand may lower it."""
        return -expm1(-self.breaker) * 100

    @property
    def cooling_hours(self) -> float:
        """For how long trade stops."""
        return self.cooling / timedelta(hours=1)

    @property
    def counts_at_once(self) -> bool:
        """Whether every account's votes count from its first order."""
        return self.min_account_days == 0 == self.min_trading_days

    @property
    def example(self) -> "Example":
        """Somebody who buys, has moved the price as far as he can, and sells."""
        lifted = (PRICE * Decimal(exp(self.kappa / 1e6))).quantize(CENT)
        bought, sold = PRICE * SHARES, lifted * SHARES
        return Example(SHARES, PRICE, bought + fee(bought, self.commission), lifted, sold - fee(sold, self.commission))


class Example(NamedTuple):
    """A purchase and a sale in berries, after fees."""

    shares: int
    price: Decimal
    paid: Decimal
    lifted: Decimal
    brought: Decimal


class Stopped(NamedTuple):
    """A character that cannot be traded at the moment, and why."""

    character_id: int
    name: str
    halted: bool
    awaits_bounty: bool
    cools_until: datetime | None

    @property
    def url(self) -> str:
        """The quote page."""
        return character_url(self.character_id, self.name)

    @property
    def is_cooling(self) -> bool:
        """Whether nothing but the circuit breaker stops it."""
        return not (self.halted or self.awaits_bounty)


class Effect(NamedTuple):
    """How far a position bends its price by its own votes, if they count: in per cent."""

    character_id: int
    name: str
    quantity: int
    full_vote: int
    percent: float

    @property
    def url(self) -> str:
        """The quote page."""
        return character_url(self.character_id, self.name)


class Votes(NamedTuple):
    """Whether an account's votes count; if not, the day from which it is old enough and the trading days it still lacks."""

    weigh: bool
    old_enough: date
    days_lacking: int

    @property
    def is_old_enough(self) -> bool:
        """Whether it is a matter of trading days only."""
        return self.old_enough <= timezone.now().date()


class Reader(NamedTuple):
    """What the reader's own account does to prices."""

    votes: Votes
    effect: Effect | None


class Ring(NamedTuple):
    """What so many accounts together gain in per cent, by number of rounds: of accounts that all count, new ones, old ones."""

    accounts: int
    free: dict[int, float]
    new: dict[int, float]
    old: dict[int, float]


class Measured(NamedTuple):
    """The measured rings, and the age rule that they were measured with."""

    rings: list[Ring]
    rounds: list[int]
    account_days: int
    trading_days: int


def rules() -> Rules:
    """Return the market's rules. One query."""
    return Rules(*MarketRules.objects.values_list(*Rules._fields).get())


def stopped() -> list[Stopped]:
    """Return who is not traded because something stops it, by name: one more than the page names, at most. One query."""
    stops = Q(listing__halted=True) | Q(listing__awaits_bounty=True) | Q(listing__cools_until__gt=timezone.now())
    fields = ("id", "name", "listing__halted", "listing__awaits_bounty", "listing__cools_until")
    rows = Character.objects.tradeable().filter(stops).order_by("name").values_list(*fields)
    return [Stopped(*row) for row in rows[: STOPPED + 1]]


def last_tick() -> datetime | None:
    """Return when prices were made last, None before the first tick. One query."""
    return MarketTick.objects.order_by("-ticked_at").values_list("ticked_at", flat=True).first()


def reader(user_id: int, asked: Rules) -> Reader | None:
    """Return what the bound user's account does to prices, None without an account (staff). Four queries."""
    counts = Account.objects.filter(user_id=user_id).values_list("is_counted", flat=True).first()
    if counts is None:
        return None
    return Reader(_votes(user_id, asked, counts=counts), _largest_effect(user_id, asked, counts=counts))


def _votes(user_id: int, asked: Rules, *, counts: bool) -> Votes:
    entries = LedgerEntry.objects.filter(user_id=user_id)
    opened = entries.filter(kind="opening").order_by("created_at").values_list("created_at", flat=True)[0]
    traded = entries.filter(kind__in=("buy", "sell")).annotate(day=TruncDate("created_at", tzinfo=UTC))
    days = traded.values("day").distinct().count()
    old_enough = opened.astimezone(UTC) + timedelta(days=asked.min_account_days)
    return Votes(counts, old_enough.date(), max(0, asked.min_trading_days - days))


def _largest_effect(user_id: int, asked: Rules, *, counts: bool) -> Effect | None:
    """Compare each price with and without the position's votes: they are among the demand only if they count."""
    net = F("character__listing__demand") - F("character__listing__baseline")
    votes = Func("quantity", "character__listing__full_vote", Value(asked.kappa), function="vote_of", output_field=IntegerField())
    held = (
        Holding.objects.filter(user_id=user_id)
        .annotate(votes=votes, without=net - F("votes") if counts else net)
        .annotate(bend=_demand_part(F("without") + F("votes")) - _demand_part(F("without")))
        .order_by("-bend", "character__name")
        .values_list("character_id", "character__name", "quantity", "character__listing__full_vote", "bend")
    )
    found = held.first()
    return Effect(*found[:4], expm1(found[4]) * 100) if found else None


def _demand_part(votes: object) -> Func:
    return Func(votes, function="demand_part", output_field=FloatField())


@cache
def measured() -> Measured:
    """Return what rings were measured to gain: tests/rings.py measures, and a test holds the file to it."""
    gains: dict[int, dict[str, dict[int, float]]] = defaultdict(lambda: {"free": {}, "new": {}, "old": {}})
    days = (0, 0)
    with RINGS.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            asked = (int(row["min_account_days"]), int(row["min_trading_days"]))
            days = max(days, asked)
            kind = "old" if row["waited"] == "1" else "new" if any(asked) else "free"
            gains[int(row["accounts"])][kind][int(row["rounds"])] = float(row["percent"])
    rings = [Ring(accounts, **kinds) for accounts, kinds in sorted(gains.items())]
    return Measured(rings, sorted(rings[0].free), *days)
