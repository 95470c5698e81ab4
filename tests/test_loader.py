"""load_characters: the bundled data, updates by name, and every way in which a file can be wrong."""

import csv
import os
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connections

from characters.loading import DATA, HIGHEST_BOUNTY
from characters.models import BountyEvent, Character
from crews.models import Crew
from tests.reference_facts import DIFFERENCES, REFERENCE

pytestmark = pytest.mark.django_db

STRAW_HATS = 8_816_001_000  # the crew's own total in the reference
HEADER = "name,bounty,chapter,description"
GOOD = "Nami,366000000,1058,A navigator."
characters = Character.objects.using("owner")
crews = Crew.objects.using("owner")
events = BountyEvent.objects.using("owner")


class Loaded(NamedTuple):
    """What a run of the command said."""

    out: str
    err: str
    refusal: str


def load(path: Path | None = None, **options: bool) -> Loaded:
    """Run the command. Anything but a CommandError is a traceback, and fails the test."""
    out, err, refusal = StringIO(), StringIO(), ""
    try:
        call_command("load_characters", *([path] if path else []), stdout=out, stderr=err, **options)
    except CommandError as error:
        refusal = str(error)
    return Loaded(out.getvalue(), err.getvalue(), refusal)


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    """Return where a test writes its file."""
    return tmp_path / "sheet.csv"


def write(path: Path, *lines: str) -> Path:
    """Write these lines."""
    path.write_text("\n".join([*lines, ""]), encoding="utf-8", newline="")
    return path


def versions() -> dict[str, str]:
    """Return where each character's row lies: an UPDATE, even to the same values, moves it."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT name, ctid::text FROM characters")
        return dict(cursor.fetchall())


def bundled() -> list[dict[str, str]]:
    """Return the rows of the file that comes with the market."""
    with (DATA / "characters.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def latest(row: dict[str, str]) -> int | None:
    """Return the last bounty of a row's history."""
    return int(row["bounties"].rsplit("|", 1)[-1].split("@")[0]) if row["bounties"] else None


# --- the data that comes with the market


def test_the_bundled_file_agrees_with_the_reference_but_for_the_listed_differences() -> None:
    ours = {row["name"]: latest(row) for row in bundled()}
    assert REFERENCE.keys() <= ours.keys()
    differing = {name for name, bounty in REFERENCE.items() if ours[name] != bounty}
    assert differing == DIFFERENCES.keys()
    assert {ours[name] for name in DIFFERENCES} == {None}


def test_no_bundled_marine_has_a_bounty() -> None:
    marines = [row for row in bundled() if row["crew"] == "Marines"]
    assert len(marines) >= 16
    assert not [row["name"] for row in marines if row["bounties"]]


def test_the_bundled_data_loads_without_a_complaint() -> None:
    loaded = load()
    assert (loaded.err, loaded.refusal) == ("", "")
    assert loaded.out.splitlines() == [
        "crews: 47 new, 0 changed, 0 as they were",
        f"characters: {len(bundled())} new, 0 changed, 0 as they were",
    ]
    assert crews.count() == 47
    assert characters.count() == len(bundled()) >= 240
    assert events.filter(chapter__isnull=False).exists()


def test_the_straw_hats_bounties_sum_to_the_crews_total() -> None:
    load()
    bounties = characters.filter(crew__name="Straw Hat Pirates").values_list("bounty", flat=True)
    assert len(bounties) == 10
    assert sum(filter(None, bounties)) == STRAW_HATS


def test_the_crews_numbers_are_fresh_after_a_load() -> None:
    load()
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT member_count, total_bounty FROM crew_analytics WHERE crew_name = 'Straw Hat Pirates'")
        assert cursor.fetchone() == (10, STRAW_HATS)


def test_loading_again_writes_nothing() -> None:
    load()
    before, announced = versions(), events.count()
    assert f"characters: 0 new, 0 changed, {len(before)} as they were" in load().out
    assert (versions(), events.count()) == (before, announced)


