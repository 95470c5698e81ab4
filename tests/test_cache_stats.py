"""What cached reads do is counted, by row."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.http import Http404
from redis import ConnectionError as RedisConnectionError

from caching import client as guarded
from caching import queries, stats
from caching.breaker import Breaker
from caching.service import READS
from tests.factories import CharacterFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _from_zero() -> None:
    stats._counts.clear()


def test_reads_and_loads_are_counted_by_row() -> None:
    zoro = CharacterFactory()
    for _ in range(4):
        queries.CHARACTER_DATA(zoro.pk)
    counts = stats.totals(READS)
    assert counts["CHARACTER_DATA"][:5] == (3, 1, 0, 0, 1)
    assert counts["CHARACTER_DATA"].rate == 0.75
    assert counts["CHARACTER_DATA"].load_us > 0
    assert counts["CHARACTER_DATA"].bytes > 300
    assert counts["QUOTE"] == stats.Counts()
    assert counts["QUOTE"].rate is None


def test_that_somebody_is_not_there_is_a_hit_too() -> None:
    for _ in range(3):
        with pytest.raises(Http404):
            queries.QUOTE(0)
    assert stats.totals(READS)["QUOTE"][:2] == (2, 1)


def test_counts_add_up_and_are_kept_by_the_minute() -> None:
    zoro = CharacterFactory()
    for _ in range(2):
        queries.CHARACTER_DATA(zoro.pk)
        stats.flush()
    assert stats.totals(READS)["CHARACTER_DATA"][:2] == (1, 1)
    minutes = stats.by_minute(READS)["CHARACTER_DATA"]
    assert len(minutes) == 30
    assert sum(minute.hits for minute in minutes[-2:]) == 1


def test_what_cannot_be_added_is_kept_for_the_next_time(monkeypatch: pytest.MonkeyPatch) -> None:
    queries.TOP_CHARACTERS(3)
    with monkeypatch.context() as away:
        away.setattr(stats, "get_redis_connection", _away)
        stats.note("TOP_CHARACTERS", hits=1)
        stats.flush()
    assert stats.totals(READS)["TOP_CHARACTERS"][:2] == (1, 1)


def _away(alias: str) -> None:
    raise RedisConnectionError


def test_the_command_shows_every_row_and_the_server() -> None:
    with transaction.atomic(using="owner"):
        CharacterFactory._meta.model.objects.using("owner").create(name="Zoro", description="")
    queries.TOP_CHARACTERS(3)
    queries.TOP_CHARACTERS(3)
    said = StringIO()
    call_command("cache_stats", stdout=said)
    lines = said.getvalue().splitlines()
    assert [line.split()[0] for line in lines[1:-1]] == list(queries.counted())
    assert next(line for line in lines if line.startswith("TOP_CHARACTERS")).split()[1:5] == ["1", "1", "50.0%", "1"]
    assert " MB of " in lines[-1]
    assert "2 notes in the outbox" in lines[-1]  # the character, and its listing


def test_without_the_cache_the_command_says_so_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stats, "get_redis_connection", _away)
    with pytest.raises(CommandError, match="Pages are served from PostgreSQL meanwhile"):
        call_command("cache_stats", stdout=StringIO())


def test_a_read_without_the_cache_is_counted_as_past_it(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Breaker()
    opened.is_open = True
    with monkeypatch.context() as away:
        away.setattr(guarded, "BREAKER", opened)
        for _ in range(2):
            queries.TOP_CHARACTERS(3)
    queries.TOP_CHARACTERS(3)
    counts = stats.totals(READS)["TOP_CHARACTERS"]
    assert counts[:3] == (0, 1, 2)
    assert counts.rate == 0
