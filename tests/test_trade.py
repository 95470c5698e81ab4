"""execute_trade: what it does, what it refuses, and that a refusal writes nothing."""

import json
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import DataError, ProgrammingError, connections

from characters.models import Character, Listing
from tests.factories import CharacterFactory, UserFactory
from tests.money import ledger_rows, money_of, trade_by_sql
from trading.audit import mismatches
from trading.binding import as_user
from trading.models import MarketRules, User
from trading.orders import ParsedOrder
from trading.services import place_order

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def trader() -> User:
    """A trader with 100,000.00."""
    return UserFactory()


@pytest.fixture
def luffy() -> Character:
    """A character at 100.00; a full vote is 50 shares, a position holds at most 1,000."""
    return CharacterFactory()


def order(action: str, quantity: int, price: str | None = None, trade_id: uuid.UUID | None = None) -> ParsedOrder:
    """Return an order with a fresh id."""
    return ParsedOrder(action, quantity, Decimal(price) if price else None, trade_id or uuid.uuid4())


def test_a_purchase_moves_cash_shares_and_one_ledger_row(trader: User, luffy: Character) -> None:
    """3 x 100.00 and 1 % commission."""
    answer = place_order(trader, luffy.pk, order("buy", 3))
    assert (answer.success, answer.code, answer.message) == (True, "ok", "Trade executed successfully")
    assert (answer.total_cost, answer.price, answer.fee, answer.balance) == (300, 100, 3, Decimal("99697.00"))
    assert money_of(trader) == {"balance": Decimal("99697.00"), luffy.pk: (3, Decimal("303.00"))}
    assert [row["kind"] for row in ledger_rows(trader)] == ["opening", "buy"]


def test_a_sale_takes_its_share_of_the_cost(trader: User, luffy: Character) -> None:
    """Selling one of three leaves two thirds of what was paid."""
    place_order(trader, luffy.pk, order("buy", 3))
    answer = place_order(trader, luffy.pk, order("sell", 1))
    assert (answer.total_cost, answer.fee, answer.balance, answer.quantity_held) == (100, 1, Decimal("99796.00"), 2)
    assert money_of(trader)[luffy.pk] == (2, Decimal("202.00"))


def test_selling_out_leaves_no_position(trader: User, luffy: Character) -> None:
    """A position of nothing is no row."""
    place_order(trader, luffy.pk, order("buy", 3))
    place_order(trader, luffy.pk, order("sell", 3))
    assert money_of(trader) == {"balance": Decimal("99994.00")}


def test_the_commission_is_rounded_up_to_a_whole_cent(trader: User) -> None:
    """1 % of 25.01 is 0.2501: 0.26 is charged."""
    with connections["owner"].cursor() as cursor:
        character = CharacterFactory(bounty=None)
        cursor.execute("UPDATE characters SET current_price = 25.01 WHERE id = %s", [character.pk])
    assert place_order(trader, character.pk, order("buy", 1)).fee == Decimal("0.26")


def test_the_answer_has_the_modules_keys_and_ours(trader: User, luffy: Character) -> None:
    """success, message, total_cost, price as in the module; refusals have the same shape."""
    keys = {
        "success",
        "message",
        "total_cost",
        "price",
        "code",
        "fee",
        "balance",
        "quantity_held",
        "trade_id",
        "replayed",
    }
    assert set(trade_by_sql(trader.pk, trader.pk, luffy.pk, "buy", 1)) == keys
    assert set(trade_by_sql(trader.pk, trader.pk, luffy.pk, "buy", 0)) == keys


def test_replays_answer_alike_and_trade_once(trader: User, luffy: Character) -> None:
    """A client in doubt repeats the same id."""
    same = order("buy", 2)
    answers = [place_order(trader, luffy.pk, same) for _ in range(100)]
    assert [answer.replayed for answer in answers] == [False] + [True] * 99
    assert len({answer._replace(replayed=False) for answer in answers}) == 1
    assert len(ledger_rows(trader)) == 2


def test_a_replay_answers_after_the_price_moved_and_the_market_halted(trader: User, luffy: Character) -> None:
    """What happened, happened."""
    same = order("buy", 2, "100.00")
    first = place_order(trader, luffy.pk, same)
    Listing.objects.using("owner").filter(pk=luffy.pk).update(halted=True)
    Character.objects.using("owner").filter(pk=luffy.pk).update(current_price=Decimal(500))
    assert place_order(trader, luffy.pk, same) == first._replace(replayed=True)