# --- updates


def test_only_rows_that_differ_are_written(sheet: Path) -> None:
    load(write(sheet, HEADER, GOOD, "Usopp,500000000,1058,A sniper."))
    before = versions()
    loaded = load(write(sheet, HEADER, GOOD, "Usopp,500000000,1058,A god of snipers."))
    after = versions()
    assert "characters: 0 new, 1 changed, 1 as they were" in loaded.out
    assert {name for name in after if after[name] != before[name]} == {"Usopp"}
    assert characters.get(name="Usopp").description == "A god of snipers."


def test_a_column_that_the_file_lacks_is_left_alone(sheet: Path) -> None:
    load()
    load(write(sheet, "name,description", "Nami,Rewritten."))
    nami = characters.select_related("crew").get(name="Nami")
    assert (nami.description, nami.bounty, nami.epithet) == ("Rewritten.", 366_000_000, "Cat Burglar")
    assert nami.crew is not None


def test_an_empty_crew_takes_a_character_out_of_its_crew(sheet: Path) -> None:
    load()
    load(write(sheet, "name,crew,description", "Nami,,On her own."))
    assert characters.get(name="Nami").crew_id is None


def test_a_bounty_that_differs_is_announced_and_moves_price_and_market_cap(sheet: Path) -> None:
    load(write(sheet, HEADER, "Nami,4000000,1,A navigator.", "Usopp,500000000,1058,A sniper."))
    before = characters.get(name="Nami")
    loaded = load(write(sheet, HEADER, "Nami,9000000,2,A navigator.", "Usopp,500000000,1058,A sniper."))
    after = characters.get(name="Nami")
    assert "characters: 0 new, 1 changed, 1 as they were" in loaded.out
    assert (before.current_price, after.current_price) == (100, 150)
    assert (before.market_cap, after.market_cap) == (100_000_000, 150_000_000)
    assert list(events.filter(character__name="Nami").order_by("id").values_list("amount", "chapter")) == [
        (4_000_000, 1),
        (9_000_000, 2),
    ]
    assert events.filter(character__name="Usopp").count() == 1


def test_nobody_knows_an_empty_bounty_and_zero_is_a_bounty(sheet: Path) -> None:
    load(write(sheet, "name,bounty,description", "Koby,,A Marine.", "Pandaman,0,A wrestler."))
    assert [(c.bounty, c.current_price) for c in characters.order_by("name")] == [(None, 25), (0, 10)]
    assert list(events.values_list("character__name", flat=True)) == ["Pandaman"]


def test_a_bounty_that_becomes_unknown_is_announced(sheet: Path) -> None:
    load(write(sheet, "name,bounty,description", "Yasopp,4000000,A sharpshooter."))
    load(write(sheet, "name,bounty,description", "Yasopp,,A sharpshooter."))
    yasopp = characters.get(name="Yasopp")
    assert (yasopp.bounty, yasopp.current_price) == (None, 25)
    assert list(events.order_by("id").values_list("amount", flat=True)) == [4_000_000, None]


def test_only_new_leaves_the_edits_of_staff_alone() -> None:
    load()
    characters.filter(name="Nami").update(description="Written by staff.")
    characters.filter(name="Usopp").delete()
    loaded = load(only_new=True)
    assert "characters: 1 new, 0 changed" in loaded.out
    assert characters.get(name="Nami").description == "Written by staff."
    load()
    assert characters.get(name="Nami").description != "Written by staff."


def test_staffs_switches_survive_a_load() -> None:
    load()
    characters.filter(name="Nami").update(is_active=False, is_tradeable=False, image_url="https://example.org/nami.png")
    load()
    nami = characters.get(name="Nami")
    assert (nami.is_active, nami.is_tradeable, nami.image_url) == (False, False, "https://example.org/nami.png")


# --- rows that cannot be taken

