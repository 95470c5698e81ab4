"""execute_trades: many orders in one call, each answered as if it had come alone, in their order."""

import json
import uuid
from decimal import Decimal
from typing import Any

import pytest
from django.db import DataError, connections

from characters.models import Character
from tests.clients import connect, waits_then
from tests.factories import CharacterFactory, UserFactory
from tests.money import ledger_rows, money_of, trade_by_sql, trades_by_sql
from trading.audit import mismatches
from trading.binding import as_user
from trading.models import User

pytestmark = pytest.mark.django_db(transaction=True)

CALL = "SELECT execute_trades(%s, %s::jsonb)::text"


@pytest.fixture
def trader() -> User:
    """A trader with 100,000.00."""
    return UserFactory()


@pytest.fixture
def luffy() -> Character:
    """A character at 100.00."""
    return CharacterFactory()


def order(character: Character, **changes: Any) -> dict[str, Any]:
    """Return an order for one share, changed."""
    return {"character_id": character.pk, "action": "buy", "quantity": 1} | changes


def codes(user: User, orders: list[Any]) -> list[str]:
    """Return how each was answered."""
    return [answer["code"] for answer in trades_by_sql(user, orders)]


def test_each_order_is_answered_in_its_place_and_a_refusal_stops_none(trader: User, luffy: Character) -> None:
    orders = [
        order(luffy, quantity=3),
        order(luffy, action="sell", quantity=9),
        order(luffy, action="sell", quantity=2, price="100.00"),
        order(luffy, price="99.99"),
        order(luffy, quantity=2),
    ]
    answers = trades_by_sql(trader, orders)
    assert [a["code"] for a in answers] == ["ok", "insufficient_shares", "ok", "price_moved", "ok"]
    assert [a["quantity_held"] for a in answers] == [3, 3, 1, 1, 3]
    assert [row["quantity_after"] for row in ledger_rows(trader)] == [0, 3, 1, 3]
    assert (money_of(trader)[luffy.pk][0], mismatches()) == (3, [])


def test_ids_make_repeats_harmless_within_a_list_and_beyond(trader: User, luffy: Character) -> None:
    same = order(luffy, trade_id=str(uuid.uuid4()))
    first = trades_by_sql(trader, [same, same])
    assert [answer["replayed"] for answer in first + trades_by_sql(trader, [same])] == [False, True, True]
    assert money_of(trader) == {"balance": Decimal("99899.00"), luffy.pk: (1, Decimal(101))}


@pytest.mark.parametrize(
    "changes",
    [
        {"character_id": None}, {"character_id": "x"}, {"character_id": -1}, {"character_id": 1.5}, {"character_id": 2**40},
        {"quantity": None}, {"quantity": "1_0"}, {"quantity": -1}, {"quantity": 1.5}, {"quantity": 12345678},
        {"action": "buy or sell"},
        {"price": "NaN"}, {"price": "-1"}, {"price": "1.005"}, {"price": "123456789"}, {"price": "1e3"},
        {"trade_id": "7"}, {"trade_id": "z" * 36},
    ],
)  # fmt: skip
def test_an_order_that_cannot_be_read_is_refused_alone(trader: User, luffy: Character, changes: dict[str, Any]) -> None:
    assert codes(trader, [order(luffy), order(luffy, **changes), order(luffy)]) == ["ok", "invalid_order", "ok"]


@pytest.mark.parametrize("value", [None, 1, "buy", [], [1, 2]])
def test_what_is_no_order_at_all_is_refused_alone(trader: User, luffy: Character, value: Any) -> None:
    assert codes(trader, [value, order(luffy)]) == ["invalid_order", "ok"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"action": "hold"}, "invalid_action"), ({"action": None}, "invalid_action"), ({"quantity": 0}, "invalid_quantity")],
)
def test_what_can_be_read_is_refused_as_execute_trade_refuses_it(
    trader: User, luffy: Character, changes: dict[str, Any], code: str
) -> None:
    assert codes(trader, [order(luffy, **changes)]) == [code]


@pytest.mark.parametrize("orders", [{}, "buy", 1, None, [{}] * 1001])
def test_what_is_no_list_or_too_long_is_refused_whole(trader: User, orders: Any) -> None:
    with pytest.raises(DataError, match="invalid_orders"):
        trades_by_sql(trader, orders)


def test_nothing_at_all_is_refused(trader: User) -> None:
    with pytest.raises(DataError, match="invalid_orders"), as_user(trader), connections["default"].cursor() as cursor:
        cursor.execute(CALL, [trader.pk, None])


def test_a_thousand_orders_are_taken(trader: User, luffy: Character) -> None:
    orders = [order(luffy, action=side) for side in ("buy", "sell")] * 500
    assert set(codes(trader, orders)) == {"ok"}
    assert (len(ledger_rows(trader)), mismatches()) == (1_001, [])


def test_another_users_account_is_refused_order_by_order(trader: User, luffy: Character) -> None:
    other = UserFactory()
    with as_user(trader), connections["default"].cursor() as cursor:
        cursor.execute(CALL, [other.pk, json.dumps([order(luffy)] * 2)])
        answers = json.loads(cursor.fetchone()[0])
    assert [answer["code"] for answer in answers] == ["not_your_account"] * 2
    assert money_of(other) == {"balance": 100_000}


def test_a_list_holds_its_users_lock_until_it_is_done(trader: User, luffy: Character) -> None:
    def many(connection: Any) -> None:
        connection.execute(f"SET LOCAL market.user_id = '{trader.pk}'")
        connection.execute(CALL, [trader.pk, json.dumps([order(luffy, quantity=9)] * 2)])

    answer, waited = waits_then(many, lambda: trade_by_sql(trader.pk, trader.pk, luffy.pk, "sell", 18))
    assert (answer.result()["code"], waited) == ("ok", True)


def test_a_list_that_is_rolled_back_did_nothing(trader: User, luffy: Character) -> None:
    with connect() as connection, connection.transaction(force_rollback=True):
        connection.execute(f"SET LOCAL market.user_id = '{trader.pk}'")
        connection.execute(CALL, [trader.pk, json.dumps([order(luffy)] * 2)])
    assert money_of(trader) == {"balance": 100_000}
