"""The whole market against its model in Python: whatever traders, staff and news do in whatever order, both say the same."""

import uuid
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from characters.models import BountyEvent, Character, Listing
from tests import market
from tests.factories import CharacterFactory, UserFactory
from tests.model import Market, Stock, Trader
from tests.money import money_of, trade_by_sql, trades_by_sql
from trading.audit import mismatches, rebuild
from trading.models import User

pytestmark = pytest.mark.django_db(transaction=True)

BOUNTIES = (4_000_000, 0, None)  # 100.00, 10.00, 25.00: full votes are 50, 500 and 200 shares
BREAKER = 0.03  # two full votes bend a price too far
who = st.integers(0, 2)
what = st.integers(0, len(BOUNTIES) - 1)
order = st.tuples(
    what,
    st.sampled_from(["buy", "buy", "sell", "hold"]),
    st.one_of(st.integers(0, 60), st.integers(1, 12_000)),
    st.sampled_from([None, None, "0.00", "0.01", "-0.01"]),  # the price accepted, from the price now
)
type Order = tuple[int, str, int, str | None]
type Call = tuple[int, int, str, int, Decimal | None, str]


class Snapshot:
    """What everybody had at a moment, by the model."""

    def __init__(self, at: datetime, traders: dict[int, Trader]) -> None:
        self.at = at
        self.balances = {pk: trader.cash for pk, trader in traders.items()}
        self.positions = {(pk, key): held for pk, trader in traders.items() for key, held in trader.held.items()}


class MovingMarket(RuleBasedStateMachine):
    """Three traders, three characters, staff and a ticker."""

    def __init__(self) -> None:
        super().__init__()
        self.users: list[User] = [UserFactory() for _ in range(3)]
        self.characters: list[Character] = [CharacterFactory(bounty=bounty) for bounty in BOUNTIES]
        stocks = {c.pk: Stock(c.bounty) for c in self.characters}
        self.events = {pk: [e.pk for e in BountyEvent.objects.filter(character_id=pk)] for pk in stocks}
        self.model = Market({u.pk: Trader() for u in self.users}, stocks, BREAKER)
        self.calls: list[Call] = []
        self.snapshots: list[Snapshot] = []

    def stock(self, number: int) -> Stock:
        """Return one character's model."""
        return self.model.stocks[self.characters[number].pk]

    def call(self, number: int, wanted: Order) -> Call:
        """Return an order as it is sent: user, character, action, quantity, worst price, a fresh id."""
        which, action, quantity, apart = wanted
        price = None if apart is None else self.stock(which).price + Decimal(apart)
        return self.users[number].pk, self.characters[which].pk, action, quantity, price, str(uuid.uuid4())

    def send(self, call: Call) -> None:
        """Send one order to both."""
        user, character, action, quantity, price, trade_id = call
        answer = trade_by_sql(user, user, character, action, quantity, None if price is None else str(price), trade_id)
        assert answer["code"] == self.model.trade(*call), (call, answer)

    @rule(number=who, wanted=order)
    def trade(self, number: int, wanted: Order) -> None:
        """Send an order."""
        self.calls.append(self.call(number, wanted))
        self.send(self.calls[-1])

    @precondition(lambda self: self.calls)
    @rule(data=st.data(), other=st.sampled_from([0, 0, 1]))
    def repeat(self, data: st.DataObject, other: int) -> None:
        """Send an order again, as it was or with another quantity."""
        user, character, action, quantity, price, trade_id = data.draw(st.sampled_from(self.calls))
        self.send((user, character, action, quantity + other, price, trade_id))

    @rule(number=who, wanted=st.lists(order, max_size=5))
    def trade_many(self, number: int, wanted: list[Order]) -> None:
        """Send several orders in one call."""
        calls = [self.call(number, one) for one in wanted]
        names = ("character_id", "action", "quantity", "price", "trade_id")
        orders = [{n: v if n != "price" else v and str(v) for n, v in zip(names, call[1:], strict=True)} for call in calls]
        answers = trades_by_sql(self.users[number], orders)
        assert [answer["code"] for answer in answers] == [self.model.trade(*call) for call in calls]
        self.calls += calls

    @rule()
    def tick(self) -> None:
        """Tick; every published price is the model's."""
        assert market.tick()["code"] == "ok"
        self.model.tick()
        self.compare_prices()

    @rule(number=what)
    def halt(self, number: int) -> None:
        """Let staff halt a character, or open it again."""
        stock = self.stock(number)
        stock.is_halted = not stock.is_halted
        Listing.objects.using("owner").filter(pk=self.characters[number].pk).update(halted=stock.is_halted)

    @rule()
    def halt_all(self) -> None:
        """Let staff halt the market, or open it again."""
        self.model.is_halted = not self.model.is_halted
        market.rule("UPDATE market_rules SET is_halted = %s", self.model.is_halted)

    @rule(number=what, amount=st.sampled_from([None, 0, 4_000_000, 9_000_000]), chapter=st.sampled_from([None, 1, 2, 3]))
    def announce(self, number: int, amount: int | None, chapter: int | None) -> None:
        """Let news of a bounty come, as staff enter it."""
        character = self.characters[number]
        event = BountyEvent.objects.create(character=character, amount=amount, chapter=chapter)
        self.events[character.pk].append(event.pk)
        self.stock(number).announce(amount, chapter)

    @rule(data=st.data(), number=what)
    def withdraw(self, data: st.DataObject, number: int) -> None:
        """Take news back: waiting, applied, or taken back before."""
        news = self.stock(number).news
        if news:
            place = data.draw(st.integers(0, len(news) - 1))
            event = self.events[self.characters[number].pk][place]
            assert market.rule("SELECT withdraw_bounty(%s)", event) == [(self.stock(number).withdraw(news[place]),)]

    @precondition(lambda self: any(stock.cools for stock in self.model.stocks.values()))
    @rule()
    def calm_down(self) -> None:
        """Let the time pass for which trade cools."""
        market.rule("UPDATE listings SET cools_until = clock_timestamp() WHERE cools_until > clock_timestamp()")
        for stock in self.model.stocks.values():
            if stock.cools:
                stock.calm_down()

    @rule(number=who, change=st.sampled_from(["is_guest", "is_active"]))
    def become(self, number: int, change: str) -> None:
        """Let an account start or cease to count."""
        user = self.users[number]
        self.model.become(user.pk, change)
        User.objects.filter(pk=user.pk).update(**{change: getattr(self.model.traders[user.pk], change)})

    @rule(number=what, apart=st.sampled_from(["0.01", "0.01", "0.00"]))
    def delist(self, number: int, apart: str) -> None:
        """Let staff delist a character, at the price that is or at another."""
        character, price = self.characters[number].pk, self.stock(number).price + Decimal(apart)
        [(code,)] = market.rule("SELECT delist_character(%s, %s) ->> 'code'", character, price)
        assert code == self.model.delist(character, price)

    @rule()
    def snapshot(self) -> None:
        """Remember what everybody has now."""
        [(now,)] = market.rule("SELECT clock_timestamp()")
        self.snapshots.append(Snapshot(now, self.model.traders))

    def compare_prices(self) -> None:
        """Hold every character against the model."""
        for character in Character.objects.filter(pk__in=self.model.stocks).select_related("listing"):
            stock, listing = self.model.stocks[character.pk], character.listing
            found = (character.current_price, character.bounty, listing.fundamental, listing.demand, listing.awaits_bounty)
            assert found == (stock.price, stock.bounty, stock.fundamental, stock.demand, stock.awaits)
            assert character.is_tradeable != stock.is_delisted

    def teardown(self) -> None:
        """Hold money, positions, votes, prices, the log and the past against the model."""
        market.rule("UPDATE market_rules SET is_halted = false")
        for pk, trader in self.model.traders.items():
            assert money_of(User(pk=pk)) == {"balance": trader.cash, **trader.held}
        flow = dict(market.rule("SELECT character_id, sum(votes) FROM order_flow GROUP BY 1"))
        assert {pk: flow.get(pk, 0) for pk in self.model.stocks} == {pk: s.flow for pk, s in self.model.stocks.items()}
        self.compare_prices()
        assert (mismatches(), market.vote_mismatches(), market.tick_mismatches()) == ([], [], [])
        for snapshot in self.snapshots:
            rebuild(snapshot.at)
            assert rebuilt(self.model.traders) == (snapshot.balances, snapshot.positions)


