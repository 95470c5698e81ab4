"""Delisting buys everybody out at the last price, once, and leaves the books clean whatever happens beside it."""

import json
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import ProgrammingError, connections

from characters.models import Character, Listing
from tests.clients import connect, execute, in_threads, send, waits_then
from tests.factories import CharacterFactory, UserFactory
from tests.market import demand_of, rule, tick, vote_mismatches
from tests.money import ledger_rows, money_of, trade_by_sql
from trading.audit import mismatches, rebuild
from trading.models import Account, Holding, LedgerEntry, MarketRules, OrderFlow, User

pytestmark = pytest.mark.django_db(transaction=True)

HOLDERS = 1_000
DELIST = "SELECT delist_character(%s, %s::numeric)::text"
MAKE_TRADERS = (
    "INSERT INTO users (username, password, first_name, last_name, email, is_superuser, is_staff, is_active, date_joined)"
    " SELECT 'holder' || n, '', '', '', '', false, false, true, now() FROM generate_series(1, %s) n"
)
BUY = "SELECT count(*) FROM users u, execute_trade(u.id, %s, 'buy', 1 + u.id %% 60, NULL) a WHERE a ->> 'code' = 'ok'"
LOCK = "    LOCK TABLE accounts IN EXCLUSIVE MODE;\n"


@pytest.fixture
def luffy() -> Character:
    """A character at 100.00: a full vote is 50 shares."""
    return CharacterFactory()


def delist(character_id: int, price: str | None, alias: str = "owner") -> dict[str, Any]:
    """Delist at the price that staff saw; return the answer."""
    with connections[alias].cursor() as cursor:
        cursor.execute(DELIST, [character_id, price])
        answer: dict[str, Any] = json.loads(cursor.fetchone()[0], parse_float=Decimal)
    return answer


def holder(character: Character, quantity: int = 20) -> User:
    """Return somebody new who holds so many shares."""
    user = UserFactory()
    assert trade_by_sql(user.pk, user.pk, character.pk, "buy", quantity)["code"] == "ok"
    return user


def purchase(user: User, character: Character) -> Any:
    """Return an order for one share, with a fresh id."""
    return (user.pk, character.pk, "buy", 1, str(uuid.uuid4()))


def delist_on(connection: Any, character: Character) -> Any:
    """Delist at 100.00 on this connection; return the answer."""
    return json.loads(connection.execute(DELIST, [character.pk, "100.00"]).fetchone()[0])


def later(character: Character) -> dict[str, Any]:
    """Delist at 100.00 from a connection of one's own."""
    with connect("owner") as connection:
        answer: dict[str, Any] = delist_on(connection, character)
    return answer


def test_a_thousand_holders_are_paid_price_times_shares_each_and_leave_nothing_behind() -> None:
    luffy, zoro = CharacterFactory(), CharacterFactory()
    rule(MAKE_TRADERS, HOLDERS)
    rule("SELECT open_account(id) FROM users")
    assert rule(BUY, luffy.pk) == rule(BUY, zoro.pk) == [(HOLDERS,)]
    rule("UPDATE market_rules SET breaker = 9")
    try:
        tick()
    finally:
        rule("UPDATE market_rules SET breaker = 0.4")
    luffy.refresh_from_db()
    accounts, holdings = Account.objects.using("owner"), Holding.objects.using("owner")
    held = dict(holdings.filter(character_id=luffy.pk).values_list("user_id", "quantity"))
    before = dict(accounts.values_list("user_id", "balance"))
    price = luffy.current_price
    assert (len(held), price) == (HOLDERS, Decimal("300.00"))

    answer = delist(luffy.pk, str(price))
    shares = sum(held.values())
    assert (answer["code"], answer["positions"], answer["shares"], answer["paid"]) == ("ok", HOLDERS, shares, shares * price)
    assert dict(accounts.values_list("user_id", "balance")) == {pk: before[pk] + n * price for pk, n in held.items()}
    entries = LedgerEntry.objects.using("owner").filter(kind="delisting")
    assert {e.user_id: (e.quantity, e.price, e.fee, e.amount, e.quantity_after) for e in entries} == {
        pk: (n, price, 0, n * price, 0) for pk, n in held.items()
    }
    assert (holdings.filter(character_id=luffy.pk).count(), holdings.count()) == (0, HOLDERS)
    assert (mismatches(), rebuild(), vote_mismatches()) == ([], [], [])
    assert demand_of(luffy) > 0
    tick()
    assert (demand_of(luffy), OrderFlow.objects.using("owner").count(), vote_mismatches()) == (0, 0, [])
    luffy.refresh_from_db()
    assert (luffy.is_tradeable, luffy.current_price) == (False, Listing.objects.get(pk=luffy.pk).listed_price)


def test_votes_of_accounts_that_do_not_count_are_not_taken_back(luffy: Character) -> None:
    holder(luffy)
    guest = UserFactory(is_guest=True)
    trade_by_sql(guest.pk, guest.pk, luffy.pk, "buy", 30)
    assert delist(luffy.pk, "100.00")["positions"] == 2
    assert (OrderFlow.objects.using("owner").count(), vote_mismatches()) == (2, [])


def test_a_price_that_moved_since_the_preview_is_refused_and_nothing_happens(luffy: Character) -> None:
    user = holder(luffy)
    before = money_of(user)
    tick()
    answer = delist(luffy.pk, "100.00")
    assert (answer["success"], answer["code"], answer["positions"], answer["paid"]) == (False, "price_moved", 0, 0)
    assert "฿100.72" in answer["message"]
    assert (money_of(user), trade_by_sql(user.pk, user.pk, luffy.pk, "buy", 1)["code"]) == (before, "ok")


