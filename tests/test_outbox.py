"""What triggers note for the relay: every write of what cached reads show, whoever writes, once it is committed."""

import re
import threading
from collections.abc import Callable

import pytest
from django.db import DatabaseError, connections, transaction
from django.test.utils import CaptureQueriesContext
from redis import ConnectionError as RedisConnectionError

from caching import relay as relaying
from caching.events import KINDS
from caching.models import Outbox
from caching.relay import BATCH, events_of, relay
from caching.service import READS, CacheService
from characters.models import Character
from crews.services import refresh_crew_analytics
from tests.factories import CharacterFactory, CrewFactory
from tests.test_cache_values import arguments, loner

__all__ = ["arguments", "loner"]  # fixtures
pytestmark = pytest.mark.django_db(transaction=True)
Note = tuple[str, int | None]


@pytest.fixture
def two(transactional_db: None) -> tuple[int, int]:
    """Two characters, and an empty outbox."""
    zoro, sanji = CharacterFactory().pk, CharacterFactory().pk
    Outbox.objects.using("owner").all().delete()
    return zoro, sanji


def notes() -> list[Note]:
    """Return what waits to be relayed."""
    return [*Outbox.objects.using("owner").order_by("kind", "row_id").values_list("kind", "row_id").distinct()]


def run(statement: str, *values: object) -> None:
    """Write as market_owner."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(statement, values)


STATEMENTS = {
    "UPDATE characters SET name = name || '!' WHERE id = {0}": ["character {0}"],
    "UPDATE characters SET name = name || '!'": ["character {0}", "character {1}"],
    "UPDATE characters SET name = name || '!' WHERE false": [],
    "DELETE FROM characters WHERE id = {1}": ["character {1}"],
    "UPDATE listings SET halted = true WHERE character_id = {0}": ["character {0}"],
    "INSERT INTO bounty_events (character_id, amount) VALUES ({0}, 1)": ["character {0}"],
    "UPDATE bounty_events SET chapter = 1 WHERE character_id = {1}": ["character {1}"],
    "UPDATE bounty_events SET character_id = {1} WHERE character_id = {0}": ["character {0}", "character {1}"],
    "DELETE FROM bounty_events WHERE character_id = {0}": ["character {0}"],
    "INSERT INTO crews (id, name, captain) VALUES (77, 'Kid', 'Kid')": ["crew 77"],
    "INSERT INTO characters (id, name, description) SELECT n, 'n' || n, '' FROM generate_series(1001, 1101) n": [
        "character None"
    ],
    "TRUNCATE bounty_events": ["character None"],
    "SELECT refresh_crew_analytics()": ["crew_analytics None"],
}


@pytest.mark.parametrize("statement", STATEMENTS)
def test_a_statement_is_noted(two: tuple[int, int], statement: str) -> None:
    run(statement.format(*two))
    expected = {note.format(*two) for note in STATEMENTS[statement]}
    assert {f"{kind} {pk}" for kind, pk in notes()} == expected


def test_a_hundred_rows_of_one_character_do_not_hide_another(two: tuple[int, int]) -> None:
    zoro, sanji = two
    run(
        "INSERT INTO bounty_events (character_id, amount) SELECT %s, n FROM generate_series(1, 150) n UNION ALL SELECT %s, 1",
        *two,
    )
    assert {(pk is None) or pk for _, pk in notes()} in ({True}, {True, zoro, sanji})
    assert "all character" in events_of(notes())


def test_what_is_rolled_back_is_not_noted(two: tuple[int, int]) -> None:
    with transaction.atomic(using="owner"):
        run("UPDATE characters SET name = 'Zolo' WHERE id = %s", two[0])
        assert notes() == [("character", two[0])]
        transaction.set_rollback(True, using="owner")
    assert notes() == []


def test_the_site_can_neither_read_nor_write_the_outbox(two: tuple[int, int]) -> None:
    for statement in (
        "SELECT * FROM cache_outbox",
        "DELETE FROM cache_outbox",
        "INSERT INTO cache_outbox (kind) VALUES ('crew')",
    ):
        with pytest.raises(DatabaseError, match="permission denied"), connections["default"].cursor() as cursor:
            cursor.execute(statement)
    Character.objects.filter(pk=two[0]).update(name="Zolo")  # but what it writes is noted
    assert notes() == [("character", two[0])]


def test_whatever_cached_reads_read_is_noted(arguments: Callable[[str], list[tuple[object, ...]]]) -> None:
    """A new row of the table that reads another table needs triggers on it."""
    with CaptureQueriesContext(connections["default"]) as asked:
        for name, row in READS.items():
            row.load(*arguments(name)[0])
    read = {table for query in asked for table in re.findall(r'(?:FROM|JOIN) "(\w+)"', query["sql"])}
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT tgrelid::regclass::text, bit_or(tgtype) & 60 FROM pg_trigger"
            " WHERE tgfoid = 'note_stale'::regproc AND tgenabled = 'O' GROUP BY 1"
        )
        noted = dict(cursor.fetchall())
    assert set(noted.values()) == {4 + 8 + 16 + 32}  # inserted, deleted, updated, truncated
    assert read - {"crew_analytics"} == set(noted)  # which no trigger can be on; its refresh notes itself
    assert read == {model._meta.db_table for model in KINDS} - {"users"}  # saves of each are heard; users are in the standings


# --- the relay


def test_notes_are_gone_only_once_the_cache_has_heard_them(two: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    run("UPDATE characters SET name = name || '!'")
    before = notes()
    heard: list[int] = []

    def renew(*_: object) -> None:
        with connections["owner"].copy().cursor() as other:  # what another session sees at this moment
            other.execute("SELECT count(*) FROM cache_outbox")
            heard.append(other.fetchone()[0])
        raise RedisConnectionError

    with monkeypatch.context() as away:
        away.setattr(relaying, "renew", renew)
        with pytest.raises(RedisConnectionError):
            relay()
    assert heard == [len(before)]
    assert notes() == before
    assert len(relay()) == len(before)
    assert (notes(), relay()) == ([], [])


def test_two_relays_take_different_notes(two: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    run("UPDATE characters SET name = 'Zolo' WHERE id = %s", two[0])
    taken: list[list[float]] = []

    def renew(*_: object) -> None:
        monkeypatch.undo()
        run_elsewhere(lambda: taken.append(relay()))

    monkeypatch.setattr(relaying, "renew", renew)
    assert len(relay()) == 1
    assert taken == [[]]  # it did not wait for the first, and took nothing of it


def run_elsewhere(work: Callable[[], None]) -> None:
    """Run in a thread, over connections of its own."""

    def begin() -> None:
        work()
        connections.close_all()

    thread = threading.Thread(target=begin)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()


def test_a_long_outbox_is_relayed_in_batches(two: tuple[int, int]) -> None:
    run("INSERT INTO cache_outbox (kind, row_id) SELECT 'character', n FROM generate_series(1, %s) n", BATCH + 1)
    assert [len(relay()) for _ in range(3)] == [BATCH, 1, 0]


def test_a_refresh_is_heard_at_once_and_noted(two: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    CrewFactory()
    Outbox.objects.using("owner").all().delete()
    heard: list[str] = []
    monkeypatch.setattr(CacheService, "renew", heard.extend)
    refresh_crew_analytics()
    assert heard == ["any crew_analytics", "all crew_analytics"]
    assert notes() == [("crew_analytics", None)]
