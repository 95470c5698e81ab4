"""Would any plan of one account earn something by its own effect on prices? Many are tried, and where rules allow it, found."""

import sys
from secrets import randbelow
from typing import TYPE_CHECKING

from tests.bench.market import empty_market
from tests.drills.report import Row

if TYPE_CHECKING:
    from tests.worlds import Plan

LENGTH = 4  # of every small plan
CONTROLS = (20_500, 25_000)  # micro-votes of a full vote that one account could pump with


def run(plans: int = 20_000, seed: int | None = None) -> list[Row]:
    """Try every small plan, and random ones until there are so many; then both with rules that the database would refuse."""
    seed = randbelow(10**6) if seed is None else seed
    with empty_market():
        return [_search(plans, seed), *(_control(kappa, seed) for kappa in CONTROLS), _refused(), _mismatches()]


def _search(plans: int, seed: int) -> Row:
    from tests.worlds import WORLDS, edges, every_plan, random_plans

    small = every_plan(LENGTH, (*WORLDS, *edges(2)))
    tried, best, by = _try(small + random_plans(max(0, plans - len(small)), seed))
    print(f"the best plan, of seed {seed}: {by}", file=sys.stderr)
    return Row(f"most that one account gained by {tried:,} plans, seed {seed}", best, 0, "berries", [])


def _control(kappa: int, seed: int) -> Row:
    from tests.market import under_rules
    from tests.worlds import every_plan, random_plans, without_the_check

    with without_the_check(), under_rules(kappa=kappa):
        tried, gain, by = _try(every_plan(LENGTH - 1) + random_plans(200, seed))
    print(f"the best plan without the check, at {kappa:,} micro-votes: {by}", file=sys.stderr)
    return Row(
        f"control: found without the check at {kappa:,} micro-votes, {tried:,} plans", gain, 0.01, "berries", [], at_least=True
    )


def _try(plans: "list[Plan]") -> tuple[int, float, str]:
    from tests.worlds import try_out

    best = max(try_out(plans), key=lambda trial: trial.best)
    return len(plans), float(best.best), f"{best.best:+,.2f} by {best.plan}"


def _refused() -> Row:
    from django.db import IntegrityError

    from tests.market import under_rules

    try:
        with under_rules(kappa=19_500):
            return Row("19,500 micro-votes refused by the check", 0, 1, "", [], at_least=True)
    except IntegrityError as error:
        return Row(
            "19,500 micro-votes refused by the check", "one_account_could_pump_the_price" in str(error), 1, "", [], at_least=True
        )


def _mismatches() -> Row:
    import sql
    from tests.market import rule, vote_mismatches

    found = vote_mismatches() + rule(sql.read_probe("ledger_mismatches"))
    return Row("differences between ledger, votes and what is held", len(found), 0, "", [])
