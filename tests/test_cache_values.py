"""How cached values are stored: a hit is what a miss is, odd bytes are a miss, and nothing is kept for ever."""

import pickle
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections
from django.http import Http404
from django.test.utils import CaptureQueriesContext

from caching import queries
from caching.envelope import LARGE, SMALL, THRESHOLD, seal, unseal
from caching.prices import prices
from caching.relay import relay
from caching.service import READS, CacheService, connection, place_of
from characters.board import BoardQuery
from characters.models import Character
from crews.services import refresh_crew_analytics
from tests.factories import CharacterFactory, CrewFactory

in_a_market = pytest.mark.django_db(transaction=True)
Arguments = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture
def loner(transactional_db: None) -> Character:
    """A character without a crew; the module's cache crashes on him."""
    return CharacterFactory(name="Mihawk", crew=None, bounty=None)


@pytest.fixture
def arguments(loner: Character) -> Arguments:
    """Return what each row may be asked for, in a market with all that it shows."""
    crew, unseen = CrewFactory(name="Straw Hats", founded_date="2020-02-29"), CrewFactory()
    zoro = CharacterFactory(name="Zoro", crew=crew, aliases=["Pirate Hunter"], bounty=1_111_000_000)
    refresh_crew_analytics()
    with connections["owner"].cursor() as cursor:
        cursor.execute("DELETE FROM characters WHERE crew_id = %s", [unseen.pk])
    later = CrewFactory()  # no refresh has counted it yet
    return {
        "TOP_CHARACTERS": [(10,), (1,)],
        "CHARACTER_DATA": [(zoro.pk,), (loner.pk,)],
        "CREW_BY_BOUNTY": [(crew.pk, 1000, 5), (crew.pk, 9_000_000_000, 5)],
        "QUOTE": [(zoro.pk,), (loner.pk,)],
        "BOUNTY_HISTORY": [(zoro.pk,), (loner.pk,)],
        "CREW_ANALYTICS": [("cap",), ("name",)],
        "CREW_CHOICES": [(), (crew.pk,)],
        "CREW_PROFILE": [(crew.pk,), (unseen.pk,)],
        "MARKET_STATE": [()],
        "BOARD_PART": [BoardQuery(), BoardQuery(q="zoro"), BoardQuery(q="zorro"), BoardQuery(crew=unseen.pk)],
        "QUOTE_PARTS": [(zoro.pk,), (loner.pk,)],
        "CREWS_PART": [("cap",), ("name",)],
        "CREW_PART": [(crew.pk,), (later.pk,)],
        "SUGGESTIONS": [("zor",), ("nobody at all",)],
    }.__getitem__


def typed(value: Any) -> Any:
    """Return a value with the type of all that is in it: 1 is not True, and a row is no list."""
    if isinstance(value, dict):
        return dict, {name: typed(inside) for name, inside in value.items()}
    if isinstance(value, list | tuple):
        return type(value), [typed(inside) for inside in value]
    return type(value), value


@in_a_market
@pytest.mark.parametrize("name", READS)
def test_a_hit_is_what_a_miss_is_and_what_is_loaded(name: str, arguments: Arguments) -> None:
    row = READS[name]
    for args in arguments(name):
        loaded, missed = row.load(*args), row(*args)
        with CaptureQueriesContext(connections["default"]) as asked:
            hit = row(*args)
        assert len(asked) == 0
        assert typed(loaded) == typed(missed) == typed(hit)


@in_a_market
def test_who_gets_a_value_may_change_it(loner: Character) -> None:
    queries.CHARACTER_DATA(loner.pk)["name"] = "Hawk Eyes"
    assert queries.CHARACTER_DATA(loner.pk)["name"] == "Mihawk"


@in_a_market
def test_the_modules_methods_return_what_the_modules_return(loner: Character) -> None:
    data = CacheService.cache_character_data(loner.pk)
    assert data["name"] == "Mihawk"
    assert data["crew"] is None
    assert (type(data["current_price"]), type(data["sentiment_score"])) == (str, float)
    (top,) = CacheService.cache_top_characters(3)
    assert set(top) == {"id", "name", "crew__name", "current_price", "market_cap"}


def test_large_values_are_compressed_and_small_ones_are_not() -> None:
    tokens = [b"t" * 18, b"u" * 18]
    for payload, mark in ((b"j1", SMALL), (b"b" + b"x" * THRESHOLD, LARGE)):
        stored = seal(tokens, payload)
        assert stored[:1] == mark
        assert unseal(stored, tokens) == payload
        assert len(stored) < THRESHOLD


# --- odd bytes


def planted() -> bytes:
    """Return a pickle that would tell if it was read."""
    return pickle.dumps(Planted())


class Planted:
    ran = False

    def __reduce__(self) -> Any:
        return (setattr, (Planted, "ran", True))


def under(body: bytes) -> Callable[[list[bytes]], bytes]:
    """Return what stores this under the tokens that stand."""
    return lambda tokens: b"\x01" + b"".join(tokens) + body


