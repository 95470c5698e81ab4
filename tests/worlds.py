"""Worlds for plans that would pump a price: each plan has an account and characters of its own, and all share one tick a step.

A world is a fundamental value and what everybody else holds. Trades are sent as the site sends them: by market_app, bound to
their account. The breaker is set aside meanwhile: it only stops trade, and a plan can do more without it.
"""

import json
import random
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from itertools import batched, count, groupby, product
from typing import NamedTuple

from django.db import connections, transaction

import sql
from characters.models import Character, Listing
from tests.market import as_system, rule, tick, under_rules
from trading.models import Account, MarketRules, User
from trading.selectors import fee

ALL = Decimal(-1)
ACTS = tuple(map(Decimal, ("0.34", "1", "20", "-0.5", "-1", "0")))  # a part, a full vote, the cap, half, all, wait
FAR = 4_000_000  # net votes at which demand has done 99.86 % of what it can
BATCH = 500  # rows in one statement
NUMBERS = count(1)  # names are unique


class World(NamedTuple):
    """Where a plan is tried: the fundamental value in berries, the net votes of everybody else in micro-votes."""

    fundamental: Decimal
    others: int


class Plan(NamedTuple):
    """What is done tick by tick with each character: so many full votes are bought, or minus such a share of it is sold."""

    worlds: tuple[World, ...]
    moves: tuple[tuple[Decimal, ...], ...]

    def __str__(self) -> str:
        where = ", ".join(f"F {world.fundamental} with {world.others:+,} votes of others" for world in self.worlds)
        return f"{where}: " + "; ".join(" ".join(f"{move:+.2f}" for move in moves) for moves in self.moves)


WORLDS = tuple(
    World(Decimal(value), others) for value in ("10.00", "25.00", "1234.56", "3000000.00") for others in (0, FAR, -FAR)
)
EDGES = """
WITH scanned AS (
    SELECT value, others, market_price(value, others) AS before, market_price(value, others + kappa) AS after
    FROM market_rules, generate_series(10.00, 10.60, 0.01) AS value, generate_series(-1000, 1000, 5) AS others
)
SELECT min(value), (array_agg(others ORDER BY value, others))[1] FROM scanned
GROUP BY before, after ORDER BY after / before DESC LIMIT %s
"""


class Trial:
    """A plan at work: its account, its characters, what it holds, and the most that it was worth after its first order."""

    def __init__(self, plan: Plan, characters: tuple[int, ...], rules: MarketRules) -> None:
        self.plan, self.characters, self.rules = plan, characters, rules
        self.user_id, self.opening, self.cash = 0, Decimal(0), Decimal(0)
        self.held = dict.fromkeys(characters, 0)
        self.best = Decimal("-Infinity")

    def fund(self, user_id: int, opening: Decimal) -> None:
        """Give it an account."""
        self.user_id, self.opening, self.cash = user_id, opening, opening

    def orders(self, step: int, market: "Market") -> list[dict[str, object]]:
        """Return the orders of this tick; behind the last one everything is sold."""
        moves = self.plan.moves
        acts = moves[step] if step < len(moves) else [ALL] * len(self.characters) if step == len(moves) else ()
        found = [self._order(pk, act, market) for pk, act in zip(self.characters, acts, strict=False) if act]
        return [order for order in found if order["quantity"]]

    def look(self, market: "Market") -> None:
        """Note what it would have if it sold everything now, after fees, beyond what it began with."""
        values = [market.prices[pk] * quantity for pk, quantity in self.held.items() if quantity]
        gain = self.cash + sum(value - fee(value, self.rules.commission) for value in values) - self.opening
        self.best = max(self.best, gain)

    def _order(self, pk: int, act: Decimal, market: "Market") -> dict[str, object]:
        """Decide on one order, and take note of what it does."""
        quantity = self._bought(pk, act, market) if act > 0 else -max(-int(act * self.held[pk]), min(1, self.held[pk]))
        total = market.prices[pk] * abs(quantity)
        self.cash += (total if quantity < 0 else -total) - fee(total, self.rules.commission)
        self.held[pk] += quantity
        return {"character_id": pk, "action": "buy" if quantity > 0 else "sell", "quantity": abs(quantity)}

    def _bought(self, pk: int, act: Decimal, market: "Market") -> int:
        price, vote = market.prices[pk], market.full_votes[pk]
        can_pay = int((self.cash - Decimal("0.01")) / (price * (1 + self.rules.commission)))
        return max(0, min(max(1, int(act * vote)), self.rules.position_cap * vote - self.held[pk], can_pay))


