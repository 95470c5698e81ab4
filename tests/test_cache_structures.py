"""A full cache evicts what it likes: each kind of thing that is stored is right without it, and is made again from PostgreSQL."""

from collections.abc import Callable
from decimal import Decimal
from io import StringIO
from typing import Any, NamedTuple

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from caching import bodies, queries, stats
from caching.prices import prices
from caching.relay import relay
from caching.service import READS
from caching.standings import standings
from characters.board import BoardQuery
from tests.factories import CharacterFactory, UserFactory
from tests.money import trade_by_sql
from tests.valkey import Valkey

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not settings.EMBEDDED_VALKEY, reason="starts the embedded Valkey's program"),
]
SHARES, FEE = 10, Decimal("0.01")


class Kind(NamedTuple):
    """What is stored under keys of this pattern, what asks for it, and what it has to show of zoro's price."""

    pattern: str
    ask: Callable[[int], str]
    of: Callable[[Decimal], str]


def shown(price: Decimal) -> str:
    """Return the price as pages show it."""
    return f"฿{price:,.2f}<"


def ranked_worth(pk: int) -> str:
    """Return what nami, who holds zoro, is worth on the leaderboard."""
    (worth,) = (leader.worth for leader in standings(3).leaders if leader.username == "nami")
    return f"{worth:.2f}"


def worth_of(price: Decimal) -> str:
    """Return what nami is worth at a price of zoro: she bought at 100.00 and a fee of 1 %."""
    start, value = Decimal("100000.00") - SHARES * 101, SHARES * price
    return f"{start + value - value * FEE:.2f}"


def page_of_a_new_process(pk: int) -> str:
    """Return the board for one that has nothing of it yet: what a process has is proven by the tokens alone."""
    bodies.forget()
    return Client().get("/").text


KINDS = {
    "a sorted set": Kind("market:*:STANDINGS:*", ranked_worth, worth_of),
    "a hash": Kind("market:*:PRICES", lambda pk: str(prices([pk])[pk]), str),
    "a value": Kind("market:*:QUOTE:*", lambda pk: str(queries.QUOTE(pk).price), str),
    "a fragment": Kind("market:*:BOARD_PART:*", lambda pk: queries.BOARD_PART(*BoardQuery()).rows, shown),
    "a page": Kind("market:*:BOARD_PAGE:*", page_of_a_new_process, shown),
    "tokens": Kind("market:token:*", lambda pk: str(queries.QUOTE(pk).price), str),
}


@pytest.fixture
def zoro(valkey: Valkey) -> int:
    """Lend somebody whom nami holds, at a price of 100.00."""
    character, nami = CharacterFactory(name="Zoro"), UserFactory(username="nami")
    UserFactory(username="usopp")
    assert trade_by_sql(nami.pk, nami.pk, character.pk, "buy", SHARES)["price"] == 100
    relay()
    return int(character.pk)


def fill(valkey: Valkey, pattern: str) -> Any:
    """Fill the cache until no such key is left; return a client that no breaker guards."""
    raw = valkey.client(1)
    assert raw.keys(pattern)
    raw.config_set("maxmemory-policy", "allkeys-lru")
    raw.config_set("maxmemory", "3mb")
    for number in range(2000):
        if not raw.keys(pattern):
            return raw
        raw.set(f"filler:{number}", b"x" * 20_000)
    raise AssertionError


def move(pk: int, price: Decimal) -> None:
    """Write a price as psql would, and relay it."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE characters SET current_price = %s WHERE id = %s", [price, pk])
    relay()


def asks_nobody(ask: Callable[[int], str], pk: int) -> str:
    """Return the answer, which is to come from the cache."""
    with CaptureQueriesContext(connections["default"]) as asked:
        answer = ask(pk)
    assert [query["sql"] for query in asked] == []
    return answer


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_evicted_is_right_without_it_and_made_again(valkey: Valkey, zoro: int, kind: str) -> None:
    pattern, ask, of = KINDS[kind]
    before, after = of(Decimal("100.00")), of(Decimal("250.00"))
    ask(zoro)
    assert before in asks_nobody(ask, zoro)
    raw = fill(valkey, pattern)
    assert before in ask(zoro)
    fill(valkey, pattern)
    move(zoro, Decimal("250.00"))
    assert after in ask(zoro)
    raw.config_set("maxmemory", 0)
    ask(zoro)
    assert after in asks_nobody(ask, zoro)
    assert raw.keys(pattern)


@pytest.mark.parametrize("kind", KINDS)
def test_what_stays_when_all_tokens_are_evicted_is_not_believed(valkey: Valkey, zoro: int, kind: str) -> None:
    _, ask, of = KINDS[kind]
    ask(zoro)
    raw = valkey.client(1)
    raw.delete(*raw.keys("market:token:*"))
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE characters SET current_price = 250 WHERE id = %s", [zoro])
    assert of(Decimal("250.00")) in ask(zoro)  # nobody has relayed it: there is no token that could say that it is old


def test_a_structure_larger_than_the_cache_is_answered_from_postgresql(valkey: Valkey, zoro: int) -> None:
    raw = valkey.client(1)
    raw.config_set("maxmemory", 1)
    for kind in KINDS.values():
        assert kind.of(Decimal("100.00")) in kind.ask(zoro)


def forget_counts(valkey: Valkey) -> None:
    """Begin to count anew, in this process and in the cache."""
    valkey.client(1).flushdb()
    stats._counts.clear()


def test_counters_that_are_evicted_begin_again(valkey: Valkey, zoro: int) -> None:
    forget_counts(valkey)
    for _ in range(3):
        queries.QUOTE(zoro)
    assert stats.totals(READS)["QUOTE"][:2] == (2, 1)
    raw = fill(valkey, "market:stats*")
    assert queries.QUOTE(zoro).name == "Zoro"
    raw.config_set("maxmemory", 0)
    forget_counts(valkey)  # what was noted since
    assert stats.totals(READS)["QUOTE"] == stats.Counts()
    assert stats.by_minute(READS)["QUOTE"][-1] == stats.Counts()
    queries.QUOTE(zoro)
    queries.QUOTE(zoro)
    said = StringIO()
    call_command("cache_stats", stdout=said)
    (line,) = (line for line in said.getvalue().splitlines() if line.startswith("QUOTE "))
    assert line.split()[1:4] == ["1", "1", "50.0%"]
