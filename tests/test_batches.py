"""Many orders in one call: each answered, in their order, under one lock; all of them or, after a crash, none."""

import json
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connections, transaction

from characters.models import Character
from tests.clients import connect, in_threads
from tests.factories import CharacterFactory, UserFactory
from tests.market import rule, tick, vote_mismatches
from tests.money import ledger_rows, money_of, trade_by_sql
from tests.test_races import LOCK
from trading.audit import mismatches
from trading.models import User
from trading.orders import OrderError
from trading.services import Answer, place_orders

pytestmark = pytest.mark.django_db(transaction=True)
type Fields = dict[str, Any]


@pytest.fixture
def trader() -> User:
    """Return a trader with 100,000.00."""
    return UserFactory()


@pytest.fixture
def zoro() -> Character:
    """Return a character at 100.00."""
    return CharacterFactory(name="Zoro")


def buy(character: Character, quantity: object = 1, **more: object) -> Fields:
    """Return an order."""
    return {"character_id": character.pk, "action": "buy", "quantity": quantity, **more}


def sell(character: Character, quantity: object = 1, **more: object) -> Fields:
    """Return an order."""
    return buy(character, quantity, **more) | {"action": "sell"}


def named(orders: list[Fields]) -> list[Fields]:
    """Give each order an id of its own."""
    return [{**order, "trade_id": uuid.uuid4()} for order in orders]


def codes(answers: list[Answer]) -> list[str]:
    """Return what became of each order."""
    return [answer.code for answer in answers]


def mixed(one: Character, two: Character) -> tuple[list[Fields], list[str]]:
    """Return a hundred orders of all kinds, and what each must come to."""
    ten = [
        (buy(one, 2), "ok"),
        (sell(two, 500), "insufficient_shares"),
        (buy(two, "1", price=Decimal("100.00")), "ok"),
        (buy(one, 1, price="99.99"), "price_moved"),
        (buy(one, 0), "invalid_quantity"),
        (buy(one, 999_999), "insufficient_funds"),
        ({"character_id": 999_999, "action": "buy", "quantity": 1}, "not_tradeable"),
        (buy(one) | {"action": "steal"}, "invalid_action"),
        ({"odd": True}, "invalid_order"),
        (sell(one, 1), "ok"),
    ]
    return [order for order, _ in ten] * 10, [code for _, code in ten] * 10


def test_a_hundred_mixed_orders_are_answered_in_their_order_and_refused_ones_stop_none(trader: User, zoro: Character) -> None:
    nami = CharacterFactory(name="Nami")
    orders, expected = mixed(zoro, nami)
    answers = place_orders(trader, orders)
    assert codes(answers) == expected
    assert (money_of(trader)[zoro.pk][0], money_of(trader)[nami.pk][0]) == (10, 10)
    assert [a.quantity_held for a, o in zip(answers, orders, strict=True) if a.success and o["character_id"] == nami.pk] == [
        *range(1, 11)
    ]
    assert answers[-1].balance == money_of(trader)["balance"]
    assert len(ledger_rows(trader)) == 1 + 30
    tick()
    assert (mismatches(), vote_mismatches()) == ([], [])


def test_a_batch_is_answered_as_its_orders_are_one_by_one(zoro: Character) -> None:
    nami, one, other = CharacterFactory(name="Nami"), UserFactory(), UserFactory()
    orders = named([order for order, code in zip(*mixed(zoro, nami), strict=True) if code != "invalid_order"])
    together = place_orders(one, orders)
    alone = [
        trade_by_sql(
            other.pk, other.pk, order["character_id"], order["action"], int(order["quantity"]), order.get("price"),
            str(order["trade_id"]),
        )
        for order in orders
    ]  # fmt: skip
    assert [answer._asdict() for answer in together] == alone


def test_the_same_ids_again_give_the_same_answers_and_trade_once(trader: User, zoro: Character) -> None:
    orders = named([buy(zoro, 5), sell(zoro, 9), sell(zoro, 2)])
    first, again = place_orders(trader, orders), place_orders(trader, orders)
    assert codes(again) == codes(first) == ["ok", "insufficient_shares", "ok"]
    assert [again[n]._replace(replayed=False) for n in (0, 2)] == [first[n] for n in (0, 2)]
    assert [answer.replayed for answer in again] == [True, False, True]  # a refusal is decided anew
    assert len(ledger_rows(trader)) == 3
    place_orders(trader, named(orders))  # the control: new ids trade again
    assert len(ledger_rows(trader)) == 5


