"""A simulated past: believable, marked, by the rules, and the same for the same dice."""

import random
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connections, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

import sql
from characters.loading import DATA, read_table
from characters.models import BountyEvent, Character, Listing, PriceTick
from tests.factories import CharacterFactory, CrewFactory, UserFactory
from tests.market import rule, tick, vote_mismatches
from tests.money import trade_by_sql
from trading.audit import mismatches
from trading.models import Account, LedgerEntry, MarketTick, User
from trading.sailors import FIRST, LAST, PREFIX, names
from trading.simulation import HOUR, Day, Past, SimulationError, free_past, simulate
from trading.temperaments import SHARES

pytestmark = pytest.mark.django_db(transaction=True)
BOUNTIES = (0, 1_000_000, 16_000_000, 30_000_000, 77_000_000, 120_000_000, 320_000_000, 500_000_000, 1_111_000_000, 3_000_000_000)
PRICED_OTHERWISE = """
    SELECT count(*) FROM ledger_entries e JOIN listings l USING (character_id)
    WHERE e.price <> coalesce((
        SELECT t.price FROM price_ticks t WHERE t.character_id = e.character_id AND t.ticked_at <= e.created_at
        ORDER BY t.ticked_at DESC LIMIT 1
    ), l.listed_price)
"""


@pytest.fixture
def sea() -> list[Character]:
    """Put two crews of ten and a few without one on the market."""
    crews = [CrewFactory(name="Straw Hats"), CrewFactory(name="Red Hairs"), None]
    return [CharacterFactory(crew=crew, bounty=bounty) for crew in crews for bounty in BOUNTIES]


@pytest.fixture
def bundled() -> None:
    """Put the market's own characters on it."""
    call_command("load_characters", stdout=StringIO())


def this_hour() -> datetime:
    """Return when the last full hour began."""
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


def past(days: int, end: datetime | None = None) -> Past:
    """Return so many days up to a moment."""
    return Past((end or this_hour()) - timedelta(days=days), days * 24, None)


def lived(days: int = 3, traders: int = 40, seed: int = 7, end: datetime | None = None) -> list[Day]:
    """Simulate a past."""
    return list(simulate(traders, past(days, end), seed))


def command(*arguments: object) -> str:
    """Run the command; return what it says."""
    said = StringIO()
    call_command("simulate_trading", *map(str, arguments), stdout=said)
    return said.getvalue()


@contextmanager
def undone() -> Iterator[None]:
    """Let nothing of the block last."""
    with transaction.atomic(using="owner"):
        yield
        transaction.set_rollback(True, using="owner")


def story(**how: Any) -> list[tuple[Any, ...]]:
    """Return all trades of a simulated past, each with its time since the start; nothing of it lasts."""
    with undone():
        lived(**how)
        trades = LedgerEntry.objects.using("owner").exclude(kind="opening").order_by("created_at", "user_id")
        start = past(3, how.get("end")).start
        fields = ("user__username", "character_id", "kind", "quantity", "price", "balance_after", "created_at")
        return [(*row, at - start) for *row, at in trades.values_list(*fields)]


# --- by the rules


@pytest.mark.parametrize(("days", "trading_days", "lasts"), [(0, 0, 3), (1, 1, 5)])
def test_every_berry_vote_and_price_of_the_past_can_be_proved(
    sea: list[Character], days: int, trading_days: int, lasts: int
) -> None:
    """Where accounts must have an age to count, too: then their votes come while the past goes on."""
    rule("UPDATE market_rules SET min_account_days = %s, min_trading_days = %s", days, trading_days)
    try:
        done = lived(lasts)
    finally:
        rule("UPDATE market_rules SET min_account_days = 0, min_trading_days = 0")
    assert sum(day.trades for day in done) == LedgerEntry.objects.using("owner").exclude(kind="opening").count() > 30
    assert (mismatches(), vote_mismatches()) == ([], [])
    with connections["owner"].cursor() as cursor:
        cursor.execute(sql.read_probe("tick_mismatches"), {"from": past(lasts).start, "to": timezone.now()})
        assert cursor.fetchall() == []
    assert rule(PRICED_OTHERWISE) == [(0,)]
    assert PriceTick.objects.count() > 10


