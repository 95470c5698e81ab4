"""Halting the whole market, and opening it. Runs as market_owner."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from django.db import transaction

from trading.models import MarketRules

DB = "owner"


class State(NamedTuple):
    """Whether nobody can trade, and why; of an open market: over which mismatches staff opened it, if any."""

    is_halted: bool
    reason: str


def state() -> State:
    """Return how the market is. One query."""
    rules = MarketRules.objects.using(DB).get()
    return State(rules.is_halted, rules.halt_reason)


def halt(reason: str) -> State:
    """Refuse trades from now on, for this reason; return how the market was. Locks the rules."""
    with transaction.atomic(using=DB):
        rules = MarketRules.objects.using(DB).select_for_update(no_key=True).get()
        MarketRules.objects.using(DB).update(is_halted=True, halt_reason=reason)
    return State(rules.is_halted, rules.halt_reason)


def halt_if_open(reason: str) -> bool:
    """Refuse trades from now on; return whether the market was open. One that was halted keeps its reason."""
    return bool(MarketRules.objects.using(DB).filter(is_halted=False).update(is_halted=True, halt_reason=reason))


def reopen(reason: str = "") -> bool:
    """Let trade go on; return whether it was halted. reason: the mismatches over which staff do so."""
    return bool(MarketRules.objects.using(DB).filter(is_halted=True).update(is_halted=False, halt_reason=reason))


@contextmanager
def halted(reason: str) -> Iterator[None]:
    """Refuse trades while the block runs, also if the process dies in it: then staff must open the market.

    Who halts it for another reason meanwhile keeps it halted.
    """
    before = halt(reason)
    yield
    MarketRules.objects.using(DB).filter(halt_reason=reason).update(is_halted=before.is_halted, halt_reason=before.reason)