@pytest.mark.parametrize("price", ["25.00", None])
def test_an_unknown_character_is_refused(price: str | None) -> None:
    answer = delist(0, price)
    assert (answer["success"], answer["code"]) == (False, "unknown_character")


def test_a_price_that_nobody_saw_is_refused(luffy: Character) -> None:
    user = holder(luffy)
    assert delist(luffy.pk, None)["code"] == "price_moved"
    assert money_of(user)[luffy.pk][0] == 20


def test_delisting_twice_pays_once(luffy: Character) -> None:
    user = holder(luffy)
    assert delist(luffy.pk, "100.00")["paid"] == 2_000
    again = delist(luffy.pk, "100.00")
    assert (again["success"], again["positions"], again["shares"], again["paid"]) == (True, 0, 0, 0)
    assert [row["kind"] for row in ledger_rows(user)] == ["opening", "buy", "delisting"]
    assert trade_by_sql(user.pk, user.pk, luffy.pk, "buy", 1)["code"] == "not_tradeable"


@pytest.mark.parametrize(
    "change",
    ["UPDATE market_rules SET is_halted = true", "UPDATE listings SET halted = true", "UPDATE characters SET is_active = false"],
)
def test_what_is_halted_is_delisted_too(luffy: Character, change: str) -> None:
    user = holder(luffy)
    rule(change)
    try:
        assert delist(luffy.pk, "100.00")["positions"] == 1
    finally:
        MarketRules.objects.using("owner").update(is_halted=False)
    assert (money_of(user), mismatches()) == ({"balance": Decimal("99980.00")}, [])


def test_entries_of_a_delisting_keep_the_ledgers_order_when_the_clock_steps_back(luffy: Character) -> None:
    user = holder(luffy)
    rule("SET ROLE market_system; UPDATE accounts SET last_entry_at = now() + interval '1 hour'; RESET ROLE")
    ahead = Account.objects.using("owner").get(pk=user.pk).last_entry_at
    delist(luffy.pk, "100.00")
    assert ledger_rows(user)[-1]["created_at"] > ahead


def test_the_site_delists_nobody(luffy: Character) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"):
        delist(luffy.pk, "100.00", "default")


# --- races


@pytest.mark.parametrize("held", [0, 20])
def test_a_trade_under_way_is_waited_for_and_bought_back(luffy: Character, held: int) -> None:
    user = holder(luffy, held) if held else UserFactory()
    answer, waited = waits_then(lambda one: execute(one, purchase(user, luffy)), lambda: later(luffy))
    assert (answer.result()["shares"], waited) == (held + 1, True)
    assert (mismatches(), vote_mismatches(), Holding.objects.using("owner").count()) == ([], [], 0)


def test_a_trade_that_comes_meanwhile_waits_and_is_refused(luffy: Character) -> None:
    user = holder(luffy)

    def buy() -> Any:
        with connect() as two:
            return send(two, purchase(user, luffy))

    answer, waited = waits_then(lambda one: delist_on(one, luffy), buy, "owner")
    assert (answer.result()["code"], waited) == ("not_tradeable", True)
    assert (mismatches(), vote_mismatches(), Holding.objects.using("owner").count()) == ([], [], 0)


def test_without_the_lock_a_purchase_under_way_would_be_left_over(luffy: Character, broken: Callable[..., None]) -> None:
    """Negative control: a first purchase, whose position cannot be seen yet."""
    broken("delist_character", LOCK, "")
    user = UserFactory()
    waits_then(lambda one: execute(one, purchase(user, luffy)), lambda: later(luffy))
    assert Holding.objects.using("owner").count() == 1


def test_a_tick_that_moves_the_price_meanwhile_lets_the_delisting_be_refused(luffy: Character) -> None:
    holder(luffy)
    answer, waited = waits_then(lambda one: one.execute("SELECT tick_market()"), lambda: later(luffy), "owner")
    assert (answer.result()["code"], waited) == ("price_moved", True)


def test_a_delisting_that_is_rolled_back_did_nothing(luffy: Character) -> None:
    user = holder(luffy)
    before = money_of(user)
    with connect("owner") as connection, connection.transaction(force_rollback=True):
        assert delist_on(connection, luffy)["positions"] == 1
    assert (money_of(user), mismatches(), vote_mismatches()) == (before, [], [])


def test_traders_beside_a_delisting_are_before_it_or_refused(luffy: Character) -> None:
    users = [UserFactory() for _ in range(8)]
    rows = "SELECT count(*) FROM ledger_entries WHERE kind = 'buy'"

    def trade(number: int) -> list[str]:
        codes = ["ok"]
        with connect() as connection:
            while codes[-1] == "ok":
                orders = [(users[number].pk, luffy.pk, side, 1, str(uuid.uuid4())) for side in ("buy", "buy", "sell")]
                codes += [send(connection, order)["code"] for order in orders]
        return codes

    def staff(_: int) -> list[str]:
        with connect("owner") as connection:
            while connection.execute(rows).fetchall() < [(100,)]:
                pass
            return [delist_on(connection, luffy)["code"]]

    codes = in_threads(lambda number: trade(number) if number < 8 else staff(number), list(range(9)))
    assert {code for row in codes for code in row} == {"ok", "not_tradeable"}
    assert all(row == sorted(row, reverse=True) for row in codes)  # whoever was refused once is refused ever after
    assert (Holding.objects.using("owner").count(), mismatches(), vote_mismatches()) == (0, [], [])
    tick()
    assert demand_of(luffy) == 0