def test_the_probe_of_executed_prices_sees_one_that_was_not_published(sea: list[Character]) -> None:
    lived(1)
    rule("UPDATE price_ticks SET price = price + 0.01")
    assert rule(PRICED_OTHERWISE) != [(0,)]


def test_the_past_ticks_each_hour_and_ends_with_the_last_full_one(sea: list[Character]) -> None:
    lived(3)
    ticks = list(MarketTick.objects.order_by("ticked_at").values_list("ticked_at", flat=True))
    assert ticks == [past(3).start + n * HOUR for n in range(1, 73)]
    entries = LedgerEntry.objects.using("owner").order_by("created_at").values_list("created_at", flat=True)
    assert past(3).start <= entries[0]
    assert list(entries)[-1] < ticks[-1]
    assert set(Listing.objects.values_list("listed_at", flat=True)) == {past(3).start}
    assert tick()["code"] == "ok"  # and the present goes on


def test_accounts_are_as_old_as_their_owners_say(sea: list[Character]) -> None:
    lived(3)
    openings = LedgerEntry.objects.using("owner").filter(kind="opening").values_list("user__date_joined", "created_at")
    assert len(openings) == 40
    assert {joined - opened for joined, opened in openings} == {timedelta()}
    assert Account.objects.using("owner").filter(is_counted=True).count() == 40


def test_an_hour_costs_three_statements_however_many_trade(sea: list[Character]) -> None:
    hours = 48
    with CaptureQueriesContext(connections["owner"]) as asked:
        lived(2, traders=50)
    assert len(asked) <= 3 * hours + 40


# --- the same dice


def test_the_same_seed_makes_the_same_trades_whenever_it_is_thrown(sea: list[Character]) -> None:
    first = story(seed=7)
    assert len(first) > 30
    assert story(seed=7) == first
    assert story(seed=7, end=this_hour() - timedelta(days=2)) == first


def test_another_seed_makes_other_trades(sea: list[Character]) -> None:
    assert story(seed=8) != story(seed=7)


# --- believable


def test_prices_spread_fall_and_rise_and_are_seldom_stopped(bundled: None) -> None:
    done = lived(10, traders=100)
    assert sum(day.cooled for day in done) <= 2
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT price / lag(price) OVER (PARTITION BY character_id ORDER BY ticked_at) FROM price_ticks ORDER BY 1"
        )
        moves = [float(move) for (move,) in cursor.fetchall() if move is not None]
    assert (moves[0] < 0.99, moves[-1] > 1.02) == (True, True)
    rises = [float(c.current_price / c.listing.fundamental) for c in Character.objects.select_related("listing")]
    assert len([rise for rise in rises if rise > 1.01]) > 100
    assert max(rises) > 1.25


def test_nights_are_quiet_and_evenings_lively(bundled: None) -> None:
    lived(4, traders=100)
    trades = LedgerEntry.objects.using("owner").exclude(kind="opening").values_list("created_at", flat=True)
    hours = Counter(at.hour for at in trades)
    assert sum(hours[hour] for hour in range(20, 24)) > 2 * sum(hours[hour] for hour in range(2, 6))


def test_there_are_all_temperaments_and_fans_hold_their_crew(sea: list[Character], monkeypatch: pytest.MonkeyPatch) -> None:
    from trading import simulation

    crowds: list[Any] = []
    made = simulation.crowd_of
    monkeypatch.setattr(simulation, "crowd_of", lambda *args: crowds.append(made(*args)) or crowds[0])
    lived(3, traders=40)
    assert {trader.temperament for trader in crowds[0]} == set(SHARES)
    crew_of = {character.pk: character.crew_id for character in sea}
    fans = [trader for trader in crowds[0] if trader.temperament.is_fan and trader.held]
    assert fans
    ratio = [crew_of[pk] == fan.crew_id for fan in fans for pk in fan.held]
    assert sum(ratio) > 0.6 * len(ratio)  # the rest they bought when everybody did


