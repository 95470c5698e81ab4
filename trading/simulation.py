"""A believable past: simulated traders live through it hour by hour, by the functions that the present uses. Services.

Everything runs as market_owner, who may say what time it is. A day is a transaction: whoever breaks off leaves whole days
behind, and the next simulation begins after them.
"""

import json
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.contrib.auth.hashers import make_password
from django.db import connections, transaction

from characters.models import Character
from crews.services import refresh_crew_analytics
from crews.signals import rows_written
from trading.crowds import crowd_of, looks, market_of
from trading.models import MarketRules, User
from trading.sailors import names
from trading.temperaments import DAY, Market, Trader, orders_of

DB = "owner"
HOUR = timedelta(hours=1)
NEWEST = """
    SELECT greatest(
        (SELECT max(ticked_at) FROM market_ticks),
        (SELECT max(created_at) FROM ledger_entries WHERE kind <> 'opening'),
        (SELECT max(e.effective_at) FROM bounty_events e JOIN listings l USING (character_id)
         WHERE l.awaits_bounty AND e.withdrawn_at IS NULL AND e.effective_at <= now())
    )
"""
# Who has neither a price nor a trade of his own may have been listed long ago: nothing contradicts it.
LIST_EARLIER = """
    UPDATE listings l SET listed_at = %s
    WHERE listed_at > %s AND NOT EXISTS (SELECT FROM price_ticks t WHERE t.character_id = l.character_id)
        AND NOT EXISTS (SELECT FROM ledger_entries e WHERE e.character_id = l.character_id)
"""
OPEN = "SELECT count(open_account_at(id, at)) FROM unnest(%s::integer[], %s::timestamptz[]) AS joined (id, at)"
COUNT = """
    SELECT count(count_account_at(a.user_id, %s)) FROM accounts a JOIN users u ON u.id = a.user_id
    WHERE u.is_simulated AND NOT a.is_counted AND a.last_entry_at <= %s
"""
TRADE = """
    SELECT user_id, execute_trades_at(user_id, orders, at)::text
    FROM unnest(%s::integer[], %s::jsonb[], %s::timestamptz[]) AS sent (user_id, orders, at)
"""
LISTED = ("id", "crew_id", "listing__fundamental", "listing__full_vote", "current_price")


class SimulationError(Exception):
    """No past can be simulated here. The message says what to do."""


class Past(NamedTuple):
    """Time to be lived through: hourly ticks, the first an hour after `start`. after: what it had to begin after, if anything."""

    start: datetime
    hours: int
    after: datetime | None


class Day(NamedTuple):
    """What a simulated day brought. ends: its last tick; moved: prices, summed over its ticks; cooled: trips of the breaker."""

    number: int
    ends: datetime
    trades: int
    refused: int
    moved: int
    cooled: int


