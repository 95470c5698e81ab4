"""What accounts that act together can gain, and the table of it that /fair/ shows: it is written anew."""

from typing import TYPE_CHECKING

from tests.bench.market import empty_market
from tests.drills.report import Row

if TYPE_CHECKING:
    from tests.rings import Gain

SLACK = 0.05  # per cent of a round: what rounding of prices to 0.01 can add


def run() -> list[Row]:
    """Measure in a market of its own, and write trading/data/rings.csv."""
    with empty_market():
        from tests.rings import TABLE, measure, table

        gains = measure()
        TABLE.write_text(table(gains), encoding="utf-8")
        return [_row(gain) for gain in gains]


def _row(gain: "Gain") -> Row:
    who = f"{gain.accounts} accounts" if gain.accounts > 1 else "1 account"
    rule = f"age rule, {'after the wait' if gain.waited else 'new'}" if gain.min_account_days else "no age rule"
    what = f"{who}, {rule}, {gain.rounds} rounds in {gain.minutes} min ({gain.plan})"
    return Row(what, float(gain.percent), _bound(gain), "%", [])


def _bound(gain: "Gain") -> float:
    """Return what the rule allows in per cent: votes of half the ring on either side of where demand bends prices most."""
    from tests.market import rule

    counted = gain.waited or not gain.min_account_days
    [(round_trip,)] = rule(
        "SELECT exp(2 * demand_part(kappa * %s / 2)) * (1 - commission)::float8 / (1 + commission)::float8 FROM market_rules",
        gain.accounts if counted else 0,
    )
    return ((float(round_trip) + SLACK / 100) ** gain.rounds - 1) * 100