# --- whose past it may be


def test_the_past_begins_after_the_last_tick_and_says_so(sea: list[Character]) -> None:
    last = this_hour() - timedelta(hours=30)
    tick(last)
    assert free_past(30, timezone.now()) == Past(last, 30, last)
    said = command("--traders", 5, "--days", 3)
    assert f"moved until {last:%Y-%m-%d %H:%M} UTC, and that is not rewritten: 30 hours are simulated instead of 3 days" in said
    assert MarketTick.objects.count() == 1 + 30
    assert free_past(1, last + timedelta(days=9)).after is None


def test_where_the_market_has_just_moved_there_is_no_past(sea: list[Character]) -> None:
    tick()
    with pytest.raises(CommandError, match=r"is not rewritten.*whole hour"):
        command()
    assert not User.objects.exists()


def test_a_real_trade_is_not_undercut_either(sea: list[Character]) -> None:
    trader = UserFactory()
    assert free_past(3, timezone.now()).hours == 72  # who has only signed up is in nobody's way
    trade_by_sql(trader.pk, trader.pk, sea[0].pk, "buy", 1)
    with pytest.raises(SimulationError, match="is not rewritten"):
        free_past(3, timezone.now())
    assert free_past(3, timezone.now() + timedelta(hours=20)).hours in (19, 20)


def test_news_that_waits_is_not_told_before_its_time(sea: list[Character]) -> None:
    """A tick in the past would take what is not yet told for unknown."""
    BountyEvent.objects.create(character=sea[3], amount=1, chapter=1)
    with pytest.raises(SimulationError, match="is not rewritten"):
        free_past(3, timezone.now())


def test_only_who_has_no_price_and_no_trade_was_listed_before(sea: list[Character]) -> None:
    trader, was = UserFactory(), Listing.objects.get(pk=sea[2].pk).listed_at
    with transaction.atomic(using="owner"):
        rule("SELECT set_config('market.user_id', %s, true)", str(trader.pk))
        at = this_hour() - timedelta(days=4)
        rule("SELECT make_price_partitions(%s, now())", at)
        rule("SELECT execute_trade_at(%s, %s, 'buy', 1, NULL, NULL, %s)", trader.pk, sea[2].pk, at)
    lived(3)
    assert Listing.objects.get(pk=sea[2].pk).listed_at == was
    assert set(Listing.objects.exclude(pk=sea[2].pk).values_list("listed_at", flat=True)) == {past(3).start}


def test_a_tick_meanwhile_ends_it_after_whole_days(sea: list[Character]) -> None:
    days = simulate(40, past(3), 7)
    first = next(days)
    tick()
    with pytest.raises(SimulationError, match="end the worker"):
        next(days)
    assert MarketTick.objects.count() == 24 + 1
    assert LedgerEntry.objects.using("owner").exclude(kind="opening").count() == first.trades
    assert (mismatches(), vote_mismatches()) == ([], [])


def test_a_second_simulation_goes_on_with_others_where_the_first_ended(sea: list[Character]) -> None:
    lived(2, end=this_hour() - timedelta(days=2))
    before = User.objects.count()
    command("--traders", 20, "--days", 9, "--seed", 7)
    assert (User.objects.count(), MarketTick.objects.count()) == (before + 20, 4 * 24)
    assert (mismatches(), vote_mismatches()) == ([], [])


# --- the command


def test_it_says_how_far_it_is_and_how_to_make_the_same_again(sea: list[Character]) -> None:
    said = command("--traders", 5, "--days", 2)
    assert len(re.findall(r"until \d{4}-\d\d-\d\d \d\d:00: [\d,]+ trades, [\d,]+ new prices", said)) == 2
    assert re.search(r"48 hours of trading by 5 simulated traders: [\d,]+ trades, 0 halts .* Seed \d+ makes the same again", said)


def test_without_characters_it_says_what_to_do() -> None:
    with pytest.raises(CommandError, match="load_characters"):
        command()


