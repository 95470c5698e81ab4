"""The log of ticks gives the prices that were published; what was changed in it is found."""

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from characters.models import BountyEvent, PriceTick
from tests.factories import CharacterFactory, UserFactory
from tests.market import rule, tick, vote_mismatches
from tests.test_audit import run

pytestmark = pytest.mark.django_db(transaction=True)
MIDNIGHT = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
YESTERDAY, BEFORE = MIDNIGHT.date(), MIDNIGHT.date() - timedelta(days=1)
STEPS = ("buy 30", "buy 15", "sell 20", "", "buy 40", "sell 65")


@pytest.fixture
def _two_days(transactional_db: None) -> None:
    """Let two characters be traded for two days: ticks before, at and after midnight, and news of a bounty."""
    luffy, zoro, user = CharacterFactory(name="Luffy"), CharacterFactory(name="Zoro"), UserFactory()
    rule("SELECT make_price_partitions(%s, now())", MIDNIGHT - timedelta(days=1))
    rule("UPDATE listings SET listed_at = %s", MIDNIGHT - timedelta(days=1))
    rule("UPDATE bounty_events SET effective_at = %s", MIDNIGHT - timedelta(days=1))
    for number, step in enumerate(STEPS):
        at = MIDNIGHT + timedelta(hours=number - 2)
        for character in (luffy, zoro) if step else ():
            side, quantity = step.split()
            trade = "SELECT execute_trade_at(%s, %s, %s, %s, NULL, gen_random_uuid(), %s)::text"
            rule(trade, user.pk, character.pk, side, int(quantity), at - timedelta(minutes=1))
        if not step:
            BountyEvent.objects.using("owner").create(character=luffy, amount=9_000_000, effective_at=at)
        assert tick(at)["code"] == "ok"
    assert vote_mismatches() == []


def complaints(day: object) -> list[str]:
    """Replay a day, which must fail, and return what it says."""
    err = StringIO()
    with pytest.raises(CommandError, match=r"mismatches in [0-9]+ published prices"):
        call_command("verify_ticks", "--day", str(day), stdout=StringIO(), stderr=err)
    return err.getvalue().splitlines()


@pytest.mark.usefixtures("_two_days")
def test_a_replay_gives_the_prices_that_were_published() -> None:
    assert run("verify_ticks", "--day", str(BEFORE)) == [f"{BEFORE}: 4 published prices replayed, all follow from the log"]
    assert run("verify_ticks", "--day", str(YESTERDAY)) == [f"{YESTERDAY}: 7 published prices replayed, all follow from the log"]
    assert PriceTick.objects.filter(ticked_at=MIDNIGHT).count() == 2  # at midnight: in the second day only
    assert len(set(PriceTick.objects.values_list("price", flat=True))) > 6


def test_a_day_without_ticks_is_replayed() -> None:
    assert run("verify_ticks", "--day", "1997-07-22") == ["1997-07-22: 0 published prices replayed, all follow from the log"]
    assert run("verify_ticks")[0].startswith(f"{datetime.now(UTC).date()}: 0 published")


TAMPERED = {
    "price = price + 0.01": ["price"],
    "votes = votes + 1000": ["demand", "price"],
    "demand = demand + 1000": ["demand", "demand", "price"],  # and the next does not follow from it
    "fundamental = fundamental + 1": ["price"],
}


@pytest.mark.parametrize("change", TAMPERED)
@pytest.mark.usefixtures("_two_days")
def test_a_row_that_was_changed_is_found(change: str) -> None:
    """The negative control: market_owner, who owns the table, changes one row."""
    at = MIDNIGHT + timedelta(hours=2)
    rule(f"UPDATE price_ticks SET {change} WHERE ticked_at = %s AND character_id = (SELECT min(id) FROM characters)", at)
    found = complaints(YESTERDAY)
    assert [line.split(": by the log ")[1].split(" is ")[0] for line in found] == TAMPERED[change]
    assert at.isoformat() in found[0]
    assert run("verify_ticks", "--day", str(BEFORE))[0].endswith("all follow from the log")


@pytest.mark.usefixtures("_two_days")
def test_a_row_that_is_missing_is_found() -> None:
    rule("DELETE FROM price_ticks WHERE ticked_at = %s", MIDNIGHT)
    assert len(complaints(YESTERDAY)) >= 2


@pytest.mark.usefixtures("_two_days")
def test_the_day_before_is_what_a_day_begins_with() -> None:
    rule("DELETE FROM price_ticks WHERE ticked_at = %s", MIDNIGHT - timedelta(hours=1))
    assert all(MIDNIGHT.isoformat() in line for line in complaints(YESTERDAY))


@pytest.mark.parametrize("day", ["yesterday", "", "2026-13-01", "22.07.1997"])
def test_what_is_no_day_is_refused(day: str) -> None:
    with pytest.raises(CommandError, match="is not a day such as 2026-11-22"):
        run("verify_ticks", f"--day={day}")
