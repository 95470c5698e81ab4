"""The price board: written through, fresh, at most 100 at once, and strict about what it is asked."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from io import StringIO

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connections, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from caching.prices import MOST, TTL, prices, write_through
from caching.relay import relay
from caching.service import connection
from caching.tokens import BYTES
from characters.models import BountyEvent, Character
from tests.factories import CharacterFactory
from tests.valkey import Valkey

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not settings.EMBEDDED_VALKEY, reason="starts the embedded Valkey's program"),
]


@pytest.fixture
def zoro(valkey: Valkey) -> Character:
    """Lend a character at 100.00."""
    return CharacterFactory(name="Zoro")


@contextmanager
def queries(number: int) -> Iterator[None]:
    """Expect so many queries."""
    with CaptureQueriesContext(connections["default"]) as asked:
        yield
    assert len(asked) == number, [query["sql"] for query in asked]


def by_sql(statement: str, *values: object) -> None:
    """Write as psql would."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(statement, values)


# --- what it says


def test_a_bounty_that_a_tick_applied_is_in_the_hash_before_anybody_asks(zoro: Character) -> None:
    BountyEvent.objects.create(character=zoro, amount=16_000_000, chapter=1)
    call_command("tick_market", stdout=StringIO())
    call_command("warm_cache", stdout=StringIO())
    with queries(0):
        assert prices([zoro.pk]) == {zoro.pk: Decimal("200.00")}


def test_a_character_that_is_saved_is_in_the_hash_before_anybody_asks(zoro: Character) -> None:
    connection().flushdb()
    zoro.description = "Lost again."
    zoro.save(update_fields=["description"])
    with queries(0):
        assert prices([zoro.pk]) == {zoro.pk: Decimal("100.00")}


def test_what_is_missing_is_loaded_in_one_query_and_kept(zoro: Character) -> None:
    others = CharacterFactory.create_batch(3)
    connection().flushdb()
    wanted = [zoro.pk, *(other.pk for other in others)]
    prices(wanted[:1])
    with queries(1):
        found = prices(wanted)
    with queries(0):
        assert prices(reversed(wanted)) == found == dict.fromkeys(wanted, Decimal("100.00"))


def test_who_is_unknown_or_inactive_is_left_out_and_not_looked_for_again(zoro: Character) -> None:
    gone = CharacterFactory(is_active=False)
    connection().flushdb()
    with queries(1):
        assert prices([zoro.pk, gone.pk, 999_999_999]) == {zoro.pk: Decimal("100.00")}
    with queries(0):
        assert prices([zoro.pk, gone.pk, 999_999_999]) == {zoro.pk: Decimal("100.00")}
    gone.is_active = True
    gone.save(update_fields=["is_active"])
    assert prices([gone.pk]) == {gone.pk: Decimal("100.00")}


@pytest.mark.parametrize(
    "where", ["WHERE id = %s", "WHERE id = %s OR id IN (SELECT id FROM characters)"], ids=["one named", "all"]
)
def test_a_write_past_the_orm_is_seen_once_it_is_relayed(zoro: Character, where: str) -> None:
    by_sql("INSERT INTO characters (name, description) SELECT 'Other ' || n, '' FROM generate_series(1, 150) n")
    relay()
    assert prices([zoro.pk]) == {zoro.pk: Decimal("100.00")}
    by_sql(f"UPDATE characters SET current_price = 250 {where}", zoro.pk)
    relay()
    with queries(1):
        assert prices([zoro.pk]) == {zoro.pk: Decimal("250.00")}


def test_who_is_beyond_a_hundred_is_cut(zoro: Character) -> None:
    by_sql("INSERT INTO characters (name, description, bounty) SELECT 'Other ' || n, '', 4000000 FROM generate_series(1, 150) n")
    ids = list(Character.objects.order_by("-id").values_list("id", flat=True))
    assert len(ids) > MOST
    assert list(prices([*ids, *ids])) == ids[:MOST]
    assert list(prices([*ids[:5] * 50, zoro.pk])) == [*ids[:5], zoro.pk]  # who is named twice counts once


def test_nobody_is_asked_for_nothing(valkey: Valkey) -> None:
    with queries(0):
        assert prices([]) == {}


def test_a_price_is_not_kept_for_longer_because_another_is_asked_for(zoro: Character) -> None:
    prices([zoro.pk])
    (key,) = connection().keys("*:PRICES")
    assert 0 < connection().ttl(key) <= TTL
    connection().expire(key, 9)
    prices([CharacterFactory().pk])
    assert connection().ttl(key) <= 9


def test_what_a_transaction_has_not_committed_is_not_stored(zoro: Character) -> None:
    prices([zoro.pk])
    with transaction.atomic():
        Character.objects.filter(pk=zoro.pk).update(is_active=False)
        assert prices([zoro.pk]) == {}
        write_through([zoro.pk])
        transaction.set_rollback(True)
    assert prices([zoro.pk]) == {zoro.pk: Decimal("100.00")}


@pytest.mark.parametrize("away", [Valkey.kill, Valkey.hang])
def test_without_the_cache_postgresql_says_the_same(zoro: Character, valkey: Valkey, away: object) -> None:
    assert callable(away)
    away(valkey)
    with queries(1):
        assert prices([zoro.pk, 999_999_999]) == {zoro.pk: Decimal("100.00")}


# --- the address


@pytest.mark.parametrize(
    "asked",
    ["", "id=", "id=１２", "id=1_0", "id=-1", "id=%2B1", "id=1.0", "id=1234567890", "id=1&id=x", "&".join(["id=1"] * 101)],
)
def test_what_is_no_list_of_ids_is_refused(client: Client, zoro: Character, asked: str) -> None:
    answer = client.get(f"/prices/?{asked}")
    assert answer.status_code == 400
    assert answer.json() == {
        "code": "invalid_ids",
        "message": "Name 1 to 100 characters by their ids, such as /prices/?id=1&id=2.",
    }


def test_prices_are_answered_as_text_by_id(client: Client, zoro: Character) -> None:
    other = CharacterFactory(bounty=16_000_000)
    for expected in (1, 0):
        connection().flushdb() if expected else None
        with queries(expected):
            answer = client.get(f"/prices/?id={zoro.pk}&id=999999999&id={other.pk}&id={zoro.pk}")
        assert answer.status_code == 200
        assert answer.content == f'{{"prices": {{"{zoro.pk}": "100.00", "{other.pk}": "200.00"}}}}'.encode()
        assert (answer["Content-Type"], answer["Cache-Control"]) == ("application/json", "no-cache")


def test_a_hundred_ids_are_answered(client: Client, zoro: Character) -> None:
    asked = "&".join(f"id={n}" for n in range(zoro.pk, zoro.pk + MOST))
    assert client.get(f"/prices/?{asked}").json() == {"prices": {str(zoro.pk): "100.00"}}


@pytest.mark.parametrize("odd", [b"", b"NaN", b"Infinity", b"1e9", b"\xff", b"-1", b"12.34x"])
def test_an_odd_price_is_loaded_anew(zoro: Character, odd: bytes) -> None:
    expected = prices([zoro.pk])
    (key,) = connection().keys("market:*:PRICES")
    stored = connection().hget(key, str(zoro.pk))
    assert isinstance(stored, bytes)
    connection().hset(key, str(zoro.pk), stored[: 2 * BYTES] + odd)
    assert prices([zoro.pk]) == expected
    assert connection().hget(key, str(zoro.pk)) == stored
