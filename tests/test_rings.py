"""What rings can gain is said openly: the table that /fair/ shows is what the functions pay out."""

import csv
from decimal import Decimal

import pytest

from tests.market import rule, under_rules, vote_mismatches
from tests.rings import AGES, RINGS, TABLE, Plan, Ring, measure, table

pytestmark = pytest.mark.django_db(transaction=True)


def rows() -> list[dict[str, str]]:
    """Read the table."""
    with TABLE.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_table_is_what_a_fresh_measurement_says() -> None:
    """`uv run python -m tests.bench rings` writes it."""
    assert table(measure()) == TABLE.read_text(encoding="utf-8")
    assert vote_mismatches() == []


def test_under_other_rules_the_table_would_be_another() -> None:
    with under_rules(kappa=17_000):
        (measured, _) = measure((3,), AGES[:1])
    assert 0 < measured.percent < next(Decimal(row["percent"]) for row in rows() if row["accounts"] == "3")


def test_new_accounts_gain_nothing_where_age_is_asked_for_and_rings_do_where_it_is_not() -> None:
    gains = {(int(row["accounts"]), row["min_account_days"] != "0", row["waited"] == "1"): Decimal(row["gain"]) for row in rows()}
    assert sorted({ring for ring, _, _ in gains}) == list(RINGS)
    assert {key: gain > 0 for key, gain in gains.items()} == {
        (ring, *age): ring > 1 and age != (True, False) for ring in RINGS for age in ((False, False), (True, False), (True, True))
    }


def test_trade_in_a_character_that_a_ring_bends_too_far_stops_for_an_hour() -> None:
    ring = Ring(50, Plan(50, 0))
    began = ring.now
    ring.round(1)
    assert (ring.now - began).total_seconds() == 60 + 3600
    assert rule("SELECT count(*) FROM holdings") == [(0,)]