WHOLE = f"must be a whole number from 0 to {HIGHEST_BOUNTY:,}, or empty."
CONTROL = "contains a control character."
NO_BOUNTIES = [
    "1_000", "１２", "٣", "1e9", "-1", "+1", "1.0", "1,00", "1000,000", ",100", "0x10", "NaN", "Infinity", "many",
    str(2**63), str(HIGHEST_BOUNTY + 1), "9" * 200, "1 000", "฿1000",
]  # fmt: skip
BAD_ROWS = [
    *[("bounty", value, WHOLE) for value in NO_BOUNTIES],
    ("chapter", "0", "must be a whole number from 1 to 99,999"),
    ("chapter", "100000", "must be a whole number from 1 to 99,999"),
    ("chapter", "１２", "must be a whole number from 1 to 99,999"),
    ("name", "", "must not be empty."),
    ("name", "  ", "must not be empty."),
    ("name", "x" * 101, "has 101 characters; at most 100 fit."),
    ("name", "Na\0mi", CONTROL),
    ("name", "Na\tmi", CONTROL),
    ("name", "Na\x1bmi", CONTROL),
    ("name", "Na\x85mi", CONTROL),
    ("name", "Nami", "'Nami' stands in line 2 already."),
    ("name", " Nami ", "'Nami' stands in line 2 already."),
    ("description", "", "must not be empty."),
    ("description", "x" * 4001, "has 4001 characters; at most 4000 fit."),
    ("description", "x\0", CONTROL),
    ("epithet", "x" * 101, "has 101 characters; at most 100 fit."),
    ("aliases", "fine|" + "x" * 101, "has 101 characters; at most 100 fit."),
    ("aliases", "fine|a\0", CONTROL),
    ("devil_fruit", "x\x7f", CONTROL),
    ("crew", "Nobody's Crew", 'there is no crew "Nobody\'s Crew". Load crews first, or leave it empty.'),
    ("crew", "x" * 101, "has 101 characters; at most 100 fit."),
]
COLUMNS = ("name", "crew", "epithet", "aliases", "devil_fruit", "bounty", "chapter", "description")


def sheet_with(path: Path, column: str, value: str) -> Path:
    """Write a good row in line 2, one with this value in line 3, and a good one in line 4."""
    template = dict.fromkeys(COLUMNS, "") | {"bounty": "366000000", "chapter": "1058", "description": "Somebody."}
    rows = [{**template, "name": "Nami"}, {**template, "name": "Usopp", column: value}, {**template, "name": "Franky"}]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.mark.parametrize(("column", "value", "sentence"), BAD_ROWS)
def test_a_bad_value_is_reported_with_line_and_column_and_nothing_changes(
    sheet: Path, column: str, value: str, sentence: str
) -> None:
    loaded = load(sheet_with(sheet, column, value))
    assert loaded.err.startswith(f"sheet.csv: line 3, column {column}: {sentence}")
    assert loaded.err.count("\n") == 1
    assert "nothing was changed" in loaded.refusal
    assert not characters.exists()


def test_a_good_value_in_the_same_place_loads(sheet: Path) -> None:
    loaded = load(sheet_with(sheet, "bounty", f" {HIGHEST_BOUNTY} "))
    assert (loaded.err, loaded.refusal) == ("", "")
    assert characters.get(name="Usopp").bounty == HIGHEST_BOUNTY


@pytest.mark.parametrize(("column", "value", "sentence"), [BAD_ROWS[0], BAD_ROWS[-2]])
def test_skip_bad_loads_the_rest_and_still_reports(sheet: Path, column: str, value: str, sentence: str) -> None:
    loaded = load(sheet_with(sheet, column, value), skip_bad=True)
    assert loaded.refusal == ""
    assert f"line 3, column {column}: {sentence}" in loaded.err
    assert set(characters.values_list("name", flat=True)) == {"Nami", "Franky"}


