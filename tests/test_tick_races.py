"""Ticks beside ticks, beside trades and in death: no vote is lost or counted twice, no price is seen that was not published."""

import random
import time
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from threading import Event
from typing import NamedTuple

import psycopg
import pytest
from django.db import connections

import sql
from characters.models import Character, Listing, PriceTick
from tests.clients import connect, in_threads, send, waits_then
from tests.factories import CharacterFactory, UserFactory
from tests.market import demand_of, give_money, rule, tick, tick_mismatches, vote_mismatches, waiting_tick
from tests.money import money_of, trade_by_sql
from trading.audit import mismatches
from trading.models import MarketTick, OrderFlow, User
from trading.orders import ParsedOrder
from trading.services import place_order

pytestmark = pytest.mark.django_db(transaction=True)

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
TRADERS, TRADES, TICKERS = 8, 500, 2
CONSUME = "    WITH consumed AS (\n        DELETE FROM order_flow RETURNING character_id, votes\n    ), flow AS ("
ROWS = "    PERFORM FROM characters WHERE id = ANY (v_concerned) ORDER BY id FOR NO KEY UPDATE;"


class Deal(NamedTuple):
    """An executed trade: at what price, and when its client asked and was answered."""

    character: int
    price: Decimal
    asked: float
    answered: float


class Ticked(NamedTuple):
    """A tick that published: its time in the database, and when its caller asked and was answered."""

    at: datetime
    asked: float
    answered: float