def rebuilt(traders: dict[int, Trader]) -> tuple[dict[Any, Any], dict[Any, Any]]:
    """Return the balances and positions that a rebuild found, of these users."""
    ids = list(traders)
    balances = dict(market.rule("SELECT user_id, balance FROM rebuilt.accounts WHERE user_id = ANY (%s)", ids))
    positions = market.rule("SELECT * FROM rebuilt.holdings WHERE user_id = ANY (%s)", ids)
    return balances, {(user, character): (quantity, cost) for user, character, quantity, cost in positions}


@pytest.fixture
def nervous(transactional_db: None) -> Iterator[None]:
    """Let two full votes be too many for a day, so that trade cools now and then."""
    market.rule("UPDATE market_rules SET breaker = %s", BREAKER)
    yield
    market.rule("UPDATE market_rules SET breaker = 0.4, is_halted = false")


def test_the_market_does_what_its_model_does(nervous: None) -> None:
    run_state_machine_as_test(
        MovingMarket,
        settings=settings(max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)),
    )


def test_without_the_votes_of_sales_the_market_is_told_from_its_model(
    nervous: None, broken_trade: Callable[[str, str], None]
) -> None:
    """Negative control: a few steps by hand."""
    broken_trade("v_account.is_counted AND v_votes <> 0", "v_account.is_counted AND v_votes > 0")
    steps = MovingMarket()
    steps.trade(0, (0, "buy", 50, None))
    steps.tick()
    steps.trade(0, (0, "sell", 50, None))
    with pytest.raises(AssertionError):
        steps.tick()
