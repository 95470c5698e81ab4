"""The characters that come with the market: every fact with its chapter or a flag, descriptions that tell nothing too soon."""

import csv
import re
from collections import Counter

import pytest

from characters.loading import DATA
from tests.reference_stories import CREWS, DIFFERENT, FIRST_CHAPTERS, FRUITS, HISTORIES

CHAPTER = re.compile(r"[1-9][0-9]{0,3}|\?", re.ASCII)  # ?: to be confirmed
SENTENCE_END = re.compile(r"[.!?](?=\s|$)")
MOST_WORDS = 32
SOURCES = {"crew": "crew_chapter", "epithet": "epithet_chapter", "devil_fruit": "devil_fruit_chapter"}
Row = dict[str, str]


def bundled() -> list[Row]:
    """Return the file's rows."""
    with (DATA / "characters.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def without_source(row: Row) -> list[str]:
    """Return the facts of a row that have neither a chapter nor the flag, and sources of no fact."""
    missing = [fact for fact, source in SOURCES.items() if bool(row[fact]) != bool(CHAPTER.fullmatch(row[source]))]
    missing += [entry for entry in row["bounties"].split("|") if entry and not CHAPTER.fullmatch(entry.partition("@")[2])]
    return missing + (["first_chapter"] if not CHAPTER.fullmatch(row["first_chapter"]) else [])


def names(row: Row) -> set[str]:
    """Return all that a character is called in Latin letters."""
    return {name for name in (row["name"], row["epithet"], *row["aliases"].split("|")) if re.match(r"[A-Z]", name)}


def first(row: Row) -> int:
    """Return the chapter of the first appearance; unknown ones are late."""
    return int(row["first_chapter"]) if row["first_chapter"] != "?" else 10_000


def told_too_soon(rows: list[Row]) -> list[tuple[str, str]]:
    """Return (whose description, name in it) where it names somebody who appears in a later chapter."""
    return [
        (row["name"], name)
        for row in rows
        for other in rows
        for name in names(other) - names(row)
        if first(other) > first(row) and re.search(rf"\b{re.escape(name)}\b", row["description"])
    ]


def test_every_fact_has_its_chapter_or_the_flag() -> None:
    assert {row["name"]: missing for row in bundled() if (missing := without_source(row))} == {}


@pytest.mark.parametrize(
    ("column", "value", "missing"),
    [
        ("crew_chapter", "", "crew"),
        ("epithet_chapter", "soon", "epithet"),
        ("devil_fruit_chapter", "0", "devil_fruit"),
        ("bounties", "30000000@", "30000000@"),
        ("first_chapter", "", "first_chapter"),
    ],
)
def test_a_fact_without_its_chapter_is_seen(column: str, value: str, missing: str) -> None:
    assert without_source(bundled()[0] | {column: value}) == [missing]


def test_no_fact_is_told_before_the_character_appears() -> None:
    chapters = [
        (row["name"], row[source]) for row in bundled() for source in SOURCES.values() if row[source].isdigit()
        if row["first_chapter"].isdigit() and int(row[source]) < int(row["first_chapter"])
    ]  # fmt: skip
    assert chapters == []


def unlike_the_reference(rows: list[Row]) -> set[tuple[str, str]]:
    """Return (character, fact) for what the reference tells otherwise; what is to be confirmed is not compared."""
    ours = {row["name"]: row for row in rows}
    history = {name: tuple(int(entry.split("@")[0]) for entry in ours[name]["bounties"].split("|")) for name in HISTORIES}
    agree = {
        "first_chapter": {n: ours[n]["first_chapter"] in ("?", str(chapter)) for n, chapter in FIRST_CHAPTERS.items()},
        "history": {n: history[n] == amounts for n, amounts in HISTORIES.items()},
        "crew": {n: ours[n]["crew"] == crew for n, crew in CREWS.items()},
        "fruit": {n: fruit.casefold() in ours[n]["devil_fruit"].casefold() for n, fruit in FRUITS.items()},
    }
    return {(name, fact) for fact, names in agree.items() for name, same in names.items() if not same}


def test_first_chapters_histories_crews_and_fruits_agree_with_the_reference_but_for_the_listed_differences() -> None:
    assert unlike_the_reference(bundled()) == DIFFERENT.keys()


@pytest.mark.parametrize(
    ("column", "value", "fact"),
    [
        ("first_chapter", "2", "first_chapter"), ("bounties", "30000000@96|3000000000@1053", "history"),
        ("crew", "Red Hair Pirates", "crew"), ("devil_fruit", "Chop-Chop Fruit", "fruit"),
    ],
)  # fmt: skip
def test_a_fact_that_the_reference_tells_otherwise_is_seen(column: str, value: str, fact: str) -> None:
    luffy, *others = bundled()
    assert unlike_the_reference([luffy | {column: value}, *others]) - DIFFERENT.keys() == {("Monkey D. Luffy", fact)}


def test_a_good_part_of_the_facts_is_confirmed() -> None:
    confirmed = Counter(source for row in bundled() for source in SOURCES.values() if row[source].isdigit())
    assert confirmed["crew_chapter"] >= 120
    assert sum(row["first_chapter"].isdigit() for row in bundled()) >= 260


def test_descriptions_are_one_or_two_sentences_and_each_its_own() -> None:
    texts = [row["description"] for row in bundled()]
    assert [text for text in texts if not 1 <= len(SENTENCE_END.findall(text)) <= 2 or not text.endswith(".")] == []
    assert [text for text in texts if len(text.split()) > MOST_WORDS] == []
    assert [text for text, count in Counter(texts).items() if count > 1] == []


def test_no_description_names_anybody_who_appears_later() -> None:
    assert told_too_soon(bundled()) == []


def test_a_name_from_a_later_chapter_is_seen() -> None:
    rows = bundled()
    rows[0] = rows[0] | {"description": "He will sail with Jinbe."}
    assert told_too_soon(rows) == [("Monkey D. Luffy", "Jinbe")]


def test_aliases_are_each_said_once() -> None:
    for row in bundled():
        aliases = row["aliases"].split("|")
        assert len({alias.casefold() for alias in aliases}) == len(aliases), row["name"]
        assert row["name"] not in aliases