class Market:
    """Published prices and full votes of the characters of all worlds."""

    def __init__(self, worlds: Iterable[World]) -> None:
        self.ids = list_characters(list(worlds))
        self.prices: dict[int, Decimal] = {}
        self.full_votes = dict(Listing.objects.values_list("character_id", "full_vote"))
        self.read(self.ids)

    def read(self, ids: list[int]) -> None:
        """Read these prices."""
        self.prices |= Character.objects.filter(pk__in=ids).values_list("id", "current_price")

    def tick(self) -> None:
        """Let a tick publish new prices, and read them."""
        self.read(tick()["moved"])


def list_characters(worlds: list[World]) -> list[int]:
    """Put a character of each world on the market: a tick that found a row without weight has published its price."""
    new = [Character(name=f"World {next(NUMBERS)}", description="Made up.", bounty=4_000_000) for _ in worlds]
    ids = [character.pk for character in Character.objects.bulk_create(new, BATCH)]
    as_system(
        "UPDATE listings l SET fundamental = w.value, full_vote = full_vote(w.value), baseline = -w.others"
        " FROM unnest(%s::integer[], %s::numeric[], %s::bigint[]) AS w (id, value, others) WHERE l.character_id = w.id",
        ids, [world.fundamental for world in worlds], [world.others for world in worlds],
    )  # fmt: skip
    as_system(
        "INSERT INTO order_flow (user_id, trade_id, character_id, votes, created_at)"
        " SELECT 0, gen_random_uuid(), id, 0, now() FROM unnest(%s::integer[]) AS w (id)",
        ids,
    )
    tick()
    return ids


def open_accounts(number: int, opening: Decimal) -> list[int]:
    """Return the ids of new traders, each with this much."""
    with under_rules(opening_balance=opening):
        new = User.objects.bulk_create((User(username=f"plan{next(NUMBERS)}") for _ in range(number)), BATCH)
        for some in batched(new, BATCH):
            with connections["default"].cursor() as cursor:
                cursor.execute("SELECT open_account(id) FROM unnest(%s::integer[]) AS u (id)", [[user.pk for user in some]])
    return [user.pk for user in new]


def send(orders: dict[int, list[dict[str, object]]]) -> None:
    """Let market_app execute orders, bound to the account of each: a hundred accounts in a transaction. None may be refused."""
    for some in batched(orders.items(), 100):
        text = "".join(
            f"SET LOCAL market.user_id = '{user_id}'; SELECT execute_trades({user_id}, '{json.dumps(theirs)}')::text;"
            for user_id, theirs in some
        )
        with transaction.atomic(using="default"), connections["default"].cursor() as cursor:
            cursor.execute(text)
            refused = [answer for answer in _answers(cursor) if not answer["success"]]
        assert refused == []


def _answers(cursor) -> Iterator[dict[str, object]]:
    """Read the results of many statements: those that bind have none."""
    more = True
    while more:
        if cursor.description:
            yield from json.loads(cursor.fetchone()[0])
        more = cursor.nextset()


