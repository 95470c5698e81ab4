"""No read that begins after a write's renewal gets what was there before. The module's own scheme runs through the same tests.

Interleavings are made by hand: a loader that has queried stops, and the writer does his part before the loader returns.
"""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connections, transaction

from caching import queries, tokens
from caching.client import GuardedPipeline
from caching.relay import relay
from caching.service import CachedRead, CacheService, connection, place_of
from characters.models import Character
from characters.selectors import character_data
from crews.services import refresh_crew_analytics
from tests.factories import CharacterFactory, CrewFactory
from tests.module_cache import ModuleCache, invalidating_on_save

pytestmark = pytest.mark.django_db(transaction=True)

Read = Callable[[int], Any]
Between = Callable[[], None]


class Ours:
    """CacheService, with what relays the writes that send no signal."""

    guarantees = True

    def read(self, pk: int, between: Between | None = None) -> str:
        """Return the name of a character; do something between its query and its being stored."""
        return str(self._row(between)(pk)["name"])

    def _row(self, between: Between | None) -> CachedRead:
        def load(pk: int) -> dict[str, Any]:
            data = character_data(pk)
            if between:
                between()
            return data

        return queries.CHARACTER_DATA._replace(load=load)

    def settle(self) -> None:
        """Let the relay do what it does all the time."""
        relay()


class Module:
    """The module's cache."""

    guarantees = False

    def read(self, pk: int, between: Between | None = None) -> str:
        """Return the name of a character, as above."""

        def load(pk: int) -> dict[str, Any]:
            data = character_data(pk)
            if between:
                between()
            return data

        return str(ModuleCache.cache_character_data(pk, load)["name"])

    def settle(self) -> None:
        """Nothing comes later."""


Scheme = Ours | Module


@pytest.fixture(params=[Ours, Module], ids=["ours", "the module's"])
def scheme(request: pytest.FixtureRequest) -> Iterator[Scheme]:
    """Lend one scheme, then the other."""
    with invalidating_on_save() if request.param is Module else nullcontext():
        yield request.param()


@pytest.fixture
def zoro(transactional_db: None) -> Character:
    """Somebody who will be renamed."""
    return CharacterFactory(name="Zoro", crew=CrewFactory(name="Straw Hats"))


def rename(pk: int, name: str, using: str = "owner") -> None:
    """Save a new name, over a connection of its own."""
    character = Character.objects.using(using).get(pk=pk)
    character.name = name
    character.save(update_fields=["name"])


def holds(scheme: Scheme, pk: int, expected: str) -> None:
    """Expect the fresh name of our scheme, and the old one of the module's: a control that holds guards nothing."""
    scheme.settle()
    assert (scheme.read(pk) == expected) is scheme.guarantees


# --- interleavings


def test_a_reader_who_stores_after_the_writer_committed(scheme: Scheme, zoro: Character) -> None:
    assert scheme.read(zoro.pk, lambda: rename(zoro.pk, "Zolo")) == "Zoro"  # he began before
    holds(scheme, zoro.pk, "Zolo")


def test_a_reader_who_refills_between_the_invalidation_and_the_commit(scheme: Scheme, zoro: Character) -> None:
    with transaction.atomic(using="owner"):
        rename(zoro.pk, "Zolo")
        assert scheme.read(zoro.pk) == "Zoro"  # over another connection: not committed yet
    holds(scheme, zoro.pk, "Zolo")


def test_a_writer_who_dies_between_commit_and_renewal(scheme: Scheme, zoro: Character, monkeypatch: pytest.MonkeyPatch) -> None:
    scheme.read(zoro.pk)
    monkeypatch.setattr(CacheService, "renew", lambda events: False)
    monkeypatch.setattr(ModuleCache, "invalidate_character_cache", lambda pk: None)
    rename(zoro.pk, "Zolo")
    holds(scheme, zoro.pk, "Zolo")


def test_a_reader_who_stores_after_two_writers(scheme: Scheme, zoro: Character) -> None:
    def both() -> None:
        rename(zoro.pk, "Zolo")
        rename(zoro.pk, "Zorro")

    scheme.read(zoro.pk, both)
    holds(scheme, zoro.pk, "Zorro")


# --- writes that send no signal


def by_update(pk: int) -> None:
    Character.objects.filter(pk=pk).update(name="Zolo")


def by_bulk_update(pk: int) -> None:
    character = Character.objects.get(pk=pk)
    character.name = "Zolo"
    Character.objects.bulk_update([character], ["name"])


def by_raw_sql(pk: int) -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute("UPDATE characters SET name = 'Zolo' WHERE id = %s", [pk])


def by_another_program(pk: int) -> None:
    """As psql would: over a connection that Django knows nothing of."""
    import psycopg

    with psycopg.connect(**connections["owner"].get_connection_params()) as other:
        other.execute("UPDATE characters SET name = 'Zolo' WHERE id = %s", [pk])