def test_a_row_with_another_number_of_columns_is_reported(sheet: Path) -> None:
    loaded = load(write(sheet, HEADER, GOOD, "Usopp,500000000,1058", "Franky,1,1,A shipwright.,and more"))
    assert loaded.err.splitlines() == [
        "sheet.csv: line 3: has another number of columns than the header.",
        "sheet.csv: line 4: has another number of columns than the header.",
    ]
    assert not characters.exists()


def test_each_of_several_nameless_rows_has_one_complaint(sheet: Path) -> None:
    loaded = load(write(sheet, HEADER, ",1,1,Nobody.", ",1,1,Nobody either."))
    assert loaded.err.splitlines() == [f"sheet.csv: line {n}, column name: must not be empty." for n in (2, 3)]


def test_a_chapter_without_a_bounty_is_refused(sheet: Path) -> None:
    assert "line 2, column chapter: dates a bounty, but there is none." in load(write(sheet, HEADER, "Nami,,5,x")).err


def test_one_bad_row_keeps_known_characters_as_they_were(sheet: Path) -> None:
    load(write(sheet, HEADER, GOOD))
    load(write(sheet, HEADER, "Nami,1000,1059,Changed.", "Usopp,many,1058,A sniper."))
    nami = characters.get()
    assert (nami.bounty, nami.description) == (366_000_000, "A navigator.")
    assert events.count() == 1


def test_many_bad_rows_are_counted_and_fifty_are_shown(sheet: Path) -> None:
    loaded = load(write(sheet, HEADER, *[f"Character {n},many,1,x" for n in range(60)]))
    assert len(loaded.err.splitlines()) == 51
    assert "and 10 more" in loaded.err
    assert loaded.refusal.startswith("60 problems")


def test_two_spellings_of_one_name_in_unicode_are_one_name(sheet: Path) -> None:
    loaded = load(write(sheet, HEADER, "Pell\u00e9,1,1,x", "Pelle\u0301,1,1,x"))
    assert "line 3, column name: 'Pell\u00e9' stands in line 2 already." in loaded.err


def test_a_crew_without_a_captain_is_refused(sheet: Path) -> None:
    loaded = load(write(sheet, "name,captain", "Buggy Pirates,Buggy", "Arlong Pirates,"))
    assert "line 3, column captain: must not be empty." in loaded.err
    assert not crews.exists()


def test_crews_are_added_and_updated_by_name(sheet: Path) -> None:
    load(write(sheet, "name,captain,description", "Buggy Pirates,Buggy,A circus.", "Arlong Pirates,Arlong,Fish-men."))
    loaded = load(write(sheet, "name,captain", "Buggy Pirates,Alvida", "Foxy Pirates,Foxy"))
    assert "crews: 1 new, 1 changed, 0 as they were" in loaded.out
    assert (crews.get(name="Buggy Pirates").captain, crews.get(name="Buggy Pirates").description) == (
        "Alvida",
        "A circus.",
    )


@pytest.mark.parametrize("lines", [[HEADER], [HEADER, "Nami,many,1,x"], ["name,captain"], ["name,captain", "Crew,"]])
def test_a_file_without_a_good_row_adds_nothing(sheet: Path, lines: list[str]) -> None:
    loaded = load(write(sheet, *lines), skip_bad=True)
    assert loaded.refusal == ""
    assert "0 new, 0 changed, 0 as they were" in loaded.out


# --- files that cannot be taken as a whole

WHOLE_FILES = [
    (b"name,colour,description\nNami,orange,x\n", "line 1: unknown column 'colour'; characters have name, crew,"),
    (b"name,bounty\nNami,1\n", "line 1: the column 'description' is missing; characters need name and description,"),
    (b"captain\nNami\n", "line 1: the column 'name' is missing; crews need name and captain,"),
    (b"name;bounty;description\nNami;1;x\n", "line 1: unknown column 'name;bounty;description'"),
    (b"name,name,description\nNami,Usopp,x\n", "line 1: the column 'name' stands there twice."),
    (b"", "line 1: the column 'description' is missing; characters need name and description,"),
    ("name,description\nJos\u00e9,x\n".encode("latin-1"), "is not UTF-8 (byte 20). Save it as UTF-8."),
    ("name,description\nNami,x\n".encode("utf-16"), "is not UTF-8 (byte 0). Save it as UTF-8."),
    (b'name,description\n"Nami,never closed\n', "is not a CSV file: unexpected end of data."),
    (b"name,description\nNami," + b"x" * 200_000 + b"\n", "is not a CSV file: field larger than field limit (131072)."),
]


