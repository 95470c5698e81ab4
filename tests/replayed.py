"""A pytest plugin: a test database that was kept (--reuse-db) gets the market's functions and triggers as its files say now."""

from typing import Any

import pytest
from django.db import connections

import sql
from tests.drills.market_guards import REPLAYED

RULES = (
    "UPDATE market_rules SET commission = DEFAULT, kappa = DEFAULT, position_cap = DEFAULT, opening_balance = DEFAULT,"
    " breaker = DEFAULT, cooling = DEFAULT, is_halted = DEFAULT, halt_reason = DEFAULT"
)  # a test that was red may have left others


@pytest.fixture(scope="session", autouse=True)
def _replayed(django_db_setup: None, django_db_blocker: Any) -> None:
    with django_db_blocker.unblock(), connections["owner"].cursor() as cursor:
        cursor.execute(RULES)
        for name in REPLAYED:
            cursor.execute(sql.again((sql.HERE / f"{name}.sql").read_text()))