def by_many_rows(pk: int) -> None:
    """A statement that touches more rows than anybody names."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("INSERT INTO characters (name, description) SELECT 'Other ' || n, '' FROM generate_series(1, 150) n")
        cursor.execute("UPDATE characters SET name = CASE WHEN id = %s THEN 'Zolo' ELSE name || '!' END", [pk])


WRITES = [by_update, by_bulk_update, by_raw_sql, by_another_program, by_many_rows]


@pytest.mark.parametrize("write", WRITES)
def test_a_write_that_sends_no_signal(scheme: Scheme, zoro: Character, write: Callable[[int], None]) -> None:
    scheme.read(zoro.pk)
    write(zoro.pk)
    holds(scheme, zoro.pk, "Zolo")


def test_a_crew_deleted_by_the_database_takes_its_members_along(zoro: Character) -> None:
    assert len(queries.CREW_BY_BOUNTY(zoro.crew_id, 0, 10)) == 1
    with connections["owner"].cursor() as cursor:
        cursor.execute("DELETE FROM crews WHERE id = %s", [zoro.crew_id])
    relay()
    assert queries.CREW_BY_BOUNTY(zoro.crew_id, 0, 10) == []


def test_a_refresh_makes_the_crews_numbers_stale(zoro: Character) -> None:
    refresh_crew_analytics()
    relay()
    assert [crew.member_count for crew in queries.CREW_ANALYTICS("cap")] == [1]
    with connections["owner"].cursor() as cursor:
        cursor.execute("INSERT INTO characters (name, description, crew_id) VALUES ('Nami', '', %s)", [zoro.crew_id])
        relay()
        assert [crew.member_count for crew in queries.CREW_ANALYTICS("cap")] == [1]
        cursor.execute("SELECT refresh_crew_analytics()")
    relay()
    assert [crew.member_count for crew in queries.CREW_ANALYTICS("cap")] == [2]


# --- what is not written makes nothing stale


def token_of(pk: int) -> bytes | None:
    """Return the token of one character."""
    found: Any = connection().get(place_of(queries.CHARACTER_DATA, (pk,)).tokens[0])
    return found  # type: ignore[no-any-return]


def test_a_write_that_is_rolled_back_makes_nothing_stale(zoro: Character) -> None:
    relay()
    queries.CHARACTER_DATA(zoro.pk)
    before = token_of(zoro.pk)
    with transaction.atomic(using="owner"):
        rename(zoro.pk, "Zolo")
        transaction.set_rollback(True, using="owner")
    relay()
    assert token_of(zoro.pk) == before
    rename(zoro.pk, "Zolo")  # the control
    assert token_of(zoro.pk) != before


def test_what_a_transaction_has_not_committed_is_not_cached(zoro: Character) -> None:
    with transaction.atomic():
        Character.objects.filter(pk=zoro.pk).update(name="Zolo")
        assert queries.CHARACTER_DATA(zoro.pk)["name"] == "Zolo"
        transaction.set_rollback(True)
    assert queries.CHARACTER_DATA(zoro.pk)["name"] == "Zoro"


def test_two_renewals_within_a_millisecond_are_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "time", SimpleNamespace(time_ns=lambda: 1_700_000_000 * 10**9))
    redis, found = connection(), set()
    for _ in range(50):
        tokens.renew(redis, ["market:token:any character"])
        token = redis.get("market:token:any character")
        assert isinstance(token, bytes)
        found.add(token[6:12])
    assert len(found) == 50


# --- what the cache loses


def test_an_evicted_token_revives_nothing(zoro: Character) -> None:
    relay()
    connection().flushdb()  # what is stored next is stored under tokens that no write has made
    queries.CHARACTER_DATA(zoro.pk)
    by_update(zoro.pk)
    relay()
    connection().delete(*place_of(queries.CHARACTER_DATA, (zoro.pk,)).tokens)
    assert queries.CHARACTER_DATA(zoro.pk)["name"] == "Zolo"


def test_a_reader_whose_token_is_evicted_while_he_loads_stores_nothing_that_fits(zoro: Character) -> None:
    ours = Ours()

    def evict() -> None:
        by_update(zoro.pk)
        relay()
        connection().delete(*place_of(queries.CHARACTER_DATA, (zoro.pk,)).tokens)

    ours.read(zoro.pk, evict)
    assert ours.read(zoro.pk) == "Zolo"


def test_a_token_that_is_evicted_before_it_is_read_back_is_one_that_nothing_else_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is stored under it is found by nobody."""
    redis, keys, mget = connection(), ["market:token:one", "market:token:other"], GuardedPipeline.mget
    monkeypatch.setattr(GuardedPipeline, "mget", lambda pipe, names: mget(pipe.delete(*names), names))
    made = [token for _ in range(2) for token in tokens.complete(redis, keys, [None, None])]
    assert [len(token) for token in made] == [tokens.BYTES] * 4
    assert len(set(made)) == 4
    assert redis.mget(keys) == [None, None]


def test_a_flushed_cache_is_filled_again(zoro: Character) -> None:
    ours = Ours()
    ours.read(zoro.pk, lambda: connection().flushall() and by_update(zoro.pk))  # type: ignore[func-returns-value]
    relay()
    assert ours.read(zoro.pk) == "Zolo"
