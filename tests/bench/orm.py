"""A trade from Python, twice: one call of execute_trade, and the same checks and writes by the ORM. For tests.bench.process."""

import random
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from decimal import ROUND_CEILING, Decimal

from django.db import connections, transaction
from django.db.models import F
from django.utils import timezone

from characters.models import Character
from trading.models import Account, Holding, LedgerEntry, MarketRules, OrderFlow

ALIAS, TRADERS, CHARACTERS = "system", 1000, 250
Answer = Callable[[int, float], int]


def by_sql() -> Answer:
    """Return what calls the function for some seconds, and says how often."""
    cursor = connections["owner"].cursor()
    call = "SELECT execute_trade(%s, %s, 'buy', 1, NULL, %s)::text"
    return _repeat(lambda user, character: cursor.execute(call, [user, character, uuid.uuid4()]))


def by_orm() -> Answer:
    """Return what trades by the ORM for some seconds, and says how often. As market_system, who may write the tables."""
    config = connections["owner"].settings_dict
    options = {**config["OPTIONS"], "options": "-c role=market_system"}
    connections.settings[ALIAS] = {**config, "OPTIONS": options}
    return _repeat(_buy)


def _repeat(trade: Callable[[int, int], object]) -> Answer:
    def answer(seed: int, seconds: float) -> int:
        draw, until, done = random.Random(seed + time.time_ns()), time.perf_counter() + seconds, 0
        while time.perf_counter() < until:
            trade(draw.randint(1, TRADERS), draw.randint(1, CHARACTERS))
            done += 1
        return done

    return answer


@transaction.atomic(using=ALIAS)
def _buy(user_id: int, character_id: int) -> None:
    """Buy one share at any price: the checks of execute_trade_at in its order, one query each where one is needed."""
    trade_id = uuid.uuid4()
    account = Account.objects.using(ALIAS).select_for_update(no_key=True).get(pk=user_id)
    if LedgerEntry.objects.using(ALIAS).filter(user_id=user_id, trade_id=trade_id).exists():
        return
    character = (
        Character.objects.using(ALIAS)
        .tradeable()
        .filter(listing__halted=False, listing__awaits_bounty=False)
        .values("current_price", "listing__full_vote", "listing__cools_until")
        .get(pk=character_id)
    )
    rules = MarketRules.objects.using(ALIAS).values("commission", "kappa", "position_cap", "is_halted").get()
    held = Holding.objects.using(ALIAS).filter(user_id=user_id, character_id=character_id).first()
    price, full_vote = character["current_price"] or Decimal(0), character["listing__full_vote"]
    fee = (price * rules["commission"]).quantize(Decimal("0.01"), ROUND_CEILING)
    before = held.quantity if held else 0
    now = max(timezone.now(), account.last_entry_at + timedelta(microseconds=1))
    if rules["is_halted"] or account.balance < price + fee or before + 1 > rules["position_cap"] * full_vote:
        return
    if held:
        Holding.objects.using(ALIAS).filter(user_id=user_id, character_id=character_id).update(
            quantity=F("quantity") + 1, cost_basis=F("cost_basis") + price + fee
        )
    else:
        Holding.objects.using(ALIAS).create(user_id=user_id, character_id=character_id, quantity=1, cost_basis=price + fee)
    balance = account.balance - price - fee
    Account.objects.using(ALIAS).filter(pk=user_id).update(balance=balance, last_entry_at=now)
    LedgerEntry.objects.using(ALIAS).create(
        user_id=user_id, character_id=character_id, created_at=now, trade_id=trade_id, quantity=1, quantity_after=before + 1,
        kind="buy", price=price, fee=fee, amount=-price - fee, balance_after=balance,
    )  # fmt: skip
    votes = rules["kappa"] * min(before + 1, full_vote) // full_vote - rules["kappa"] * min(before, full_vote) // full_vote
    if account.is_counted and votes:
        OrderFlow.objects.using(ALIAS).create(
            user_id=user_id, character_id=character_id, trade_id=trade_id, votes=votes, created_at=now
        )
