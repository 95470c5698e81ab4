"""What a tick holds itself to: the floor, the log, its clock, and the breaker that counts a day's demand alone."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from characters.models import BountyEvent, Character, Listing, PriceTick
from tests.factories import CharacterFactory, UserFactory
from tests.market import demand_of, rule, tick, tick_mismatches
from tests.money import trade_by_sql

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = timedelta(hours=1)


@pytest.fixture
def luffy() -> Character:
    """A character at 100.00, listed long ago: a full vote is 50 shares."""
    character = CharacterFactory()
    now = timezone.now()
    rule("SELECT make_price_partitions(%s, %s)", now - timedelta(days=3), now + timedelta(days=3))
    return character


def vote(character: Character, traders: int) -> None:
    """Let so many new traders hold a full vote each."""
    for _ in range(traders):
        user = UserFactory()
        assert trade_by_sql(user.pk, user.pk, character.pk, "buy", 50)["code"] == "ok"


def cooled(character: Character, *ticks: tuple[datetime, int]) -> list[Any]:
    """Tick at these times, after so many votes each; return what each tick let cool."""
    answers = []
    for at, traders in ticks:
        vote(character, traders)
        answers.append(tick(at)["cooled"])
    return answers


def test_a_day_is_24_hours_and_its_small_steps_add_up(luffy: Character) -> None:
    now = timezone.now()
    assert cooled(luffy, (now - 20 * HOUR, 8), (now - 10 * HOUR, 8), (now, 8)) == [[], [], [luffy.pk]]


def test_what_is_older_than_a_day_is_not_counted(luffy: Character) -> None:
    now = timezone.now()
    assert cooled(luffy, (now - 30 * HOUR, 8), (now - 15 * HOUR, 8), (now, 8)) == [[], [], []]


def test_the_breaker_counts_a_fall_as_well(luffy: Character) -> None:
    now = timezone.now()
    assert cooled(luffy, (now - 50 * HOUR, 12), (now - 25 * HOUR, 12)) == [[], []]
    rule("UPDATE users SET is_active = false")
    assert tick(now)["cooled"] == [luffy.pk]


def test_cooling_lasts_as_long_as_the_rules_say_and_votes_meanwhile_do_not_prolong_it(luffy: Character) -> None:
    now = timezone.now()
    assert cooled(luffy, (now, 24)) == [[luffy.pk]]
    assert Listing.objects.get().cools_until == now + HOUR
    rule("UPDATE users SET is_active = false")
    assert tick(now + HOUR / 2)["cooled"] == []
    assert (Listing.objects.get().cools_until, demand_of(luffy)) == (now + HOUR, 0)


def test_news_alone_lets_nothing_cool(luffy: Character) -> None:
    vote(luffy, 1)
    BountyEvent.objects.create(character=luffy, amount=10**12)
    answer = tick()
    assert (answer["news"], answer["cooled"]) == (1, [])


def test_votes_too_small_to_move_a_price_are_in_the_log() -> None:
    usopp, user = CharacterFactory(bounty=0), UserFactory()
    for _ in range(2):
        trade_by_sql(user.pk, user.pk, usopp.pk, "buy", 1)
        assert tick()["moved"] == []
    assert list(PriceTick.objects.order_by("ticked_at").values_list("votes", "demand", "price")) == [(36, 36, 10), (36, 72, 10)]
    assert tick_mismatches() == []


def test_a_log_that_lacks_a_tick_is_seen() -> None:
    usopp, user = CharacterFactory(bounty=0), UserFactory()
    for _ in range(2):
        trade_by_sql(user.pk, user.pk, usopp.pk, "buy", 1)
        tick()
    rule("DELETE FROM price_ticks WHERE demand = 36")
    assert [(what, int(expected), int(found)) for _, _, what, expected, found in tick_mismatches()] == [("demand", 36, 72)]
    rule("UPDATE price_ticks SET demand = 36, price = 11")
    assert [(what, expected, found) for _, _, what, expected, found in tick_mismatches()] == [("price", Decimal(10), Decimal(11))]


@pytest.mark.parametrize(
    ("worth", "votes", "price"), [(10, -1_000_000, "10.00"), (100, 10**9, "300.00"), (100, -(10**9), "33.33"), (100, 0, "100.00")]
)
def test_demand_at_most_triples_or_thirds_a_price_and_none_is_below_ten(worth: int, votes: int, price: str) -> None:
    assert rule("SELECT market_price(%s, %s)", worth, votes) == [(Decimal(price),)]


def test_a_clock_that_steps_back_does_not_stop_the_market() -> None:
    ahead = timezone.now() + HOUR
    assert tick(ahead)["code"] == "ok"
    assert [tick()["code"], tick()["code"]] == ["ok", "ok"]
    assert tick(ahead)["code"] == "in_the_past"