class Crowd:
    """Traders who trade at random while tickers tick, and what they were told."""

    def __init__(self) -> None:
        self.characters = [CharacterFactory(bounty=bounty).pk for bounty in (4_000_000, 0, None, 39_204_000_000)]
        self.users = [give_money(UserFactory(), 10_000_000) for _ in range(TRADERS // 2)]
        self.deals: list[Deal] = []
        self.ticks: list[Ticked] = []
        self.codes: Counter[str] = Counter()
        self.trading = TRADERS
        self.over = Event()

    def run(self) -> None:
        """Let everybody begin at once; the tickers end with the last trader."""
        in_threads(self.work, [*range(TRADERS), *[-1] * TICKERS])

    def work(self, number: int) -> None:
        """Trade, or tick where the number is -1."""
        try:
            if number < 0:
                self.keep_ticking()
            else:
                self.trade(random.Random(number), self.users[number // 2])
        finally:
            connections.close_all()

    def trade(self, chance: random.Random, user: User) -> None:
        """Buy and sell at random."""
        for _ in range(TRADES):
            order = ParsedOrder(chance.choice(("buy", "buy", "sell")), chance.randint(1, 60), None, uuid.uuid4())
            character, asked = chance.choice(self.characters), time.monotonic()
            answer = place_order(user, character, order)
            self.codes[answer.code] += 1
            if answer.success:
                self.deals.append(Deal(character, answer.price or Decimal(0), asked, time.monotonic()))
        self.trading -= 1
        if not self.trading:
            self.over.set()

    def keep_ticking(self) -> None:
        """Tick without pause."""
        while not self.over.is_set():
            self.tick()

    def tick(self) -> None:
        """Tick, and note when."""
        asked = time.monotonic()
        answer = tick()
        self.codes[answer["code"]] += 1
        if answer["code"] == "ok":
            self.ticks.append(Ticked(datetime.fromisoformat(answer["ticked_at"]), asked, time.monotonic()))

    def impossible(self) -> list[Deal]:
        """Return the deals at a price that was not in effect at any time between question and answer."""
        prices = {pk: [(LONG_AGO, Listing.objects.get(pk=pk).listed_price)] for pk in self.characters}
        for row in PriceTick.objects.order_by("ticked_at"):
            prices[row.character_id].append((row.ticked_at, row.price))
        return [deal for deal in self.deals if deal.price not in self.published(deal, prices[deal.character])]

    def published(self, deal: Deal, prices: list[tuple[datetime, Decimal]]) -> set[Decimal]:
        """Return the prices that the client may have met: of the last tick before, and of those meanwhile."""
        before = max((t.at for t in self.ticks if t.answered <= deal.asked), default=LONG_AGO)
        until = max((t.at for t in self.ticks if t.asked < deal.answered), default=LONG_AGO)
        last = max(moment for moment, _ in prices if moment <= before)
        return {price for moment, price in prices if last <= moment <= until}

    def sell_out(self) -> None:
        """Sell all that anybody holds."""
        for user in self.users:
            for character, (quantity, _) in [item for item in money_of(user).items() if item[0] != "balance"]:
                assert place_order(user, character, ParsedOrder("sell", quantity, None, uuid.uuid4())).success


@pytest.fixture
def luffy() -> Character:
    """A character at 100.00; a full vote is 50 shares, 18,000 micro-votes."""
    return CharacterFactory()


def buy(character: Character, quantity: int = 50) -> User:
    """Let somebody new buy."""
    user = UserFactory()
    assert trade_by_sql(user.pk, user.pk, character.pk, "buy", quantity)["code"] == "ok"
    return user


def pending() -> int:
    """Return how many rows wait for a tick."""
    return OrderFlow.objects.using("owner").count()


# --- two tickers


def test_of_two_tickers_one_works_and_the_other_is_busy(luffy: Character) -> None:
    buy(luffy)
    answer, waited = waits_then(lambda one: one.execute("SELECT tick_market()"), tick, "owner")
    assert (answer.result(), waited) == ({"code": "busy"}, False)
    assert (demand_of(luffy), pending(), MarketTick.objects.count()) == (18_000, 0, 1)
    assert tick()["flow_rows"] == 0


def test_without_its_lock_the_other_ticker_would_wait(luffy: Character, broken: Callable[..., None]) -> None:
    """Negative control."""
    broken("tick_market_at", "IF NOT pg_try_advisory_xact_lock(hashtext('tick_market')) THEN", "IF false THEN")
    buy(luffy)
    _, waited = waits_then(lambda one: one.execute("SELECT tick_market()"), tick, "owner")
    assert waited


# --- a tick that dies


def test_a_tick_killed_in_the_middle_did_nothing_and_the_next_does_all_of_it(luffy: Character) -> None:
    buy(luffy)
    buy(luffy, 25)
    with waiting_tick(luffy) as ticking:
        assert rule("SELECT pg_terminate_backend(%s, 10000)", ticking.pid) == [(True,)]
        assert isinstance(ticking.answer.exception(10), psycopg.errors.AdminShutdown)
    luffy.refresh_from_db()
    assert (luffy.current_price, demand_of(luffy), pending(), MarketTick.objects.count()) == (100, 0, 2, 0)
    assert vote_mismatches() == []
    assert tick()["flow_rows"] == 2
    luffy.refresh_from_db()
    assert (luffy.current_price, demand_of(luffy), pending()) == (Decimal("102.74"), 27_000, 0)


def test_without_one_transaction_what_a_killed_tick_had_consumed_would_be_gone(luffy: Character) -> None:
    """Negative control: the flow is consumed and committed, and the rest of the tick never comes."""
    buy(luffy)
    rule("SET ROLE market_system; DELETE FROM order_flow; RESET ROLE")
    tick()
    assert vote_mismatches() == [(luffy.pk, 18_000, 0)]


# --- trades meanwhile


def test_a_trade_that_commits_while_a_tick_is_under_way_waits_for_the_next(luffy: Character) -> None:
    buy(luffy)
    with waiting_tick(luffy) as ticking:
        buy(luffy)
    assert ticking.answer.result()["flow_rows"] == 1
    assert (demand_of(luffy), pending(), vote_mismatches()) == (18_000, 1, [])
    tick()
    assert (demand_of(luffy), pending(), vote_mismatches()) == (36_000, 0, [])


def test_without_consuming_what_it_adds_up_a_tick_loses_a_late_trade(luffy: Character, broken: Callable[..., None]) -> None:
    """Negative control: the same interleaving, with the sum in one statement and the deletion in a later one."""
    text = sql.read("functions/tick_market_at")
    whole = text[text.index(CONSUME) : text.index(ROWS) + len(ROWS)]
    summed = whole.replace(CONSUME, "    WITH flow AS (").replace("FROM consumed GROUP BY", "FROM order_flow GROUP BY")
    broken("tick_market_at", whole, f"{summed}\n    DELETE FROM order_flow;")
    buy(luffy)
    with waiting_tick(luffy):
        buy(luffy)
    assert (demand_of(luffy), pending()) == (18_000, 0)
    assert vote_mismatches() == [(luffy.pk, 36_000, 18_000)]


def test_every_trade_beside_ticks_is_counted_once_and_at_a_published_price() -> None:
    crowd = Crowd()
    crowd.run()
    assert set(crowd.codes) <= {"ok", "busy", "in_the_past", "insufficient_shares", "position_cap"}
    assert crowd.codes["busy"] > 0
    assert len(crowd.deals) > TRADERS * TRADES / 2
    assert len(crowd.ticks) == MarketTick.objects.count() > 20
    assert len({deal.price for deal in crowd.deals}) > 20
    assert crowd.impossible() == []
    assert (vote_mismatches(), mismatches(), tick_mismatches()) == ([], [], [])
    crowd.sell_out()
    tick()
    assert [demand_of(character) for character in Character.objects.all()] == [0] * 4
    assert [c for c in Character.objects.select_related("listing") if c.current_price != c.listing.listed_price] == []
    assert (pending(), vote_mismatches(), mismatches()) == (0, [], [])


def test_without_a_fresh_snapshot_an_order_trades_at_an_old_price_and_that_is_seen() -> None:
    """Negative control: within REPEATABLE READ the trade sees the prices of the transaction's beginning."""
    crowd = Crowd()
    user, character = crowd.users[0], crowd.characters[0]
    with connect() as late:
        late.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        with late.transaction():
            late.execute("SELECT 1")
            buy(Character.objects.get(pk=character))
            crowd.tick()
            asked = time.monotonic()
            answer = send(late, (user.pk, character, "buy", 1, str(uuid.uuid4())))
    crowd.deals = [Deal(character, answer["price"], asked, time.monotonic())]
    assert (answer["price"], crowd.impossible()) == (100, crowd.deals)