@pytest.mark.parametrize("other", [("sell", 2), ("buy", 3)])
def test_a_used_id_with_another_body_is_refused(trader: User, luffy: Character, other: tuple[str, int]) -> None:
    """The id names one order for ever."""
    trade_id = uuid.uuid4()
    place_order(trader, luffy.pk, order("buy", 2, trade_id=trade_id))
    before = money_of(trader)
    assert place_order(trader, luffy.pk, order(*other, trade_id=trade_id)).code == "trade_id_reused"
    assert place_order(trader, CharacterFactory().pk, order("buy", 2, trade_id=trade_id)).code == "trade_id_reused"
    assert money_of(trader) == before


def test_a_refused_id_stays_free(trader: User, luffy: Character) -> None:
    """A refusal stores nothing: the same id is decided anew."""
    same = order("sell", 1)
    assert place_order(trader, luffy.pk, same).code == "insufficient_shares"
    place_order(trader, luffy.pk, order("buy", 1))
    assert place_order(trader, luffy.pk, same).success


def test_two_users_may_use_one_id(trader: User, luffy: Character) -> None:
    """Ids are unique per user: nobody can spend another's."""
    same = order("buy", 1)
    assert place_order(trader, luffy.pk, same).success
    assert not place_order(UserFactory(), luffy.pk, same).replayed


REFUSALS: list[tuple[str, dict[str, Any]]] = [
    ("invalid_quantity", {"quantity": 0}),
    ("invalid_quantity", {"quantity": -5}),
    ("invalid_quantity", {"quantity": 1_000_001}),
    ("invalid_quantity", {"quantity": 2**31 - 1}),
    ("invalid_quantity", {"quantity": None}),
    ("invalid_action", {"action": "short"}),
    ("invalid_action", {"action": "BUY"}),
    ("invalid_action", {"action": ""}),
    ("invalid_action", {"action": None}),
    ("invalid_price", {"price": "NaN"}),
    ("invalid_price", {"price": "0"}),
    ("invalid_price", {"price": "-1"}),
    ("not_tradeable", {"character": 0}),
    ("not_tradeable", {"character": None}),
    ("price_moved", {"price": "99.99"}),
    ("price_moved", {"price": "100.01", "action": "sell"}),
    ("insufficient_funds", {"quantity": 991}),
    ("insufficient_shares", {"action": "sell", "quantity": 6}),
    ("trade_id_reused", {"trade_id": "00000000-0000-0000-0000-000000000000"}),
]


@pytest.mark.parametrize(("code", "change"), REFUSALS)
def test_a_refusal_has_a_code_and_writes_nothing(trader: User, luffy: Character, code: str, change: dict[str, Any]) -> None:
    """Every refusal, with five shares in hand."""
    place_order(trader, luffy.pk, order("buy", 5))
    before, rows = money_of(trader), ledger_rows(trader)
    arguments = {"character": luffy.pk, "action": "buy", "quantity": 1, "price": None, "trade_id": None} | change
    answer = trade_by_sql(trader.pk, trader.pk, **arguments)
    assert (answer["success"], answer["code"]) == (False, code)
    assert answer["message"].endswith((".", "Insufficient funds", "Character not found or not tradeable"))
    assert (money_of(trader), ledger_rows(trader)) == (before, rows)


def test_a_position_is_capped_at_twenty_full_votes(trader: User) -> None:
    """At 10.00 a full vote is 500 shares: 9,900 can be paid for; at 2,500.00 it is 2 shares: 40 are too many to pay for."""
    cheap = CharacterFactory(bounty=0)
    MarketRules.objects.using("owner").update(position_cap=2)
    try:
        assert place_order(trader, cheap.pk, order("buy", 1001)).code == "position_cap"
        assert place_order(trader, cheap.pk, order("buy", 1000)).success
        assert place_order(trader, cheap.pk, order("buy", 1)).code == "position_cap"
        assert place_order(trader, cheap.pk, order("sell", 1000)).success
    finally:
        MarketRules.objects.using("owner").update(position_cap=20)


@pytest.mark.parametrize("field", ["is_active", "is_tradeable"])
def test_what_is_not_traded_is_refused(trader: User, luffy: Character, field: str) -> None:
    """Inactive or not tradeable, also while held."""
    place_order(trader, luffy.pk, order("buy", 1))
    Character.objects.using("owner").filter(pk=luffy.pk).update(**{field: False})
    assert [place_order(trader, luffy.pk, order(side, 1)).code for side in ("buy", "sell")] == ["not_tradeable"] * 2


def test_halts_are_refused(trader: User, luffy: Character) -> None:
    """One character, or the whole market."""
    Listing.objects.using("owner").filter(pk=luffy.pk).update(halted=True)
    assert place_order(trader, luffy.pk, order("buy", 1)).code == "not_tradeable"
    Listing.objects.using("owner").filter(pk=luffy.pk).update(halted=False)
    MarketRules.objects.using("owner").update(is_halted=True)
    try:
        assert place_order(trader, luffy.pk, order("buy", 1)).code == "market_halted"
    finally:
        MarketRules.objects.using("owner").update(is_halted=False)


