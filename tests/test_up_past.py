"""What past `manage.py up` gives a market: a simulated one to a new market, none to one in which somebody has traded."""

from collections.abc import Iterator

import pytest
from django.conf import settings

from tests.test_up_again import ask
from tests.up import Up

pytestmark = pytest.mark.skipif(not settings.EMBEDDED_POSTGRES, reason="tests the embedded start")
TRADED = """
from trading.models import User
from trading.services import place_orders
nami = User.objects.create(username="nami")
place_orders(nami, [{"character_id": 1, "action": "buy", "quantity": 2}])
"""
RULES = "SELECT min_account_days, min_trading_days FROM market_rules"
CHANGED = "SELECT count(*) FROM characters JOIN listings ON character_id = characters.id WHERE current_price <> listed_price"
NEXT_MONTH = "SELECT to_regclass('price_ticks_' || to_char(now() AT TIME ZONE 'UTC' + interval '1 month', 'YYYY_MM')) IS NULL"


def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """Lend a home; nothing runs there afterwards."""
    up = Up(tmp_path_factory.mktemp("up"))
    yield up
    if up.process and up.process.poll() is None:
        up.stop()


new = pytest.fixture(market, scope="module")
traded = pytest.fixture(market, scope="module")


def test_a_new_market_has_prices_that_moved_and_traders_who_are_marked(new: Up) -> None:
    said = new.start(simulated=True)
    assert said.count("Simulating") == 1
    assert new.status() == 200
    assert ask(new, "SELECT count(*), bool_and(is_simulated) FROM users") == [(120, True)]
    ((moved,),) = ask(new, CHANGED)
    assert moved > 100
    assert ask(new, RULES) == [(0, 0)]
    assert ask(new, NEXT_MONTH) == [(False,)]


def test_what_staff_made_of_the_rules_stays_and_nothing_is_simulated_twice(new: Up) -> None:
    ask(new, "UPDATE market_rules SET min_account_days = 5, min_trading_days = 2")
    new.stop()
    assert "Simulating" not in new.start(simulated=True)
    assert ask(new, RULES) == [(5, 2)]
    assert ask(new, "SELECT count(*) FROM users") == [(120,)]


def test_a_market_in_which_somebody_has_traded_keeps_its_own_past(traded: Up) -> None:
    """As one has that was made before prices moved. His votes shall count today, too."""
    traded.manage("migrate", "-v0")
    traded.manage("load_characters")
    traded.manage("shell", "-v0", "--command", TRADED)
    assert "Simulating" not in traded.start(simulated=True)
    assert ask(traded, "SELECT username FROM users") == [("nami",)]
    assert ask(traded, "SELECT kind, quantity FROM ledger_entries ORDER BY created_at") == [("opening", 0), ("buy", 2)]
    assert ask(traded, RULES) == [(0, 0)]
