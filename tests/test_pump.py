"""No account earns anything by what it does to prices: thousands of plans are tried. More: `python -m tests.drills pump`."""

from decimal import Decimal

import pytest
from django.db import IntegrityError

import sql
from tests.market import rule, under_rules, vote_mismatches
from tests.worlds import WORLDS, Plan, Trial, World, edges, every_plan, random_plans, try_out, without_the_check

pytestmark = pytest.mark.django_db(transaction=True)
SEED = 1997


def best_of(plans: list[Plan]) -> Trial:
    """Try them out, and print the one that brought most."""
    best = max(try_out(plans), key=lambda trial: trial.best)
    print(f"seed {SEED}, {len(plans)} plans, best {best.best} by {best.plan}")  # noqa: T201  shown where the test fails
    return best


def test_no_plan_of_one_account_earns_anything() -> None:
    best = best_of(every_plan(3, (*WORLDS, *edges(2))) + random_plans(150, SEED))
    assert best.best < 0, best.plan
    assert (vote_mismatches(), rule(sql.read_probe("ledger_mismatches"))) == ([], [])


@pytest.mark.parametrize("kappa", [19_500, 20_500, 25_000])
def test_the_search_finds_the_profit_that_other_rules_would_allow(kappa: int) -> None:
    """At 19,500 only rounding makes it: in the worlds on an edge."""
    with without_the_check(), under_rules(kappa=kappa):
        assert best_of(every_plan(3, (WORLDS[0], *edges(1)))).best > 0


@pytest.mark.parametrize("changed", [{"kappa": 19_500}, {"commission": Decimal("0.009")}])
def test_the_database_refuses_rules_that_one_account_could_pump(changed: dict[str, object]) -> None:
    with pytest.raises(IntegrityError, match="one_account_could_pump_the_price"), under_rules(**changed):
        pass


def test_the_check_refuses_no_more_than_it_must() -> None:
    with under_rules(kappa=19_000):
        assert best_of(every_plan(3, edges(1))).best < 0


def test_the_check_comes_back_behind_the_control() -> None:
    with without_the_check(), under_rules(kappa=25_000):
        pass
    with pytest.raises(IntegrityError, match="one_account_could_pump_the_price"), under_rules(kappa=25_000):
        pass


def test_a_plan_is_worth_what_the_functions_paid_out() -> None:
    """F = 100.00: 1,000 shares are bought at 100.00 and sold at 101.82, one vote up, with 1 % each way."""
    (trial,) = try_out([Plan((World(Decimal(100), 0),), ((Decimal(20),), (Decimal(0),)))])
    assert trial.best == trial.cash - trial.opening == Decimal("-198.20")
    assert trial.opening == 1_000_000
