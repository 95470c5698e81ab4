"""The tick: prices follow what counted accounts hold, and nothing else."""

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from characters.models import BountyEvent, Character, PriceTick
from tests.factories import CharacterFactory, UserFactory
from tests.market import demand_of, give_money, price_by_hand, rule, tick, vote_mismatches
from tests.money import trade_by_sql
from trading.models import Account, MarketTick, OrderFlow

pytestmark = pytest.mark.django_db(transaction=True)
BAND = math.log(3)


def test_a_tick_moves_the_price_by_the_votes_of_who_holds() -> None:
    """F = 100.00, a full vote is 50 shares: 25 are half a vote."""
    character, half, full = CharacterFactory(), UserFactory(), UserFactory()
    trade_by_sql(half.pk, half.pk, character.pk, "buy", 25)
    trade_by_sql(full.pk, full.pk, character.pk, "buy", 200)
    answer = tick()
    character.refresh_from_db()
    assert (answer["code"], answer["flow_rows"], answer["moved"]) == ("ok", 2, [character.pk])
    assert demand_of(character) == 27_000
    assert character.current_price == price_by_hand(Decimal(100), 27_000) == Decimal("102.74")
    assert character.market_cap == character.current_price * 1_000_000
    assert character.sentiment_score == pytest.approx(math.tanh(0.027 / BAND))
    row = PriceTick.objects.get(character=character)
    assert (row.price, row.fundamental, row.demand, row.votes) == (character.current_price, 100, 27_000, 27_000)
    assert (OrderFlow.objects.using("owner").count(), vote_mismatches()) == (0, [])


def test_after_all_is_sold_the_price_is_the_listed_one() -> None:
    character, user = CharacterFactory(), UserFactory()
    trade_by_sql(user.pk, user.pk, character.pk, "buy", 60)
    tick()
    trade_by_sql(user.pk, user.pk, character.pk, "sell", 60)
    tick()
    character.refresh_from_db()
    assert (demand_of(character), character.current_price) == (0, Decimal("100.00"))
    assert [t.price for t in PriceTick.objects.order_by("ticked_at")] == [Decimal("101.82"), Decimal("100.00")]


def test_a_tick_without_anything_to_do_writes_nothing_but_that_it_was_there() -> None:
    CharacterFactory()
    assert tick()["moved"] == []
    assert (PriceTick.objects.count(), MarketTick.objects.count()) == (0, 1)


def test_time_does_not_run_backwards() -> None:
    then = timezone.now()
    assert tick(then)["code"] == "ok"
    assert [tick(then)["code"], tick(then - timedelta(seconds=1))["code"]] == ["in_the_past", "in_the_past"]


def test_a_tick_without_its_partition_fails_loudly_and_changes_nothing() -> None:
    character, user = CharacterFactory(), UserFactory()
    trade_by_sql(user.pk, user.pk, character.pk, "buy", 60)
    with pytest.raises(Exception, match="no partition of relation"):
        tick(datetime(2099, 1, 1, tzinfo=UTC))
    character.refresh_from_db()
    assert (character.current_price, OrderFlow.objects.using("owner").count()) == (Decimal("100.00"), 1)


def test_the_change_in_seven_days_is_against_the_last_price_before_them() -> None:
    character, user = CharacterFactory(), UserFactory()
    now = timezone.now()
    rule("UPDATE listings SET listed_at = %s", now - timedelta(days=30))
    rule("SELECT make_price_partitions(%s, %s)", now - timedelta(days=30), now)
    trade_by_sql(user.pk, user.pk, character.pk, "buy", 60)
    tick(now - timedelta(days=8))
    trade_by_sql(user.pk, user.pk, character.pk, "sell", 60)
    tick(now)
    character.refresh_from_db()
    assert character.weekly_change == pytest.approx((100 / 101.82 - 1) * 100)
    rule("SELECT refresh_weekly_changes(%s)", now + timedelta(days=9))
    character.refresh_from_db()
    assert character.weekly_change == 0


def test_news_of_a_bounty_stops_trade_until_a_tick_applies_it() -> None:
    character, user = CharacterFactory(), UserFactory()
    BountyEvent.objects.create(character=character, amount=16_000_000, chapter=5)
    character.refresh_from_db()
    assert (character.bounty, character.current_price) == (4_000_000, Decimal("100.00"))
    assert trade_by_sql(user.pk, user.pk, character.pk, "buy", 1)["code"] == "not_tradeable"
    assert tick()["news"] == 1
    character.refresh_from_db()
    assert (character.bounty, character.current_price) == (16_000_000, Decimal("200.00"))
    assert trade_by_sql(user.pk, user.pk, character.pk, "buy", 1)["code"] == "ok"


def test_news_that_is_withdrawn_before_the_tick_moves_nothing() -> None:
    character, user = CharacterFactory(), UserFactory()
    event = BountyEvent.objects.create(character=character, amount=16_000_000, chapter=5)
    assert rule("SELECT withdraw_bounty(%s)", event.pk) == [(True,)]
    assert trade_by_sql(user.pk, user.pk, character.pk, "buy", 1)["code"] == "ok"
    tick()
    assert Character.objects.get().bounty == 4_000_000


def test_demand_that_bends_a_price_too_far_in_a_day_stops_trade() -> None:
    character = CharacterFactory()
    users = [give_money(UserFactory(), 10_000_000) for _ in range(24)]
    for user in users:
        trade_by_sql(user.pk, user.pk, character.pk, "buy", 50)
    assert tick()["cooled"] == [character.pk]
    assert trade_by_sql(users[0].pk, users[0].pk, character.pk, "sell", 1)["code"] == "not_tradeable"
    rule("UPDATE listings SET cools_until = now() - interval '1 second'")
    assert trade_by_sql(users[0].pk, users[0].pk, character.pk, "sell", 50)["code"] == "ok"
    assert tick()["cooled"] == []


def test_an_account_that_starts_to_count_brings_its_votes() -> None:
    character = CharacterFactory()
    guest = UserFactory(is_guest=True)
    trade_by_sql(guest.pk, guest.pk, character.pk, "buy", 60)
    assert OrderFlow.objects.using("owner").count() == 0
    guest.is_guest = False
    guest.save(update_fields=["is_guest"])
    assert Account.objects.using("owner").get(pk=guest.pk).is_counted
    tick()
    assert (demand_of(character), vote_mismatches()) == (18_000, [])
    guest.is_staff = True
    guest.save(update_fields=["is_staff"])
    tick()
    assert (demand_of(character), vote_mismatches()) == (0, [])
    assert trade_by_sql(guest.pk, guest.pk, character.pk, "sell", 1)["code"] == "not_a_trader"
