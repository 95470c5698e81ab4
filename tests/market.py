"""Ticking, and looking at the market past its privileges, for tests."""

import json
import math
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple

from django.db import connections, transaction

import sql
from characters.models import Character, Listing
from tests.clients import connect
from trading.models import MarketRules, User

BAND = math.log(3)
BEGINNING, END = "2000-01-01", "2100-01-01"


class WaitingTick(NamedTuple):
    """A tick that has consumed its flow and waits: its backend, and what will become of it."""

    pid: int
    answer: Future[dict[str, Any]]


def rule(statement: str, *parameters: object) -> list[tuple[Any, ...]]:
    """Run a statement as market_owner; return its rows, if it has any."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(statement, parameters or None)
        return cursor.fetchall() if cursor.description else []


def as_system(statement: str, *parameters: object) -> None:
    """Run a statement as market_system, who writes accounts and holdings."""
    with transaction.atomic(using="owner"):
        rule("SET LOCAL ROLE market_system")
        rule(statement, *parameters)


def tick(at: datetime | None = None) -> dict[str, Any]:
    """Tick now, or at this time; return the answer."""
    [(answer,)] = rule("SELECT tick_market_at(%s)::text", at) if at else rule("SELECT tick_market()::text")
    found: dict[str, Any] = json.loads(answer)
    return found


@contextmanager
def waiting_tick(character: Character) -> Iterator[WaitingTick]:
    """Let a tick consume its flow and wait for this character's row while the block runs; it goes on afterwards."""
    with connect("owner") as holder, connect("owner") as ticker, ThreadPoolExecutor(1) as pool:
        with holder.transaction():
            holder.execute("SELECT FROM characters WHERE id = %s FOR NO KEY UPDATE", [character.pk])
            answer = pool.submit(lambda: ticker.execute("SELECT tick_market()").fetchone()[0])  # type: ignore[index]
            while not answer.done() and not blocked(ticker.info.backend_pid):
                pass
            yield WaitingTick(ticker.info.backend_pid, answer)
        answer.exception(30)


def blocked(pid: int) -> bool:
    """Return whether a backend waits for a lock."""
    return bool(rule("SELECT pg_blocking_pids(%s) <> '{}'", pid)[0][0])


def demand_of(character: Character) -> int:
    """Return the votes that the tick has counted, in micro-votes."""
    return Listing.objects.using("owner").get(pk=character.pk).demand


def price_by_hand(fundamental: Decimal, votes: int) -> Decimal:
    """Return ln P = ln F + B·tanh((Z − R)/B), rounded to 0.01, at least 10.00."""
    exact = float(fundamental) * math.exp(BAND * math.tanh(votes / 1_000_000 / BAND))
    return max(Decimal(10), Decimal(f"{exact:.15g}").quantize(Decimal("0.01"), ROUND_HALF_UP))


def vote_mismatches() -> list[tuple[Any, ...]]:
    """Return where demand and pending flow differ from what counted accounts hold."""
    return rule(sql.read_probe("vote_mismatches"))


def tick_mismatches() -> list[tuple[Any, ...]]:
    """Return which published prices do not follow from the log."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(sql.read_probe("tick_mismatches"), {"from": BEGINNING, "to": END})
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


@contextmanager
def under_rules(**changed: object) -> Iterator[None]:
    """Let the market have other rules for the block."""
    rules = MarketRules.objects.using("owner")
    before = rules.values(*changed).get()
    rules.update(**changed)
    try:
        yield
    finally:
        rules.update(**before)


def give_money(user: User, amount: int) -> User:
    """Let an account have begun with this much, in its ledger as well."""
    as_system(
        "INSERT INTO ledger_entries"
        " (user_id, created_at, trade_id, quantity, quantity_after, kind, price, fee, amount, balance_after)"
        " SELECT user_id, last_entry_at + interval '1 microsecond', gen_random_uuid(), 0, 0, 'opening', 0, 0, %s, balance + %s"
        " FROM accounts WHERE user_id = %s",
        amount, amount, user.pk,
    )  # fmt: skip
    as_system(
        "UPDATE accounts SET balance = balance + %s, last_entry_at = last_entry_at + interval '1 microsecond' WHERE user_id = %s",
        amount, user.pk,
    )  # fmt: skip
    return user
