"""What accounts that act together can gain: plans of rings, carried out by the functions themselves at times of their own.

In each round all accounts of a group buy the same characters with all their money, a tick counts their votes, and all sell;
then the same with other characters, while the first fall back. A round takes one tick, or as long as the breaker stops trade.
"""

import csv
import io
import json
from collections import defaultdict
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import batched
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.utils import timezone

from characters.models import Listing
from tests.market import rule, tick, under_rules
from tests.worlds import World, list_characters, open_accounts
from trading.models import Account, MarketRules

TABLE = Path(settings.BASE_DIR) / "trading" / "data" / "rings.csv"
RINGS = (1, 2, 3, 10, 50)  # accounts
ROUNDS = (1, 3)
UNSEEN = 17  # accounts of a group that the breaker does not notice
OPENING = Decimal(100_000)
TICK = timedelta(minutes=1)
OPEN = "SELECT greatest(%s, max(cools_until)) FROM listings WHERE character_id = ANY(%s)"
EXECUTE = "SELECT execute_trades_at((o ->> 0)::integer, o -> 1, %s)::text FROM jsonb_array_elements(%s) AS o"


class Ages(NamedTuple):
    """Which accounts count, and whether the ring's have waited until they do."""

    min_account_days: int
    min_trading_days: int
    waited: int


AGES = (Ages(0, 0, 0), Ages(7, 3, 0), Ages(7, 3, 1))


class Plan(NamedTuple):
    """How a ring acts: in groups of so many accounts, where everybody else has so many net votes."""

    group: int
    others: int

    def __str__(self) -> str:
        return f"{self.group} to a character, others at {self.others:+,}"


class Gain(NamedTuple):
    """The best plan of a ring: what all its accounts gained together in so many rounds, and how long that took."""

    accounts: int
    min_account_days: int
    min_trading_days: int
    waited: int
    rounds: int
    gain: Decimal  # berries
    percent: Decimal  # of what the accounts had been opened with
    minutes: int
    plan: str


class Ring:
    """Accounts that act together, by the owner's functions, which take the time."""

    def __init__(self, accounts: int, plan: Plan) -> None:
        rule("DELETE FROM market_ticks")  # the ring before has lived ahead of the clock
        rule("SELECT make_price_partitions(now(), now() + interval '1 month')")
        self.users = open_accounts(accounts, OPENING)
        self.groups = list(batched(self.users, plan.group))
        self.most = 12 if plan.group > UNSEEN else 4  # characters that a group comes to need
        self.characters = list_characters([World(Decimal(100), plan.others)] * (2 * self.most * len(self.groups)))
        self.now: datetime = timezone.now() + timedelta(days=2)

    def wait(self) -> None:
        """Trade one share on each of three days, and be counted eight days later."""
        for _ in range(3):
            self.now += timedelta(days=1)
            self.send({user: [order(self.characters[0], side, 1) for side in ("buy", "sell")] for user in self.users})
        self.now += timedelta(days=8)
        assert rule("SELECT DISTINCT count_account_at(id, %s) FROM unnest(%s::integer[]) AS u (id)", self.now, self.users) == [
            (True,)
        ]

    def round(self, number: int) -> None:
        """Buy, tick, and sell as soon as that is allowed."""
        for place, group in enumerate(self.groups):
            self.buy(group, self.characters[(2 * place + number % 2) * self.most :][: self.most])
        self.now += TICK
        assert tick(self.now)["code"] == "ok"
        [(self.now,)] = rule(OPEN, self.now, self.characters)
        self.sell()

    def buy(self, group: tuple[int, ...], characters: list[int]) -> None:
        """Spend all the money of a group on as few of these characters as the cap allows, evenly."""
        rules, first = MarketRules.objects.get(), Listing.objects.get(pk=characters[0])
        [(price,)] = rule("SELECT current_price FROM characters WHERE id = %s", characters[0])
        orders = {}
        for user, cash in Account.objects.using("owner").filter(pk__in=group).values_list("user_id", "balance"):
            shares = int((cash - Decimal("0.01") * self.most) / (price * (1 + rules.commission)))
            number = -(-shares // (rules.position_cap * first.full_vote))
            orders[user] = [order(pk, "buy", shares // number) for pk in characters[:number]]
        self.send(orders)

    def sell(self) -> None:
        """Sell everything."""
        orders = defaultdict(list)
        for user, character, held in rule(
            "SELECT user_id, character_id, quantity FROM holdings WHERE user_id = ANY(%s)", self.users
        ):
            orders[user].append(order(character, "sell", held))
        self.send(orders)

    def send(self, orders: dict[int, list[dict[str, object]]]) -> None:
        """Execute the orders of each account. None may be refused."""
        answers = rule(EXECUTE, self.now, json.dumps(list(orders.items())))
        assert [answer for (text,) in answers for answer in json.loads(text) if not answer["success"]] == []

    @property
    def gain(self) -> Decimal:
        """What all accounts have beyond what they were opened with."""
        [(cash,)] = rule("SELECT sum(balance) FROM accounts WHERE user_id = ANY(%s)", self.users)
        return Decimal(cash) - OPENING * len(self.users)


def order(character: int, action: str, quantity: int) -> dict[str, object]:
    """Return an order as execute_trades reads it."""
    return {"character_id": character, "action": action, "quantity": quantity}


def measure(rings: tuple[int, ...] = RINGS, ages: tuple[Ages, ...] = AGES) -> list[Gain]:
    """Return the best plan of each ring, under each age rule, after each number of rounds."""
    return [gain for age in ages for accounts in rings for gain in _best(accounts, age)]


def _best(accounts: int, age: Ages) -> list[Gain]:
    with under_rules(min_account_days=age.min_account_days, min_trading_days=age.min_trading_days):
        found = [gain for plan in family(accounts) for gain in _carry_out(accounts, plan, age)]
    return [max((gain for gain in found if gain.rounds == rounds), key=lambda gain: gain.gain) for rounds in ROUNDS]


def family(accounts: int) -> list[Plan]:
    """Return the plans of a ring: all together or unseen by the breaker, at rest or where demand bends prices most."""
    kappa = MarketRules.objects.get().kappa
    groups = {accounts, min(accounts, UNSEEN)}
    return [Plan(group, others) for group in sorted(groups) for others in (0, -group * kappa // 2)]


def _carry_out(accounts: int, plan: Plan, age: Ages) -> list[Gain]:
    ring, gains = Ring(accounts, plan), []
    if age.waited:
        ring.wait()
    began = ring.now
    for number in range(1, max(ROUNDS) + 1):
        ring.round(number)
        percent = round(ring.gain / (OPENING * accounts) * 100, 2)
        minutes = (ring.now - began) // timedelta(minutes=1)
        gains.append(Gain(accounts, *age, number, ring.gain, percent, minutes, str(plan)))
    return [gain for gain in gains if gain.rounds in ROUNDS]


def table(gains: list[Gain]) -> str:
    """Return them as the text of the table that /fair/ shows."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(Gain._fields)
    writer.writerows(gains)
    return text.getvalue()