def free_past(days: int, now: datetime) -> Past:
    """Return the last days, as far as nothing happened in them: real ticks and trades are not rewritten.

    Raises SimulationError.
    """
    end = now.replace(minute=0, second=0, microsecond=0)
    [(after,)] = _ask(NEWEST)
    hours = days * DAY if after is None else min(days * DAY, (end - after) // HOUR)
    if hours < 1:
        raise SimulationError(
            f"The market has moved until {after:%Y-%m-%d %H:%M} UTC, and that past is not rewritten: a simulation begins after it"
            " and needs a whole hour. Simulate in a new market, or when this one has stood still for longer."
        )
    return Past(end - hours * HOUR, hours, after if hours < days * DAY else None)


def simulate(traders: int, past: Past, seed: int) -> Iterator[Day]:
    """Let new traders live through this past; yield each day once it is committed. The same seed and market: the same trades.

    Raises SimulationError.
    """
    dice, rules = random.Random(seed), MarketRules.objects.using(DB).get()
    with transaction.atomic(using=DB):
        market = _market(traders, past, rules, dice)
        crowd = _sign_up(traders, past, market, rules, dice)
    for first in range(0, past.hours, DAY):
        with transaction.atomic(using=DB):
            day = _live(crowd, market, past, range(first, min(first + DAY, past.hours)), rules, dice)
            rows_written.send(Character, ids=None, using=DB)
        yield day
    _ask("SELECT refresh_weekly_changes(now())")
    refresh_crew_analytics()


def _market(traders: int, past: Past, rules: MarketRules, dice: random.Random) -> Market:
    """Make room for the past; return the market at its start. Raises SimulationError."""
    rows = Character.objects.using(DB).tradeable().filter(listing__halted=False).order_by("id").values_list(*LISTED)
    if not rows:
        raise SimulationError("There is nobody to trade: load the characters first (manage.py load_characters).")
    if rules.is_halted:
        raise SimulationError("The market is halted, and nobody can trade: open it first.")
    _ask("SELECT make_price_partitions(%s, now())", past.start)
    _ask(LIST_EARLIER, past.start, past.start)
    return market_of(rows, past.hours, traders, dice)


def _sign_up(count: int, past: Past, market: Market, rules: MarketRules, dice: random.Random) -> list[Trader]:
    """Make users who cannot log in; each has had his account since the hour in which he joins."""
    free = names(dice, set(User.objects.using(DB).values_list("username", flat=True)))
    crowd = crowd_of(count, free, past.hours, market, dice)
    joined = [past.start + trader.joins * HOUR for trader in crowd]
    made = User.objects.using(DB).bulk_create(
        User(username=trader.name, password=make_password(None), is_simulated=True, date_joined=at)
        for trader, at in zip(crowd, joined, strict=True)
    )
    for trader, user in zip(crowd, made, strict=True):
        trader.user_id, trader.cash = user.pk, float(rules.opening_balance)
    _ask(OPEN, [user.pk for user in made], joined)
    rows_written.send(User, ids=None, using=DB)
    return crowd


def _live(crowd: list[Trader], market: Market, past: Past, hours: range, rules: MarketRules, dice: random.Random) -> Day:
    """Live through these hours: who looks at the market orders, then comes the tick. Three statements an hour."""
    begins = past.start + hours.start * HOUR
    _ask(COUNT, begins, begins)
    answers: list[bool] = []
    moved = cooled = 0
    for hour in hours:
        begins = past.start + hour * HOUR
        market.open(hour)
        awake = [trader for trader in crowd if looks(trader, hour, begins.hour, dice)]
        answers += _trade(awake, market, begins, rules, dice)
        ticked = _tick(market, begins + HOUR)
        moved, cooled = moved + len(ticked["moved"]), cooled + len(ticked["cooled"])
    return Day(hours.start // DAY + 1, begins + HOUR, sum(answers), len(answers) - sum(answers), moved, cooled)


def _trade(awake: list[Trader], market: Market, begins: datetime, rules: MarketRules, dice: random.Random) -> list[bool]:
    """Send what they order, each at a moment of his own within the hour. Return what was filled. One statement."""
    sent = {
        trader.user_id: (trader, orders, begins + timedelta(seconds=dice.randint(1, 3599)))
        for trader in awake
        if (orders := orders_of(trader, market, dice, float(rules.commission), rules.position_cap))
    }
    columns = list(sent), [json.dumps(orders) for _, orders, _ in sent.values()], [at for *_, at in sent.values()]
    answers = {user_id: json.loads(text) for user_id, text in _ask(TRADE, *columns)}
    for user_id, (trader, orders, _) in sent.items():
        for order, answer in zip(orders, answers[user_id], strict=True):
            trader.hear(order["character_id"], answer)
    return [answer["success"] for of_one in answers.values() for answer in of_one]


def _tick(market: Market, at: datetime) -> dict[str, Any]:
    """Tick, and publish the prices that moved. Raises SimulationError."""
    [(text,)] = _ask("SELECT tick_market_at(%s)::text", at)
    ticked: dict[str, Any] = json.loads(text)
    if ticked["code"] != "ok":
        raise SimulationError("The market ticked meanwhile: end the worker (manage.py run_worker), then simulate again.")
    moved = Character.objects.using(DB).filter(pk__in=ticked["moved"])
    market.publish({pk: float(price) for pk, price in moved.values_list("id", "current_price")})
    return ticked


def _ask(query: str, *parameters: object) -> list[tuple[Any, ...]]:
    """Run a statement as market_owner; return its rows, if it has any."""
    with connections[DB].cursor() as cursor:
        cursor.execute(query, parameters or None)
        return cursor.fetchall() if cursor.description else []
