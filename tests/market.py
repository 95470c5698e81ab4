"""Ticking, and looking at the market past its privileges, for tests."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import connections, transaction

import sql
from characters.models import Character, Listing
from trading.models import MarketRules, User


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


def demand_of(character: Character) -> int:
    """Return the votes that the tick has counted, in micro-votes."""
    return Listing.objects.using("owner").get(pk=character.pk).demand


def vote_mismatches() -> list[tuple[Any, ...]]:
    """Return where demand and pending flow differ from what counted accounts hold."""
    return rule(sql.read_probe("vote_mismatches"))


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
