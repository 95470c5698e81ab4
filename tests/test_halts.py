"""A mismatch halts the market; staff halt it for any reason, and open it once the ledger is clean."""

from collections.abc import Iterator
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from characters.models import Character
from tests.factories import CharacterFactory, UserFactory
from tests.market import as_system, rule
from tests.money import trade_by_sql
from tests.test_audit import run
from trading.audit import apply_rebuild
from trading.halts import State, halt, halted, reopen, state
from trading.models import User

pytestmark = pytest.mark.django_db(transaction=True)
OPEN = State(is_halted=False, reason="")
BALANCE = "UPDATE accounts SET balance = balance + 1"
VOTES = "DELETE FROM order_flow"


@pytest.fixture(autouse=True)
def _after(transactional_db: None) -> Iterator[None]:
    """Leave an open market, and no scratch schema."""
    yield
    rule("DROP SCHEMA IF EXISTS rebuilt CASCADE")
    rule("UPDATE market_rules SET is_halted = false, halt_reason = ''")


@pytest.fixture
def luffy() -> Character:
    """Somebody at 100.00."""
    return CharacterFactory(name="Luffy")


@pytest.fixture
def nami(luffy: Character) -> User:
    """Somebody who holds 30 shares of him."""
    user = UserFactory()
    assert trade_by_sql(user.pk, user.pk, luffy.pk, "buy", 30)["success"]
    return user


def refused(command: str, *arguments: str) -> str:
    """Run a command that must fail, and return what it says of it."""
    with pytest.raises(CommandError) as refusal:
        call_command(command, *arguments, stdout=StringIO(), stderr=StringIO())
    return str(refusal.value)


def code(user: User, character: Character) -> str:
    """Buy one share; return the code of the answer."""
    return str(trade_by_sql(user.pk, user.pk, character.pk, "buy", 1)["code"])


# --- verify_ledger --halt


def test_a_clean_ledger_halts_nothing(nami: User, luffy: Character) -> None:
    assert run("verify_ledger", "--halt")[0].startswith("The ledger is clean")
    assert (state(), code(nami, luffy)) == (OPEN, "ok")


@pytest.mark.parametrize("damage", [BALANCE, VOTES])
def test_a_mismatch_of_money_or_votes_halts_the_market(nami: User, luffy: Character, damage: str) -> None:
    as_system(damage)
    assert refused("verify_ledger") == "1 mismatches. Halt the market, then see rebuild_projections."
    assert state() == OPEN  # the control: it was not asked to
    said = refused("verify_ledger", "--halt")
    assert said.startswith("1 mismatches. The market is halted (ledger mismatch ")
    assert state().is_halted
    assert state().reason in said
    assert code(nami, luffy) == "market_halted"
    assert refused("verify_ledger", "--halt") == f"1 mismatches. The market is halted already ({state().reason})."


def test_it_keeps_the_reason_of_staff(nami: User) -> None:
    run("halt_market", "restoring a backup")
    as_system(BALANCE)
    assert "halted already (restoring a backup)" in refused("verify_ledger", "--halt")


# --- halt_market and open_market


def test_staff_halt_the_market_and_open_it(nami: User, luffy: Character) -> None:
    assert run("halt_market", " restoring a backup ") == ["The market is halted: restoring a backup."]
    assert (state(), code(nami, luffy)) == (State(is_halted=True, reason="restoring a backup"), "market_halted")
    assert run("halt_market", "and another") == ["The market is halted: and another. It was halted already: restoring a backup."]
    assert run("open_market") == ["The market is open."]
    assert run("open_market") == ["The market is open already."]
    assert (state(), code(nami, luffy)) == (OPEN, "ok")


@pytest.mark.parametrize("reason", ["", "   ", "x" * 201, "a\0b"])
def test_a_reason_that_is_none_is_refused(reason: str) -> None:
    assert "Give a reason" in refused("halt_market", reason)
    assert state() == OPEN


def test_the_market_opens_once_the_ledger_is_mended(nami: User, luffy: Character) -> None:
    as_system(BALANCE)
    refused("verify_ledger", "--halt")
    assert refused("open_market").startswith("Not opened: ledger mismatch ")
    assert code(nami, luffy) == "market_halted"
    apply_rebuild()
    assert state().is_halted  # staff have the last word
    assert run("open_market") == ["The market is open."]
    assert (state(), code(nami, luffy)) == (OPEN, "ok")


def test_staff_open_it_over_a_mismatch_that_they_know_and_no_other(nami: User, luffy: Character) -> None:
    zoro = UserFactory()
    as_system(f"{BALANCE} WHERE user_id = {nami.pk}")
    refused("verify_ledger", "--halt")
    assert run("open_market", "--anyway")[0].startswith("The market is open, over ledger mismatch ")
    assert code(zoro, luffy) == "ok"
    assert "Staff opened the market over them" in refused("verify_ledger", "--halt")
    with halted("mending"):
        pass
    assert "Staff opened the market over them" in refused("verify_ledger", "--halt")
    assert code(nami, luffy) == "ok"  # and this entry says a balance that does not follow from the one before
    assert "2 mismatches. The market is halted (ledger mismatch " in refused("verify_ledger", "--halt")
    assert code(zoro, luffy) == "market_halted"


# --- a halt for as long as something takes


def test_a_halt_ends_with_its_block_unless_the_market_was_halted_before() -> None:
    with halted("mending"):
        assert state() == State(is_halted=True, reason="mending")
    assert state() == OPEN
    halt("a storm")
    with halted("mending"):
        pass
    assert state() == State(is_halted=True, reason="a storm")
    assert (reopen(), reopen()) == (True, False)


def test_whoever_halts_it_meanwhile_keeps_it_halted() -> None:
    with halted("mending"):
        assert halt("a storm") == State(is_halted=True, reason="mending")
    assert state() == State(is_halted=True, reason="a storm")


def test_a_block_that_fails_leaves_it_halted() -> None:
    with pytest.raises(ZeroDivisionError), halted("mending"):
        raise ZeroDivisionError
    assert state() == State(is_halted=True, reason="mending")
