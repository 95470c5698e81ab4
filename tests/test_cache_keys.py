"""What cached values are called: no two reads share a key; and who is reached by a write, under whatever key."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connections, transaction
from django.http import Http404

from caching import queries
from caching.relay import relay
from caching.service import READS, CachedRead, CacheService, place_of
from characters.models import Character
from onepiece_market.releases import release
from tests.factories import CharacterFactory

key = CacheService.get_cache_key
in_a_market = pytest.mark.django_db(transaction=True)

DIFFERENT = [
    ("a",), ("b",), ("a:b",), ("a", "b"), ("a", ":b"), ("a=b",), (), ("",), ("", ""), (1,), ("1",), (True,), ("yes",), (None,),
    ("-",), ("None",), (Decimal(1),), ("d1",), (Decimal("1.5"),), (0,), (False,), (Decimal(0),), (-1,), (1, 2), (12,), ("1", 2),
    ("a b",), ("a  b",), ("A",), ("ä",), ("a\n",), ("a\x00",), ("~",), ("'a",), ("x" * 40,), ("x" * 41,), ("x" * 42,),
    (Decimal("0.1234567890123456789012345678901"),), (Decimal("0.1234567890123456789012345678902"),),
]  # fmt: skip


def test_no_two_reads_share_a_key() -> None:
    keys = {key("read", *arguments) for arguments in DIFFERENT}
    keys |= {key("read", a=1), key("read", b=1), key("read", a="1"), key("read", a=1, b=2), key("read", 1, b=2)}
    keys |= {key("read:1"), key("read:'a"), key("read:-"), key("other", "a")}  # a prefix is no place to smuggle an argument
    assert len(keys) == len(DIFFERENT) + 9


def test_the_modules_keys_do_collide() -> None:
    """The control: what its Lab 2 writes."""
    assert ":".join(["read", "a:b"]) == ":".join(["read", "a", "b"])


@pytest.mark.parametrize(("one", "other"), [("1", "1.0"), ("100", "1E+2"), ("0.10", "0.1")])
def test_an_amount_in_two_spellings_is_one_key(one: str, other: str) -> None:
    assert key("read", Decimal(one)) == key("read", Decimal(other))


def test_the_order_of_names_does_not_matter() -> None:
    assert key("read", b=2, a=1) == key("read", a=1, b=2)


@pytest.mark.parametrize("text", ["robin; FLUSHALL\r\n", "x" * 5000, "a:b", "名前", "\ud800"])
def test_what_people_type_is_hashed(text: str) -> None:
    assert text not in key("search", text)
    assert len(key("search", text)) < 60
    assert key("search", text).isascii()


@pytest.mark.parametrize("odd", [1.0, [1], object(), b"1"])
def test_what_has_no_place_in_a_key_is_refused(odd: object) -> None:
    with pytest.raises(TypeError, match="cannot be part of a cache key"):
        key("read", odd)


def test_every_release_has_keys_of_its_own_and_types_do_not_mix() -> None:
    key = place_of(queries.CHARACTER_DATA, (1,)).key
    assert key == f"{settings.CACHE_SPACE}:{settings.CACHE_RELEASE}:CHARACTER_DATA:1"
    assert place_of(queries.CHARACTER_DATA, (True,)).key != key


@pytest.mark.parametrize("changed", ["caching/a.py", "crews/jinja2/b.html", "trading/deep/c.svg"])
def test_code_and_templates_that_shape_values_make_a_release(tmp_path: Path, changed: str) -> None:
    before = release(tmp_path)
    (tmp_path / changed).parent.mkdir(parents=True)
    (tmp_path / changed).write_text("one")
    once = release(tmp_path)
    (tmp_path / changed).write_text("two")
    assert len({before, once, release(tmp_path)}) == 3


# --- who is not there


@pytest.fixture
def loner(transactional_db: None) -> Character:
    """A character without a crew; the module's cache crashes on him."""
    return CharacterFactory(name="Mihawk", crew=None, bounty=None)


@in_a_market
def test_who_is_not_there_is_looked_for_once(loner: Character) -> None:
    missing, loads = loner.pk + 1, []

    def load(pk: int) -> Any:
        loads.append(pk)
        return READS["CHARACTER_DATA"].load(pk)

    row = queries.CHARACTER_DATA._replace(load=load)
    for _ in range(3):
        with pytest.raises(Http404):
            row(missing)
    assert loads == [missing]


def by_saving(pk: int) -> None:
    CharacterFactory(pk=pk, name="Perona")


def by_sql(pk: int) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute("INSERT INTO characters (id, name, description) VALUES (%s, 'Perona', '')", [pk])
    relay()


@in_a_market
@pytest.mark.parametrize("make", [by_saving, by_sql])
def test_who_was_not_there_is_found_once_he_is_made(loner: Character, make: Callable[[int], None]) -> None:
    missing = loner.pk + 1
    with pytest.raises(Http404):
        queries.CHARACTER_DATA(missing)
    make(missing)
    assert queries.CHARACTER_DATA(missing)["name"] == "Perona"


# --- what a write reaches


@in_a_market
@pytest.mark.parametrize("limit", [1, 7, 10, 20, 33])
def test_lists_of_every_length_are_invalidated(loner: Character, limit: int) -> None:
    """The module forgets all but 10 and 20."""
    assert [row["name"] for row in CacheService.cache_top_characters(limit)] == ["Mihawk"]
    loner.name = "Hawk Eyes"
    loner.save(update_fields=["name"])
    assert [row["name"] for row in CacheService.cache_top_characters(limit)] == ["Hawk Eyes"]


@pytest.fixture
def counted() -> tuple[CachedRead, list[int]]:
    """Lend a read that counts its loads."""
    loads: list[int] = []

    def load(pk: int) -> int:
        loads.append(pk)
        return pk

    return queries.CHARACTER_DATA._replace(name="COUNTED", load=load, revive=int), loads


@in_a_market
def test_invalidate_character_cache_reaches_that_character_and_no_other(counted: tuple[CachedRead, list[int]]) -> None:
    row, loads = counted
    for _ in range(2):
        row(1)
        row(2)
    CacheService.invalidate_character_cache(1)
    row(1)
    row(2)
    assert loads == [1, 2, 1]


@in_a_market
def test_invalidate_character_cache_waits_for_the_commit(counted: tuple[CachedRead, list[int]]) -> None:
    row, loads = counted
    row(1)
    with transaction.atomic():
        CacheService.invalidate_character_cache(1)
        transaction.set_rollback(True)
    row(1)
    assert loads == [1]
    with transaction.atomic():
        CacheService.invalidate_character_cache(1)
    row(1)
    assert loads == [1, 1]