def test_an_id_twice_in_one_batch_trades_once(trader: User, zoro: Character) -> None:
    (order,) = named([buy(zoro)])
    assert [a.replayed for a in place_orders(trader, [order, order])] == [False, True]
    assert codes(place_orders(trader, [order | {"quantity": 2}])) == ["trade_id_reused"]
    assert money_of(trader)[zoro.pk][0] == 1


NO_ORDER: list[Any] = [None, 7, "buy", [], {}, {"character_id": 1}]
ODD: list[dict[Any, Any]] = [
    {"quantity": "1e3"}, {"quantity": -1}, {"quantity": 1.0}, {"quantity": True}, {"quantity": None}, {"quantity": "１"},
    {"quantity": "1\n"}, {"quantity": 10**5000}, {"quantity": float("nan")}, {"quantity": [1]},
    {"character_id": "1; DROP"}, {"character_id": 10**12}, {"action": "buy\0"}, {"action": "\ud800"}, {"action": "b" * 11},
    {"price": "NaN"}, {"price": 0.1}, {"price": Decimal("NaN")}, {"price": Decimal("1E+1000")}, {"price": "1.001"},
    {"trade_id": "7"}, {"trade_id": 7}, {"limit": 5}, {7: 7},
]  # fmt: skip


def test_an_order_that_cannot_be_read_is_answered_so_and_stops_none(trader: User, zoro: Character) -> None:
    unreadable = [*NO_ORDER, *(buy(zoro) | odd for odd in ODD)]
    answers = place_orders(trader, [order for one in unreadable for order in (buy(zoro), one)])
    assert codes(answers[::2]) == ["ok"] * len(unreadable)
    assert codes(answers[1::2]) == ["invalid_order"] * len(unreadable)
    assert {(a.success, a.trade_id, a.message[-1]) for a in answers[1::2]} == {(False, None, ".")}
    assert len(ledger_rows(trader)) == 1 + len(unreadable)


@pytest.mark.parametrize("sent", [None, "", {}, {"orders": []}, iter([]), [{}] * 1001])
def test_what_is_no_list_of_at_most_a_thousand_orders_is_refused_and_nothing_is_done(trader: User, sent: Any) -> None:
    with pytest.raises(OrderError, match="at most 1,000") as refused:
        place_orders(trader, sent)
    assert refused.value.code == "invalid_orders"
    assert len(ledger_rows(trader)) == 1


@pytest.mark.parametrize("sent", ["null", "7", '{"action": "buy"}', json.dumps([{}] * 1001)])
def test_the_database_refuses_what_is_no_list_whoever_sends_it(trader: User, sent: str) -> None:
    with pytest.raises(Exception, match="invalid_orders") as refused:
        rule("SELECT execute_trades(%s, %s::jsonb)", trader.pk, sent)
    assert getattr(refused.value.__cause__, "sqlstate", "") == "22023"


def test_a_thousand_orders_are_a_batch_and_none_are_too(trader: User, zoro: Character) -> None:
    assert set(codes(place_orders(trader, [buy(zoro), sell(zoro)] * 500))) == {"ok"}
    assert place_orders(trader, []) == []
    assert mismatches() == []


@pytest.mark.parametrize(("bound", "code"), [(True, "not_your_account"), (False, "not_bound")])
def test_who_is_bound_to_another_user_is_told_so_for_each_order(trader: User, zoro: Character, bound: bool, code: str) -> None:
    """And the control: bound to himself it trades."""
    stranger, orders = UserFactory(), json.dumps([buy(zoro), sell(zoro), {}])
    assert codes_by_sql(stranger.pk if bound else None, trader.pk, orders) == [code, code, "invalid_order"]
    assert len(ledger_rows(trader)) == 1
    assert codes_by_sql(trader.pk, trader.pk, orders) == ["ok", "ok", "invalid_order"]


def codes_by_sql(bound: int | None, user_id: int, orders: str) -> list[str]:
    """Call the SQL function bound to any user or to nobody."""
    with transaction.atomic(), connections["default"].cursor() as cursor:
        if bound is not None:
            cursor.execute(f"SET LOCAL market.user_id = '{bound}'")
        cursor.execute("SELECT execute_trades(%s, %s::jsonb)::text", [user_id, orders])
        return [answer["code"] for answer in json.loads(cursor.fetchone()[0])]


