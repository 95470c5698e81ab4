"""execute_trade against a small model in Python: whatever the orders, both say the same."""

import uuid
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal

import pytest
from django.db import connections
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.factories import CharacterFactory, UserFactory
from tests.money import money_of, trade_by_sql
from trading.audit import mismatches

CENT = Decimal("0.01")
PRICES = [None, 4_000_000, 39_204_000_000, 0, 6_000_000]  # bounties: 25.00, 100.00, 9,900.00, 10.00, 122.47
orders = st.tuples(
    st.integers(0, len(PRICES) - 1),
    st.sampled_from(["buy", "buy", "sell", "hold"]),
    st.one_of(st.integers(-3, 12), st.integers(1, 12_000), st.sampled_from([0, 1_000_000, 1_000_001])),
    st.integers(0, 6),  # trade ids from a small pool: some orders are repeats
)


class Model:
    """One account: cash, positions, and the answers given for each trade id."""

    def __init__(self, prices: dict[int, Decimal]) -> None:
        self.prices = prices
        self.cash = Decimal(100_000)
        self.held: dict[int, tuple[int, Decimal]] = {}
        self.done: dict[str, tuple[tuple[int, str, int], str]] = {}

    def trade(self, character: int, action: str, quantity: int, trade_id: str) -> str:
        """Return the code that execute_trade should answer, and remember what it should have done."""
        if action not in ("buy", "sell"):
            return "invalid_action"
        if not 1 <= quantity <= 1_000_000:
            return "invalid_quantity"
        body = (character, action, quantity)
        if trade_id in self.done:
            return "ok" if self.done[trade_id][0] == body else "trade_id_reused"
        code = self.buy(character, quantity) if action == "buy" else self.sell(character, quantity)
        if code == "ok":
            self.done[trade_id] = (body, code)
        return code

    def buy(self, character: int, quantity: int) -> str:
        """Buy at the price, pay the commission, respect the cap."""
        price, (shares, cost) = self.prices[character], self.held.get(character, (0, Decimal(0)))
        paid = price * quantity + self.fee(price * quantity)
        if paid > self.cash:
            return "insufficient_funds"
        if shares + quantity > 20 * max(1, int(5000 / price)):
            return "position_cap"
        self.cash -= paid
        self.held[character] = (shares + quantity, cost + paid)
        return "ok"

    def sell(self, character: int, quantity: int) -> str:
        """Sell at the price; the position's cost shrinks in proportion."""
        price, (shares, cost) = self.prices[character], self.held.get(character, (0, Decimal(0)))
        if shares < quantity:
            return "insufficient_shares"
        self.cash += price * quantity - self.fee(price * quantity)
        if shares == quantity:
            del self.held[character]
        else:
            sold = (cost * quantity / shares).quantize(CENT, ROUND_HALF_UP)
            self.held[character] = (shares - quantity, cost - sold)
        return "ok"

    @staticmethod
    def fee(total: Decimal) -> Decimal:
        """1 %, rounded up to a whole cent."""
        return (total / 100).quantize(CENT, ROUND_CEILING)


@pytest.mark.django_db(transaction=True)
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan=st.lists(orders, min_size=1, max_size=25))
def test_execute_trade_does_what_the_model_does(plan: list[tuple[int, str, int, int]]) -> None:
    """Codes, cash, positions and their cost, after every order."""
    user = UserFactory()
    characters = [CharacterFactory(bounty=bounty) for bounty in PRICES]
    model = Model({c.pk: c.current_price or Decimal(0) for c in characters})
    ids = [str(uuid.uuid4()) for _ in range(7)]
    for which, action, quantity, id_number in plan:
        arguments = (characters[which].pk, action, quantity)
        answer = trade_by_sql(user.pk, user.pk, *arguments, trade_id=ids[id_number])
        assert answer["code"] == model.trade(*arguments, ids[id_number]), (arguments, answer)
    assert money_of(user) == {"balance": model.cash, **model.held}
    assert mismatches() == []
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT coalesce(sum(votes), 0) FROM order_flow WHERE user_id = %s", [user.pk])
        votes = sum(18_000 * min(n, h) // h for c, (n, _) in model.held.items() for h in [max(1, int(5000 / model.prices[c]))])
        assert cursor.fetchone() == (votes,)