ODD = {
    "nothing": lambda tokens: b"",
    "text": lambda tokens: b"hello",
    "a pickle": lambda tokens: planted(),
    "a pickle under tokens": lambda tokens: under(planted())(tokens),
    "no JSON": under(b"j{"),
    "no kind": under(b"?1"),
    "no body": under(b""),
    "a number": under(b"j1"),
    "a text": under(b'j"Zoro"'),
    "null": under(b"jnull"),
    "a short row": under(b"j[1]"),
    "a row of other types": lambda tokens: under(b"j[" + b"[],{}," * 9 + b'"x","x"]')(tokens),
    "not zlib": lambda tokens: b"\x02" + b"".join(tokens) + b"jxxx",
    "another mark": lambda tokens: b"\x07" + b"".join(tokens) + b"j1",
}


@in_a_market
@pytest.mark.parametrize("odd", ODD)
def test_odd_bytes_are_a_miss_and_are_written_over(loner: Character, odd: str) -> None:
    expected = queries.QUOTE(loner.pk)
    place, redis = place_of(queries.QUOTE, (loner.pk,)), connection()
    redis.set(place.key, ODD[odd](redis.mget(place.tokens)))
    assert queries.QUOTE(loner.pk) == expected
    with CaptureQueriesContext(connections["default"]) as asked:
        assert queries.QUOTE(loner.pk) == expected
    assert len(asked) == 0
    assert not Planted.ran


@in_a_market
@pytest.mark.parametrize("odd", [b"", b"x", b"x" * 17, b"x" * 19, ["a list"]])
def test_an_odd_token_is_written_over_and_hides_no_write(loner: Character, odd: Any) -> None:
    expected = queries.QUOTE(loner.pk)
    redis, (token, *_) = connection(), place_of(queries.QUOTE, (loner.pk,)).tokens

    def plant() -> None:
        redis.delete(token)
        redis.rpush(token, *odd) if isinstance(odd, list) else redis.set(token, odd)

    plant()
    assert queries.QUOTE(loner.pk) == expected
    with CaptureQueriesContext(connections["default"]) as asked:
        assert queries.QUOTE(loner.pk) == expected
    assert len(asked) == 0
    plant()
    Character.objects.filter(pk=loner.pk).update(name="Hawk Eyes")
    relay()
    assert len(redis.get(token)) == 18
    assert queries.QUOTE(loner.pk).name == "Hawk Eyes"


# --- how long


@in_a_market
def test_everything_that_is_stored_is_kept_for_a_time_only(arguments: Arguments) -> None:
    redis = connection()
    leases: list[int] = []

    def load(pk: int) -> Any:
        leases.extend(redis.pttl(lease) for lease in redis.keys("*:lease:*"))
        return READS["CHARACTER_DATA"].load(pk)

    for name in READS:
        READS[name](*arguments(name)[0])
    relay()
    (args, *_) = arguments("CHARACTER_DATA")
    READS["CHARACTER_DATA"]._replace(load=load)(*args)
    with pytest.raises(Http404):
        queries.QUOTE(0)
    assert len(leases) == 1
    assert 0 < leases[0] <= 5000
    assert redis.keys("*:lease:*") == []
    kept = {name.decode(): redis.ttl(name) for name in list[bytes](redis.keys("market:*"))}
    assert [name for name, ttl in kept.items() if ttl <= 0 and name not in ("market:stats", "market:run")] == []
    values = {name: ttl for name, ttl in kept.items() if not name.startswith(("market:token:", "market:stats", "market:run"))}
    assert {name.split(":")[2] for name in values} == {*READS, "PRICES"}
    assert max(values.values()) <= 600
    assert 0 < kept[place_of(queries.QUOTE, (0,)).key] <= 60  # not there: for a minute
    assert min(ttl for name, ttl in kept.items() if name.startswith("market:token:")) > 600  # a token outlives its values


@in_a_market
def test_a_timeout_of_the_callers_own_is_kept(loner: Character) -> None:
    CacheService.cache_character_data(loner.pk, timeout=7)
    assert 0 < connection().ttl(place_of(queries.CHARACTER_DATA, (loner.pk,)).key) <= 7


@in_a_market
def test_what_is_asked_for_keeps_nobodys_price_for_ever(loner: Character) -> None:
    redis = connection()
    prices([loner.pk])
    (board,) = redis.keys("market:*:PRICES")
    redis.expire(board, 100)
    prices([loner.pk + 1])
    assert redis.hlen(board) == 2
    assert 0 < redis.ttl(board) <= 100  # all of it ends when the first price in it does


# --- what makes them stale


@in_a_market
@pytest.mark.parametrize("name", READS)
def test_every_event_of_a_row_makes_it_stale(name: str, arguments: Arguments) -> None:
    """A value must be stored under all of its tokens: one alone is enough to make it stale."""
    args = arguments(name)[0]
    for event in READS[name].stale_by(*args):
        READS[name](*args)
        with CaptureQueriesContext(connections["default"]) as hit:
            READS[name](*args)
        CacheService.renew([event])
        with CaptureQueriesContext(connections["default"]) as missed:
            READS[name](*args)
        assert len(hit) == 0
        assert len(missed) > 0, event
