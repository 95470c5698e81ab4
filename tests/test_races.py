"""Races: deterministic interleavings first, then 100 clients at once, each with its negative control."""

import random
import threading
import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections

from characters.models import Character
from tests.clients import Call, all_at_once, connect, in_threads, send
from tests.factories import CharacterFactory, UserFactory
from tests.money import ledger_rows, money_of
from trading.audit import mismatches
from trading.models import User

pytestmark = pytest.mark.django_db(transaction=True)

LOCK = "WHERE user_id = p_user_id FOR NO KEY UPDATE"
REPLAY = "SELECT * INTO v_past FROM ledger_entries WHERE user_id = p_user_id AND trade_id = p_trade_id;"


@pytest.fixture
def buyer() -> User:
    """A trader with money for ten shares of `dear`, and not for eleven."""
    return UserFactory()


@pytest.fixture
def dear() -> Character:
    """A character at 9,900.00: ten cost 99,990.00 with commission."""
    return CharacterFactory(bounty=39_204_000_000)


def purchases(user: User, character: Character, count: int, trade_id: str = "") -> list[Call]:
    """Return orders for one share each, with ids of their own unless one is given."""
    return [(user.pk, character.pk, "buy", 1, trade_id or str(uuid.uuid4())) for _ in range(count)]


def interleaved(first: Call, second: Call) -> tuple[dict[str, Any], bool]:
    """Execute `first` without committing, then `second`; return its answer, and whether it had to wait for the commit."""
    answers: list[dict[str, Any]] = []
    with connect() as one, connect() as two, connect("owner") as watcher:
        with one.transaction():
            one.execute(f"SET LOCAL market.user_id = '{first[0]}'")
            one.execute("SELECT execute_trade(%s, %s, %s, %s, NULL, %s::uuid)", first)
            thread = threading.Thread(target=lambda: answers.append(send(two, second)))
            thread.start()
            waited = False
            while thread.is_alive() and not waited:
                query = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'"
                waited = watcher.execute(query, [two.info.backend_pid]).fetchone() == (1,)
        thread.join(10)
    return answers[0], waited


def test_the_second_order_waits_for_the_first(buyer: User, dear: Character) -> None:
    """Both want the last money: the second sees what the first left."""
    all_at_once(purchases(buyer, dear, 9))
    first, second = purchases(buyer, dear, 2)
    answer, waited = interleaved(first, second)
    assert waited
    assert answer["code"] == "insufficient_funds"


def test_a_repeat_in_flight_waits_and_is_answered_alike(buyer: User, dear: Character) -> None:
    """The client lost patience and sent the order again while the first was still open."""
    first, second = purchases(buyer, dear, 2, str(uuid.uuid4()))
    answer, waited = interleaved(first, second)
    assert waited
    assert (answer["success"], answer["replayed"]) == (True, True)
    assert len(ledger_rows(buyer)) == 2


def test_orders_of_two_users_do_not_wait_for_each_other(dear: Character) -> None:
    """The account is the mutex, not the character."""
    one, two = UserFactory(), UserFactory()
    all_at_once([*purchases(one, dear, 1), *purchases(two, dear, 1)])
    answer, waited = interleaved(*purchases(one, dear, 1), *purchases(two, dear, 1))
    assert not waited
    assert answer["success"]


def test_of_100_buyers_with_money_for_10_exactly_10_are_filled(buyer: User, dear: Character) -> None:
    """The module's check without a lock filled 41 to 100 of them."""
    codes = Counter(answer["code"] for answer in all_at_once(purchases(buyer, dear, 100)))
    assert codes == {"ok": 10, "insufficient_funds": 90}
    assert money_of(buyer)[dear.pk][0] == 10
    assert mismatches() == []


def test_without_the_lock_the_buyers_break_the_books(
    buyer: User, dear: Character, broken_trade: Callable[[str, str], None]
) -> None:
    """Negative control: what the test above would say."""
    broken_trade(LOCK, "WHERE user_id = p_user_id")
    codes = Counter(answer["code"] for answer in all_at_once(purchases(buyer, dear, 100)))
    assert codes != {"ok": 10, "insufficient_funds": 90} or mismatches()


def test_100_replays_of_one_id_are_one_trade_with_equal_answers(buyer: User, dear: Character) -> None:
    """However many times a client sends it, and however closely."""
    answers = all_at_once(purchases(buyer, dear, 100, str(uuid.uuid4())))
    assert Counter(answer["replayed"] for answer in answers) == {False: 1, True: 99}
    assert len({str({**answer, "replayed": None}) for answer in answers}) == 1
    assert len(ledger_rows(buyer)) == 2


def test_without_the_ids_uniqueness_replays_trade_again(
    buyer: User, dear: Character, broken_trade: Callable[[str, str], None]
) -> None:
    """Negative control: neither looked up nor unique, the id means nothing."""
    broken_trade(REPLAY, "SELECT * INTO v_past FROM ledger_entries WHERE false;")
    with connections["owner"].cursor() as cursor:
        cursor.execute("ALTER TABLE ledger_entries DROP CONSTRAINT ledger_entries_pkey")
        cursor.execute("ALTER TABLE order_flow DROP CONSTRAINT order_flow_pkey")
    try:
        all_at_once(purchases(buyer, dear, 20, str(uuid.uuid4())))
        assert len(ledger_rows(buyer)) == 1 + 10
    finally:
        with connections["owner"].cursor() as cursor:
            cursor.execute("TRUNCATE users CASCADE; TRUNCATE order_flow")
            cursor.execute("ALTER TABLE ledger_entries ADD CONSTRAINT ledger_entries_pkey PRIMARY KEY (user_id, trade_id)")
            cursor.execute("ALTER TABLE order_flow ADD CONSTRAINT order_flow_pkey PRIMARY KEY (user_id, trade_id)")


def test_eight_clients_trading_at_random_leave_clean_books() -> None:
    """8 clients, 4 users, 3 characters, both sides, some ids sent twice: no error, no deadlock, every berry there."""
    users = [UserFactory().pk for _ in range(4)]
    characters = [CharacterFactory().pk for _ in range(3)]

    def client(seed: int) -> Counter[str]:
        chance = random.Random(seed)
        codes: Counter[str] = Counter()
        with connect() as connection:
            for _ in range(60):
                side = chance.choice(("buy", "buy", "sell"))
                call = (chance.choice(users), chance.choice(characters), side, chance.randint(1, 40), str(uuid.uuid4()))
                codes.update(send(connection, call)["code"] for _ in range(chance.choice((1, 1, 2))))
        return codes

    codes = sum(in_threads(client, list(range(8))), Counter())
    assert set(codes) <= {"ok", "insufficient_funds", "insufficient_shares", "position_cap"}
    assert codes["ok"] > 100
    assert mismatches() == []
