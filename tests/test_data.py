"""The characters that come with the market: every fact with its chapter or a flag, descriptions that tell nothing too soon."""

import csv
import re
from collections import Counter

import pytest

from characters.loading import DATA
from tests.reference_facts import REFERENCE
from tests.reference_stories import (
    CAPTAINS_ELSEWHERE,
    CHAPTERS,
    CREWS,
    DIFFERENT,
    EPITHETS,
    FIRST_CHAPTERS,
    FRUITS,
    HISTORIES,
    NO_FIRST_CHAPTER,
)  # fmt: skip

CHAPTER = re.compile(r"[1-9][0-9]{0,3}|\?", re.ASCII)  # ?: to be confirmed
SENTENCE_END = re.compile(r"[.!?](?=\s|$)")
MOST_WORDS = 32
LATEST = 1181  # of tests/reference_facts.py
WIKI = re.compile(
    r"also known as|\bis (the|a|an) .*\b(captain|member|founder|protagonist|antagonist|officer|pirate)\b"
    r"|\b(series|manga|anime|arc|saga|chapter)\b",
    re.IGNORECASE,
)
SOURCES = {"crew": "crew_chapter", "epithet": "epithet_chapter", "devil_fruit": "devil_fruit_chapter"}
Row = dict[str, str]


def bundled(table: str = "characters.csv") -> list[Row]:
    """Return the file's rows."""
    with (DATA / table).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def told(row: Row) -> dict[int, int]:
    """Return the chapters of a character's dated bounties, by amount, in the order of the file."""
    entries = (entry.partition("@") for entry in row["bounties"].split("|"))
    return {int(amount): int(chapter) for amount, _, chapter in entries if chapter.isdigit()}


def words(epithet: str, name: str) -> list[str]:
    """Return the words of an epithet but for the character's name."""
    return [word for word in re.split(r"[\s-]+", epithet.casefold()) if word not in {"the", *name.casefold().split()}]


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
        if first(other) > first(row)
        for name in names(other) - names(row)
        if name in row["description"] and re.search(rf"\b{re.escape(name)}\b", row["description"])
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


def test_a_history_goes_forward_from_the_first_appearance_and_not_beyond_the_latest_chapter() -> None:
    for row in bundled():
        chapters = list(told(row).values())
        assert chapters == sorted(chapters), row["name"]
        assert not chapters or row["first_chapter"] == "?" or chapters[0] >= first(row), row["name"]
        dates = [*chapters, *(int(row[source]) for source in (*SOURCES.values(), "first_chapter") if row[source].isdigit())]
        assert max(dates, default=0) <= LATEST, row["name"]


def test_nobody_has_a_devil_fruit_that_the_reference_does_not_know() -> None:
    assert {row["name"] for row in bundled() if row["devil_fruit"] and row["name"] in REFERENCE} == FRUITS.keys()


def test_every_captain_is_a_member_of_the_crew_but_for_the_listed_ones() -> None:
    crews = {row["name"]: row["crew"] for row in bundled()}
    captains = {row["name"]: row["captain"] for row in bundled("crews.csv")}
    assert {captain for captain in captains.values() if captain not in crews} == set()
    assert {crew for crew, captain in captains.items() if crews[captain] != crew} == CAPTAINS_ELSEWHERE.keys()


def unlike_the_reference(rows: list[Row]) -> set[tuple[str, str]]:
    """Return (character, fact) for what the reference tells otherwise; what is to be confirmed is not compared."""
    ours = {row["name"]: row for row in rows}
    history = {name: tuple(int(entry.split("@")[0]) for entry in ours[name]["bounties"].split("|")) for name in HISTORIES}
    agree = {
        "first_chapter": {n: ours[n]["first_chapter"] in ("?", str(chapter)) for n, chapter in FIRST_CHAPTERS.items()},
        "history": {n: history[n] == amounts for n, amounts in HISTORIES.items()},
        "crew": {n: ours[n]["crew"] == crew for n, crew in CREWS.items()},
        "fruit": {n: fruit.casefold() in ours[n]["devil_fruit"].casefold() for n, fruit in FRUITS.items()},
        "epithet": {n: words(ours[n]["epithet"], n) in [words(e, n) for e in es.split("|")] for n, es in EPITHETS.items()},
        "chapter": {n: chapters.items() <= told(ours[n]).items() for n, chapters in CHAPTERS.items()},
    }
    return {(name, fact) for fact, names in agree.items() for name, same in names.items() if not same}


def test_what_the_reference_tells_is_told_alike_but_for_the_listed_differences() -> None:
    assert unlike_the_reference(bundled()) == DIFFERENT.keys()


HISTORY = bundled()[0]["bounties"]


@pytest.mark.parametrize(
    ("column", "value", "fact"),
    [
        ("first_chapter", "2", "first_chapter"), ("bounties", HISTORY.replace("400000000@?|", ""), "history"),
        ("bounties", HISTORY.replace("@96", "@97"), "chapter"), ("bounties", HISTORY.replace("@1053", "@?"), "chapter"),
        ("crew", "Red Hair Pirates", "crew"), ("devil_fruit", "Chop-Chop Fruit", "fruit"),
        ("epithet", "Red-Haired Shanks", "epithet"), ("epithet", "", "epithet"),
    ],
)  # fmt: skip
def test_a_fact_that_the_reference_tells_otherwise_is_seen(column: str, value: str, fact: str) -> None:
    luffy, *others = bundled()
    assert unlike_the_reference([luffy | {column: value}, *others]) - DIFFERENT.keys() == {("Monkey D. Luffy", fact)}


def test_a_good_part_of_the_facts_is_confirmed() -> None:
    confirmed = Counter(source for row in bundled() for source in SOURCES.values() if row[source].isdigit())
    assert confirmed["crew_chapter"] >= 132
    assert confirmed["epithet_chapter"] >= 32
    assert confirmed["devil_fruit_chapter"] >= 4
    assert sum(len(told(row)) for row in bundled()) >= 58
    assert {row["name"] for row in bundled() if row["first_chapter"] == "?"} <= NO_FIRST_CHAPTER


def test_descriptions_are_one_or_two_sentences_and_each_its_own() -> None:
    texts = [row["description"] for row in bundled()]
    assert [text for text in texts if not 1 <= len(SENTENCE_END.findall(text)) <= 2 or not text.endswith(".")] == []
    assert [text for text in texts if len(text.split()) > MOST_WORDS] == []
    assert [text for text, count in Counter(texts).items() if count > 1] == []


def test_no_description_reads_like_an_encyclopedia() -> None:
    rows = [*bundled(), *bundled("crews.csv")]
    assert [row["name"] for row in rows if WIKI.search(row["description"]) or row["description"].startswith(row["name"])] == []


def own_names(row: Row) -> list[str]:
    """Return what a description calls its character besides its name: such names are told later."""
    others = [name for name in names(row) if not set(name.split()) <= set(row["name"].split())]
    return [name for name in others if re.search(rf"\b{re.escape(name)}\b", row["description"])]


def test_no_description_tells_what_the_character_is_called_later() -> None:
    assert {row["name"]: found for row in bundled() if (found := own_names(row))} == {}
    assert own_names(bundled()[0] | {"description": "They call him Straw Hat."}) == ["Straw Hat"]  # the control


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