def test_staff_is_answered_for_each_order_that_it_does_not_trade(zoro: Character) -> None:
    assert codes(place_orders(UserFactory(is_staff=True), [buy(zoro), buy(zoro)])) == ["no_account", "no_account"]


# --- at once


def eight_batches(trader: User, character: Character) -> Counter[str]:
    """Sell thirty shares, one by one, in each of eight batches at once."""

    def batch(_: int) -> list[str]:
        try:
            return codes(place_orders(trader, [sell(character)] * 30))
        finally:
            connections.close_all()

    return Counter(code for found in in_threads(batch, list(range(8))) for code in found)


def test_eight_batches_of_one_user_at_once_never_oversell(trader: User, zoro: Character) -> None:
    place_orders(trader, [buy(zoro, 100)])
    assert eight_batches(trader, zoro) == {"ok": 100, "insufficient_shares": 140}
    assert zoro.pk not in money_of(trader)
    assert (mismatches(), vote_mismatches()) == ([], [])


def test_without_the_lock_eight_batches_break_the_books(
    trader: User, zoro: Character, broken_trade: Callable[[str, str], None]
) -> None:
    """Negative control: they oversell, or lose sales, or PostgreSQL stops one of them."""
    place_orders(trader, [buy(zoro, 100)])
    broken_trade(LOCK, "WHERE user_id = p_user_id")
    try:
        sold = eight_batches(trader, zoro)
    except OperationalError as error:  # a deadlock: they write the same rows in one order only while they take turns
        assert "deadlock" in str(error)  # noqa: PT017
    else:
        assert sold != {"ok": 100, "insufficient_shares": 140} or mismatches()


# --- a crash in the middle


def killed_in_the_middle(work: Callable[["psycopg.Connection[Any]"], object], character: Character) -> None:
    """Do this in a connection of its own, and terminate that as soon as it waits for this character's row.

    The first purchase of a character locks his row (foreign key): so we hold it up in the middle.
    """
    waits = "SELECT count(*) FROM pg_stat_activity WHERE %s = ANY (pg_blocking_pids(pid)) AND pid = %s"
    with connect("owner") as blocker, connect("owner") as killer, connect("owner") as victim, ThreadPoolExecutor(1) as pool:
        with blocker.transaction():
            blocker.execute("SELECT FROM characters WHERE id = %s FOR UPDATE", [character.pk])
            running = pool.submit(work, victim)
            while not running.done() and killer.execute(
                waits, [blocker.info.backend_pid, victim.info.backend_pid]
            ).fetchone() != (1,):
                pass
            killer.execute("SELECT pg_terminate_backend(%s)", [victim.info.backend_pid])
            assert isinstance(running.exception(10), psycopg.OperationalError)


def test_a_batch_whose_backend_dies_in_the_middle_is_done_not_at_all(trader: User, zoro: Character) -> None:
    """And sent again with the same ids, it is done once."""
    late = CharacterFactory(name="Nami")
    orders = named([*[buy(zoro)] * 20, buy(late), *[sell(zoro)] * 5])
    before, sent = money_of(trader), json.dumps(orders, default=str)
    killed_in_the_middle(lambda c: c.execute("SELECT execute_trades(%s, %s::jsonb)", [trader.pk, sent]), late)
    assert (money_of(trader), len(ledger_rows(trader))) == (before, 1)
    assert {(a.code, a.replayed) for a in place_orders(trader, orders)} == {("ok", False)}
    assert {(a.code, a.replayed) for a in place_orders(trader, orders)} == {("ok", True)}
    assert (money_of(trader)[zoro.pk][0], money_of(trader)[late.pk][0]) == (15, 1)
    assert (mismatches(), vote_mismatches()) == ([], [])


def test_single_orders_are_done_until_their_backend_dies(trader: User, zoro: Character) -> None:
    """Negative control: the middle is a middle."""
    late = CharacterFactory(name="Nami")
    orders = [*[buy(zoro)] * 20, buy(late), *[sell(zoro)] * 5]

    def one_by_one(connection: "psycopg.Connection[Any]") -> None:
        for order in orders:
            connection.execute("SELECT execute_trades(%s, %s::jsonb)", [trader.pk, json.dumps([order])])

    killed_in_the_middle(one_by_one, late)
    assert money_of(trader)[zoro.pk][0] == 20
    assert late.pk not in money_of(trader)