def test_another_users_account_and_an_unbound_call_are_refused(trader: User, luffy: Character) -> None:
    """The function knows who is bound; the argument alone is not believed."""
    other = UserFactory()
    assert trade_by_sql(trader.pk, other.pk, luffy.pk, "buy", 1)["code"] == "not_your_account"
    assert trade_by_sql(None, other.pk, luffy.pk, "buy", 1)["code"] == "not_bound"
    assert trade_by_sql(trader.pk, None, luffy.pk, "buy", 1)["code"] == "not_your_account"
    assert money_of(other) == {"balance": Decimal("100000.00")}


def test_without_the_binding_check_another_account_can_be_spent(
    trader: User, luffy: Character, broken_trade: Callable[[str, str], None]
) -> None:
    """Negative control: the check is what refuses."""
    broken_trade("IF (v_bound = p_user_id::text) IS NOT TRUE AND", "IF false AND")
    other = UserFactory()
    assert trade_by_sql(trader.pk, other.pk, luffy.pk, "buy", 1)["success"]


def test_staff_commands_need_no_binding(trader: User, luffy: Character) -> None:
    """Members of market_owner act for anyone."""
    assert trade_by_sql(None, trader.pk, luffy.pk, "buy", 1, using="owner")["success"]


def test_a_user_without_an_account_is_refused(luffy: Character) -> None:
    """Staff do not trade."""
    staff = UserFactory(is_staff=True)
    assert place_order(staff, luffy.pk, order("buy", 1)).code == "no_account"


def test_values_that_are_no_integer_never_reach_the_function(trader: User, luffy: Character) -> None:
    """2^31 and NaN have no integer; PostgreSQL refuses the call itself."""
    for quantity in ("2147483648::bigint", "'NaN'::numeric", "1.5"):
        with pytest.raises((ProgrammingError, DataError)), as_user(trader), connections["default"].cursor() as cursor:
            cursor.execute(f"SELECT execute_trade({trader.pk}, {luffy.pk}, 'buy', {quantity}, NULL)")
    assert len(ledger_rows(trader)) == 1


def test_the_opening_balance_is_given_once(trader: User) -> None:
    """open_account is idempotent."""
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT open_account(%s)", [trader.pk])
        assert cursor.fetchone() == (False,)
    assert money_of(trader) == {"balance": Decimal("100000.00")}


def test_the_rules_refuse_what_one_account_could_pump() -> None:
    """The CHECK holds the bound of the pricing proof."""
    with pytest.raises(Exception, match="one_account_could_pump_the_price"):
        MarketRules.objects.using("owner").update(kappa=19_500)
    assert MarketRules.objects.using("owner").update(kappa=19_000) == 1
    MarketRules.objects.using("owner").update(kappa=18_000)


def test_the_ledger_is_clean_after_trades(trader: User, luffy: Character) -> None:
    """Balances and positions are what the ledger adds up to."""
    for side, quantity in (("buy", 7), ("sell", 3), ("buy", 1), ("sell", 5)):
        assert place_order(trader, luffy.pk, order(side, quantity)).success
    assert mismatches() == []


def test_flow_is_the_change_of_the_clamped_vote(trader: User, luffy: Character) -> None:
    """A full vote is 50 shares: 40 then 30 more are 14,400 and 3,600 micro-votes, selling all takes 18,000 back."""
    for side, quantity in (("buy", 40), ("buy", 30), ("buy", 30), ("sell", 100)):
        place_order(trader, luffy.pk, order(side, quantity))
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT votes FROM order_flow ORDER BY created_at")
        assert [votes for (votes,) in cursor.fetchall()] == [14_400, 3_600, -18_000]


def test_a_trade_locks_no_character_row(trader: User, luffy: Character) -> None:
    """Somebody else may update the character's row while a trade on it is open."""
    place_order(trader, luffy.pk, order("buy", 1))
    with as_user(trader), connections["default"].cursor() as cursor:
        cursor.execute("SELECT execute_trade(%s, %s, 'buy', 1, NULL)", [trader.pk, luffy.pk])
        with connections["owner"].cursor() as other:
            other.execute("SET lock_timeout = '200ms'")
            other.execute("UPDATE characters SET current_price = current_price WHERE id = %s", [luffy.pk])
            assert other.rowcount == 1
            other.execute("RESET lock_timeout")


def test_json_of_the_function_is_json(trader: User, luffy: Character) -> None:
    """The raw answer, as psql shows it."""
    with as_user(trader), connections["default"].cursor() as cursor:
        cursor.execute("SELECT execute_trade(%s, %s, 'buy', 1, 100.00)::text", [trader.pk, luffy.pk])
        answer = json.loads(cursor.fetchone()[0])
    assert answer["success"] is True
    assert uuid.UUID(answer["trade_id"])