def try_out(plans: list[Plan]) -> list[Trial]:
    """Carry the plans out, side by side, each to the end with all of it sold. Its account then has what the trial says."""
    with under_rules(breaker=10.0, min_account_days=0, min_trading_days=0):
        market = Market(world for plan in plans for world in plan.worlds)
        trials = _trials(plans, market)
        for step in range(max(len(plan.moves) for plan in plans) + 1):
            asked = {trial.user_id: orders for trial in trials if (orders := trial.orders(step, market))}
            send(asked)
            market.tick()
            for trial in trials:
                if trial.user_id in asked or any(trial.held.values()):
                    trial.look(market)
    balances = dict(Account.objects.using("owner").values_list("user_id", "balance"))
    assert [trial.user_id for trial in trials if balances[trial.user_id] != trial.cash] == []
    return trials


def _trials(plans: list[Plan], market: Market) -> list[Trial]:
    """Return the plans with characters, and with accounts that can pay for every position that they are allowed."""
    rules, ids = MarketRules.objects.get(), iter(market.ids)
    trials = [Trial(plan, tuple(next(ids) for _ in plan.worlds), rules) for plan in plans]

    def opening(trial: Trial) -> Decimal:
        most = sum(market.prices[pk] * market.full_votes[pk] * rules.position_cap for pk in trial.characters)
        return max(rules.opening_balance, Decimal(10) ** len(str(int(most))))

    for amount, some in groupby(sorted(trials, key=opening), opening):
        same = list(some)
        for trial, user_id in zip(same, open_accounts(len(same), amount), strict=True):
            trial.fund(user_id, amount)
    return trials


def every_plan(length: int, worlds: Iterable[World] = WORLDS) -> list[Plan]:
    """Return all plans of so many moves with one character. Before the first purchase nothing happens: they begin with one."""
    sequences = [acts for acts in product(ACTS, repeat=length) if acts[0] > 0]
    return [Plan((world,), tuple((act,) for act in acts)) for world in worlds for acts in sequences]


def edges(number: int) -> tuple[World, ...]:
    """Return the worlds in which rounding helps a full vote most under the rules of now."""
    return tuple(World(*row) for row in rule(EDGES, number))


def random_plans(number: int, seed: int) -> list[Plan]:
    """Return plans of up to 40 ticks with up to three characters, idle or busy, in sizes up to the cap."""
    rng, best = random.Random(seed), edges(5)
    return [_random_plan(rng, best) for _ in range(number)]


def _random_plan(rng: random.Random, best: Sequence[World]) -> Plan:
    worlds = tuple(_random_world(rng) if rng.random() < 0.8 else rng.choice(best) for _ in range(rng.choice((1, 1, 2, 3))))
    busy = rng.random()
    moves = [tuple(_random_act(rng) if rng.random() < busy else Decimal(0) for _ in worlds) for _ in range(rng.randint(1, 40))]
    moves[0] = tuple(max(act, Decimal("0.01")) for act in moves[0])  # before a purchase nothing happens
    return Plan(worlds, tuple(moves))


def _random_world(rng: random.Random) -> World:
    value = rng.choice((10, 3_000_000, rng.uniform(10, 11), rng.uniform(10, 5_000), 10 ** rng.uniform(1, 6.4)))
    others = rng.choice((0, FAR, -FAR, -9_000, rng.randint(-50_000, 50_000), rng.randint(-FAR, FAR)))
    return World(Decimal(f"{value:.2f}"), others)


def _random_act(rng: random.Random) -> Decimal:
    act = rng.choice((1, 20, 20, rng.uniform(0, 1), rng.uniform(0, 20), -1, -1, -0.5, -rng.uniform(0, 1)))
    return Decimal(f"{act:.2f}")


@contextmanager
def without_the_check() -> Iterator[None]:
    """Let this database have rules that one account could pump, for the block."""
    check, _ = sql.read("tables/market_rules").split("INSERT INTO")
    rule("ALTER TABLE market_rules DROP CONSTRAINT one_account_could_pump_the_price")
    try:
        yield
    finally:
        rule(check)