@pytest.mark.parametrize(("content", "sentence"), WHOLE_FILES, ids=[sentence[:40] for _, sentence in WHOLE_FILES])
def test_a_file_that_is_no_sheet_of_characters_is_refused_in_a_sentence(sheet: Path, content: bytes, sentence: str) -> None:
    sheet.write_bytes(content)
    loaded = load(sheet)
    assert sentence in loaded.refusal
    assert "\n" not in loaded.refusal
    assert not characters.exists()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "missing.csv"
    assert load(missing).refusal == f"{missing} cannot be read: No such file or directory."


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    assert load(tmp_path).refusal == f"{tmp_path} cannot be read: Is a directory."


@pytest.mark.parametrize("ending", ["\r\n", "\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_every_line_ending_loads_with_and_without_a_byte_order_mark(sheet: Path, ending: str, encoding: str) -> None:
    sheet.write_bytes(ending.join([HEADER, GOOD, "ナミ,1,1,x", ""]).encode(encoding))
    assert load(sheet).refusal == ""
    assert set(characters.values_list("name", flat=True)) == {"Nami", "ナミ"}


@pytest.mark.parametrize(
    "rows",
    [5_000, pytest.param(100_000, marks=pytest.mark.skipif("SLOW_TESTS" not in os.environ, reason="takes over 15 s"))],
)
def test_a_large_file_loads(sheet: Path, rows: int) -> None:
    write(sheet, HEADER, *[f"Character {n},{n * 1000},{n % 1000 + 1},Somebody at sea." for n in range(rows)])
    loaded = load(sheet)
    assert (loaded.err, loaded.refusal) == ("", "")
    assert (characters.count(), events.count()) == (rows, rows)
    assert characters.get(name=f"Character {rows - 1}").bounty == (rows - 1) * 1000


def test_a_history_is_kept_in_its_order_and_the_last_bounty_counts(sheet: Path) -> None:
    write(sheet, "name,bounties,first_chapter,description", "Ruffy,30000000@96|100000000@?|300000000@435,1,A boy.")
    assert load(sheet).refusal == ""
    ruffy = characters.get(name="Ruffy")
    assert (ruffy.bounty, ruffy.first_chapter) == (300_000_000, 1)
    history = events.filter(character=ruffy).order_by("id").values_list("amount", "chapter")
    assert list(history) == [(30_000_000, 96), (100_000_000, None), (300_000_000, 435)]
    write(sheet, "name,bounties,description", "Ruffy,30000000@96|400000000@500,A boy.")
    assert "1 changed" in load(sheet).out
    assert events.filter(character=ruffy).order_by("id").values_list("amount", "chapter").last() == (400_000_000, 500)


@pytest.mark.parametrize("bounties", ["30000000", "@96", "30000000@x", "1@0", "1_000@5", "NaN@5", "5@96|", "-1@5"])
def test_a_history_that_cannot_be_read_is_refused(sheet: Path, bounties: str) -> None:
    write(sheet, "name,bounties,description", f"Ruffy,{bounties},A boy.")
    loaded = load(sheet)
    assert "column bounties" in loaded.err
    assert not characters.exists()


def test_bounties_are_written_one_way_or_the_other(sheet: Path) -> None:
    write(sheet, "name,bounty,bounties,description", "Ruffy,5,5@1,A boy.")
    assert "give either" in load(sheet).refusal
