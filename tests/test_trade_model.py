"""execute_trade against a small model in Python: whatever the orders, both say the same."""

import uuid

import pytest
from django.db import connections
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.factories import CharacterFactory, UserFactory
from tests.model import Market, Stock, Trader
from tests.money import money_of, trade_by_sql
from trading.audit import mismatches

PRICES = [None, 4_000_000, 39_204_000_000, 0, 6_000_000]  # bounties: 25.00, 100.00, 9,900.00, 10.00, 122.47
orders = st.tuples(
    st.integers(0, len(PRICES) - 1),
    st.sampled_from(["buy", "buy", "sell", "hold"]),
    st.one_of(st.integers(-3, 12), st.integers(1, 12_000), st.sampled_from([0, 1_000_000, 1_000_001])),
    st.integers(0, 6),  # trade ids from a small pool: some orders are repeats
)


@pytest.mark.django_db(transaction=True)
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan=st.lists(orders, min_size=1, max_size=25))
def test_execute_trade_does_what_the_model_does(plan: list[tuple[int, str, int, int]]) -> None:
    """Codes, cash, positions and their cost, after every order."""
    user, trader = UserFactory(), Trader()
    characters = [CharacterFactory(bounty=bounty) for bounty in PRICES]
    model = Market({user.pk: trader}, {c.pk: Stock(c.bounty) for c in characters})
    ids = [str(uuid.uuid4()) for _ in range(7)]
    for which, action, quantity, id_number in plan:
        arguments = (characters[which].pk, action, quantity)
        answer = trade_by_sql(user.pk, user.pk, *arguments, trade_id=ids[id_number])
        assert answer["code"] == model.trade(user.pk, *arguments, None, ids[id_number]), (arguments, answer)
    assert money_of(user) == {"balance": trader.cash, **trader.held}
    assert mismatches() == []
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT coalesce(sum(votes), 0) FROM order_flow WHERE user_id = %s", [user.pk])
        assert cursor.fetchone() == (sum(stock.flow for stock in model.stocks.values()),)