def test_a_halted_market_is_not_simulated(sea: list[Character]) -> None:
    rule("UPDATE market_rules SET is_halted = true")
    try:
        with pytest.raises(CommandError, match="halted"):
            command()
    finally:
        rule("UPDATE market_rules SET is_halted = false")


@pytest.mark.parametrize("wrong", [("--traders", "0"), ("--days", "-1"), ("--days", "366"), ("--seed", "x"), ("--traders", "１")])
def test_odd_arguments_are_refused(wrong: tuple[str, str]) -> None:
    with pytest.raises(CommandError, match="is not a whole number from 1 to"):
        command(*wrong)


# --- marked


def test_nobody_can_log_in_as_one_of_them(sea: list[Character], client: Client) -> None:
    lived(1, traders=3)
    for user in User.objects.all():
        assert (user.is_simulated, user.has_usable_password(), user.email, user.is_staff) == (True, False, "", False)
    for password in ("!", user.password):
        assert client.post("/login/", {"username": user.username, "password": password}).status_code == 422
    assert "_auth_user_id" not in client.session
    user.set_password("a-long-way-to-laugh-tale")  # the control
    user.save()
    assert client.post("/login/", {"username": user.username, "password": "a-long-way-to-laugh-tale"}).status_code == 302


def test_their_names_are_of_this_world_and_nobody_of_the_story() -> None:
    table = read_table(DATA / "characters.csv")
    told = " ".join(
        str(value) for row in table.rows.values() for value in (row["name"], row["aliases"], row["epithet"])
    ).casefold()
    words = set(re.findall(r"\w+", told))
    assert not words & {part.casefold() for part in (*FIRST, *LAST)}
    assert {"luffy", "zoro"} <= words  # the control


def test_names_are_never_given_twice() -> None:
    taken = {f"{PREFIX}{FIRST[0]}-{LAST[0]}"}
    found = names(random.Random(7), taken)
    many = [next(found) for _ in range(2 * len(FIRST) * len(LAST))]
    assert len(set(many)) == len(many)
    assert not taken & set(many)
    assert all(len(name) <= 150 and name.startswith(PREFIX) for name in many)


@pytest.mark.parametrize("prefix", [PREFIX, PREFIX.upper(), PREFIX.lower()])
def test_no_sign_up_takes_such_a_name(client: Client, prefix: str) -> None:
    secret = "a-long-way-to-laugh-tale"
    typed = {"username": f"{prefix}Silas-Brine", "password1": secret, "password2": secret}
    answer = client.post("/signup/", typed)
    assert answer.status_code == 422
    assert f"Names that begin with Guest-, {PREFIX} or closed- are not for sign-ups" in answer.content.decode()
    assert client.post("/signup/", typed | {"username": "Simon-Brine"}).status_code == 302  # the control


def test_the_leaderboard_marks_them_by_a_word_and_nobody_else(sea: list[Character], client: Client) -> None:
    lived(1, traders=3)
    UserFactory(username="nami")
    for _ in range(2):  # counted, then from the cache
        rows = re.findall(r'<tr class="leader.*?</tr>', client.get("/leaderboard/").content.decode(), re.DOTALL)
        marked = {re.search(r"[Ss]im-[\w-]+|nami", row)[0]: ">simulated<" in row for row in rows}
        assert len(marked) == 4
        assert all(is_marked == name.startswith(PREFIX) for name, is_marked in marked.items())


def test_the_desk_marks_them_in_both_lists(sea: list[Character], client: Client) -> None:
    lived(1, traders=3)
    client.force_login(User.objects.create_superuser("staff"))
    for page in ("user", "account"):
        shown = client.get(f"/admin/trading/{page}/").content.decode()
        assert shown.count("field-is_simulated" if page == "user" else "field-simulated") == (4 if page == "user" else 3)
    assert client.get("/admin/trading/user/?is_simulated__exact=1").content.decode().count("field-is_simulated") == 3
    user = User.objects.filter(is_simulated=True).first()
    assert "is_simulated" not in client.get(f"/admin/trading/user/{user.pk}/change/").context["adminform"].form.fields
