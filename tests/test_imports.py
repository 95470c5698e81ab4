"""Import and export at the desk: a preview, exactly that, all or nothing; the same readers as load_characters."""

import csv
import io
import re
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connections
from django.test import Client

from characters import exporting, services, sheets
from characters.loading import DATA
from characters.models import BountyEvent, Character, Import
from crews.models import Change, Crew
from tests.clients import connect, waits_then
from tests.factories import CharacterFactory, CrewFactory, UserFactory
from tests.market import tick
from trading.models import User

pytestmark = pytest.mark.django_db(transaction=True)

IMPORTS = "/admin/characters/import/"
HEADER = "name,crew,epithet,aliases,bounties,first_chapter,description"


@pytest.fixture
def nami() -> User:
    """A member of the staff."""
    return UserFactory(username="nami", is_staff=True, is_superuser=True)


@pytest.fixture
def desk(nami: User) -> Client:
    """Her browser."""
    client = Client()
    client.force_login(nami)
    return client


def send(client: Client, content: bytes | str, name: str = "sheet.csv") -> tuple[Import, str]:
    """Send a file. Return its record and the page that follows."""
    raw = content.encode() if isinstance(content, str) else content
    response = client.post(f"{IMPORTS}add/", {"file": SimpleUploadedFile(name, raw)}, follow=True)
    assert response.status_code == 200
    return Import.objects.latest("id"), response.content.decode()


def act(client: Client, record: Import, what: str = "confirm", seen: str | None = None) -> str:
    """Confirm what the page shows now (or showed: `seen`), or dismiss. Return what the next page says."""
    form = re.search(r'name="digest" value="(\w+)"', seen or client.get(f"{IMPORTS}{record.pk}/change/").content.decode())
    sent = {what: "yes", "digest": form[1] if form else ""}
    return client.post(f"{IMPORTS}{record.pk}/act/", sent, follow=True).content.decode()


def workbook(*lines: list[Any]) -> bytes:
    """Return a workbook of these rows."""
    book, file = openpyxl.Workbook(), io.BytesIO()
    for line in lines:
        book.active.append(line)
    book.save(file)
    return file.getvalue()


def export(client: Client, kind: str, form: str = "csv") -> bytes:
    """Return what an export sends."""
    app = {"characters": "characters/character", "crews": "crews/crew"}[kind]
    response = client.get(f"/admin/{app}/export/?format={form}")
    assert response.status_code == 200
    return b"".join(response.streaming_content)


# --- preview, then exactly that


def test_the_preview_shows_before_and_after_and_changes_nothing(desk: Client) -> None:
    zoro = CharacterFactory(name="Zoro", crew=CrewFactory(name="Straw Hats"), epithet="Hunter")
    CharacterFactory(name="Same", bounty=None)
    lines = (
        "Zoro,,Pirate Hunter,Zolo,4000000@?|9000000@435,3,Lost again.\nUsopp,Straw Hats,,,,23,New.\nSame,,,,,?,Somebody at sea."
    )
    record, page = send(desk, f"{HEADER}\n{lines}\n")
    assert (record.state, record.kind, record.rows) == ("previewed", "characters", 3)
    assert "1 new, 1 changed, 1 as they are" in page
    for text in (
        "<del>Straw Hats</del> → <ins>empty</ins>",
        "<del>฿4,000,000</del> → <ins>฿9,000,000 (chapter 435)</ins>",
        "<del>Hunter</del>",
        "Usopp",
    ):
        assert text in page
    zoro.refresh_from_db()
    assert (zoro.epithet, zoro.bounty, Character.objects.count()) == ("Hunter", 4_000_000, 2)


def test_a_long_preview_has_pages(desk: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("characters.admin.imports.SHOWN", 1)
    record, first = send(desk, f"{HEADER}\nUsopp,,,,,,New.\nZoro,,,,,,New.\n")
    second = desk.get(f"{IMPORTS}{record.pk}/change/?p=2").content.decode()
    assert [("Usopp" in page, "Zoro" in page) for page in (first, second)] == [(True, False), (False, True)]


def test_confirming_does_exactly_that_in_the_name_of_whoever_did_it(desk: Client, nami: User) -> None:
    zoro = CharacterFactory(name="Zoro")
    record, _ = send(
        desk, f"{HEADER}\nZoro,,Pirate Hunter,Zolo,4000000@?|9000000@435,3,Lost again.\nUsopp,,,,30000000@435,23,New.\n"
    )
    assert "2 characters imported from sheet.csv" in act(desk, record)
    zoro.refresh_from_db()
    assert (zoro.epithet, zoro.bounty, zoro.current_price) == ("Pirate Hunter", 4_000_000, 100)
    tick()
    zoro.refresh_from_db()
    assert (zoro.bounty, zoro.current_price) == (9_000_000, 150)
    assert Change.objects.get(name="Zoro", after__bounty=9_000_000).staff_id == nami.pk
    told = BountyEvent.objects.order_by("id").values_list("character__name", "amount", "chapter")
    assert list(told) == [("Zoro", 4_000_000, None), ("Usopp", 30_000_000, 435), ("Zoro", 9_000_000, 435)]
    assert set(Change.objects.filter(name__in=("Usopp",)).values_list("staff_id", flat=True)) == {nami.pk}
    record.refresh_from_db()
    assert (record.state, record.content) == ("imported", None)
    assert "was imported already" in act(desk, record)


def test_a_market_that_moved_since_the_preview_is_looked_at_again(desk: Client) -> None:
    CharacterFactory(name="Zoro", epithet="Hunter")
    record, first = send(desk, f"{HEADER}\nZoro,,New,,,,Text.\nUsopp,,,,,,New.\n")
    Character.objects.filter(name="Zoro").update(epithet="Meanwhile")
    page = act(desk, record, seen=first)
    assert "The market changed since this preview. Nothing was imported" in page
    record.refresh_from_db()
    assert record.state == "previewed"  # to look again is no failure
    assert "<del>Meanwhile</del>" in page
    assert not Character.objects.filter(name="Usopp").exists()
    CharacterFactory(name="Usopp", description="Faster.")
    assert "Nothing was imported" in act(desk, record, seen=page)
    assert "2 characters imported" in act(desk, record)  # the page that was looked at again
    assert Character.objects.get(name="Zoro").epithet == "New"


def test_an_import_waits_for_who_is_changing_its_rows_and_then_looks_again(desk: Client) -> None:
    zoro = CharacterFactory(name="Zoro", epithet="Hunter")
    record, first = send(desk, f"{HEADER}\nZoro,,New,,,,Text.\n")
    theirs = "UPDATE characters SET epithet = 'Meanwhile' WHERE id = %s"
    page, waited = waits_then(lambda one: one.execute(theirs, [zoro.pk]), lambda: act(desk, record, seen=first))
    assert ("The market changed since this preview" in page.result(), waited) == (True, True)
    zoro.refresh_from_db()
    assert zoro.epithet == "Meanwhile"


def test_a_name_that_somebody_adds_while_it_is_written_is_a_sentence(desk: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    record, _ = send(desk, f"{HEADER}\nUsopp,,,,,,New.\nZoro,,,,,,New.\n")
    add = services._add

    def late(rows: list[dict[str, Any]], using: str) -> None:
        with connect() as other:
            other.execute("INSERT INTO characters (name, description) VALUES ('Zoro', 'Faster.')")
        add(rows, using)

    monkeypatch.setattr(services, "_add", late)
    assert "Somebody added one of these names meanwhile" in act(desk, record)
    assert list(Character.objects.values_list("name", "description")) == [("Zoro", "Faster.")]
    record.refresh_from_db()
    assert (record.state, record.problems[0][:7]) == ("refused", "Somebod")


def test_a_crew_that_is_gone_since_the_preview_is_named(desk: Client) -> None:
    crew = CrewFactory(name="Straw Hats")
    record, first = send(desk, f"{HEADER}\nUsopp,Straw Hats,,,,,New.\n")
    Crew.objects.filter(pk=crew.pk).update(name="Mugiwara")
    assert "there is no crew &#x27;Straw Hats&#x27;" in act(desk, record, seen=first)
    assert "there is no crew" in desk.get("/admin/").content.decode()
    assert not Character.objects.exists()
    Crew.objects.filter(pk=crew.pk).update(name="Straw Hats")
    assert "1 characters imported" in act(desk, record)


def test_rows_that_somebody_holds_are_a_sentence(desk: Client) -> None:
    zoro = CharacterFactory(name="Zoro", epithet="Hunter")
    record, _ = send(desk, f"{HEADER}\nZoro,,New,,,,Text.\n")
    with connections["default"].cursor() as cursor, connect("owner") as other, other.transaction():
        cursor.execute("SET lock_timeout = '50ms'")
        other.execute("SELECT FROM characters WHERE id = %s FOR UPDATE", [zoro.pk])
        said = act(desk, record)
        cursor.execute("RESET lock_timeout")
    assert "Somebody else is changing these rows just now" in said
    assert "Somebody else is changing these rows just now" in desk.get("/admin/").content.decode()
    page = act(desk, record)  # another try, once they are free
    assert ("1 characters imported" in page, "Why it was refused" in page) == (True, False)
    assert "sheet.csv:" not in desk.get("/admin/").content.decode()


def test_a_record_that_somebody_holds_is_a_sentence(desk: Client) -> None:
    record, _ = send(desk, "name,colour\nA,red\n")
    with connections["default"].cursor() as cursor, connect("owner") as other, other.transaction():
        cursor.execute("SET lock_timeout = '50ms'")
        other.execute("SELECT FROM imports WHERE id = %s FOR UPDATE", [record.pk])
        said = act(desk, record, "dismiss")
        cursor.execute("RESET lock_timeout")
    assert "Nothing was saved." in said
    record.refresh_from_db()
    assert record.state == "refused"


def test_crews_are_imported_too(desk: Client) -> None:
    CrewFactory(name="Straw Hats", captain="Nobody")
    record, _ = send(desk, "name,captain\nStraw Hats,Luffy\nBuggy Pirates,Buggy\n", "crews.csv")
    act(desk, record)
    assert list(Crew.objects.values_list("name", "captain")) == [("Buggy Pirates", "Buggy"), ("Straw Hats", "Luffy")]


# --- refusals, and who hears of them

REFUSED: dict[str, tuple[str | bytes, str]] = {
    "an unknown column": ("name,colour\nA,red\n", "unknown column 'colour'"),
    "a missing column": ("name,epithet\nA,b\n", "the column 'description' is missing"),
    "two faults in one row": (f"{HEADER}\nA,Nobody's,,,１２@1,,x\n", "line 2, column crew: there is no crew"),
    "an unknown crew": (f"{HEADER}\nA,Nobody's,,,,,x\n", "line 2, column crew: there is no crew"),
    "a number in other digits": (f"{HEADER}\nA,,,,１２@1,,x\n", "line 2, column bounties: must be a whole number"),
    "a broken history": (f"{HEADER}\nA,,,,12,,x\n", "line 2, column bounties: must be amounts with chapters"),
    "a control character": (f"{HEADER}\nA,,a\x07b,,,,x\n", "line 2, column epithet: contains a control character"),
    "NUL": (f"{HEADER}\nA\0,,,,,,x\n", "line 2, column name: contains a control character"),
    "a formula": (f'{HEADER}\nA,,=1+1,,,,x\n"=cmd()",,,,,,x\n', "line 2, column epithet: is a formula"),
    "the same name twice": (f"{HEADER}\nA,,,,,,x\nA,,,,,,y\n", "line 3, column name: 'A' stands in line 2 already"),
    "too few columns": (f"{HEADER}\nA,b\n", "line 2: has another number of columns"),
    "another encoding": (f"{HEADER}\nA,,Gödel,,,,x\n".encode("latin-1"), "is not UTF-8 (byte "),
    "UTF-16": (f"{HEADER}\n".encode("utf-16"), "is not UTF-8 (byte 0)"),
    "an open quote": (f'{HEADER}\nA,,,,,,"x\n', "is not a CSV file"),
}
ONLY_HERE: dict[str, tuple[str | bytes, str]] = {
    "nothing": ("", "is missing"),
    "a header alone": (f"{HEADER}\n", "has a header but no rows"),
    "an old workbook": (b"\xd0\xcf\x11\xe0" + bytes(100), "This is no XLSX workbook"),
    "a torn workbook": (b"PK\3\4" + bytes(100), "This is no XLSX workbook"),
    "ten megabytes": (b"a" * 10_000_000, "at most 8,388,608 are taken"),
}


@pytest.mark.parametrize("what", [*REFUSED, *ONLY_HERE])
def test_what_is_refused_is_named_and_kept_for_the_start_page(desk: Client, what: str) -> None:
    content, sentence = {**REFUSED, **ONLY_HERE}[what]
    record, page = send(desk, content)
    assert record.state == "refused"
    assert any(sentence in problem for problem in record.problems), record.problems
    assert "Nothing was changed" in page
    assert record.file_name in desk.get("/admin/").content.decode()
    assert not Character.objects.exists()


@pytest.mark.parametrize("what", REFUSED)
def test_load_characters_refuses_the_same(what: str, tmp_path: Path) -> None:
    content, sentence = REFUSED[what]
    path, err = tmp_path / "sheet.csv", io.StringIO()
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(CommandError) as refusal:
        call_command("load_characters", path, stderr=err)
    assert sentence in err.getvalue() + str(refusal.value)


def test_a_workbook_is_read_as_a_csv_file_is(desk: Client) -> None:
    header = HEADER.split(",")
    record, _ = send(desk, workbook(header, ["Zoro", None, "Hunter", "Zolo|ゾロ", "60000000@213", 3, "Lost."]), "a.xlsx")
    assert record.state == "previewed", record.problems
    act(desk, record)
    assert Character.objects.values_list("name", "aliases", "bounty", "first_chapter").get() == (
        "Zoro",
        ["Zolo", "ゾロ"],
        60_000_000,
        3,
    )
    rows = [["A", None, "=1+1", None, None, None, "x"], ["B", None, None, None, None, 1.5, "x"]]
    record, _ = send(desk, workbook(header, *rows), "a.xlsx")
    assert [p for p in record.problems if "formula" in p] == [
        "line 2, column epithet: is a formula: put its value as text instead."
    ]
    assert any(problem.startswith("line 3, column first_chapter") for problem in record.problems)
    record, _ = send(desk, workbook(["name", "description"], ["A", "x", "and more"]), "a.xlsx")
    assert record.problems == ["line 2: has another number of columns than the header."]
    assert "This is no XLSX workbook" in send(desk, HEADER, "a.xlsx")[0].problems[0]


def test_a_workbook_that_unpacks_to_too_much_is_refused(desk: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "MOST_UNPACKED", 1000)
    record, _ = send(desk, workbook(["name", "description"], ["A", "x"]), "a.xlsx")
    assert "The workbook unpacks to" in record.problems[0]


def test_too_many_rows_are_refused(desk: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "MOST_ROWS", 2)
    record, _ = send(desk, "name,description\nA,x\nB,x\nC,x\n")
    assert "more than 2 rows" in record.problems[0]


def test_the_start_page_lists_every_file_that_was_refused(desk: Client) -> None:
    for name in ("first.csv", "second.csv"):
        send(desk, "name,colour\nA,red\n", name)
    page = desk.get("/admin/").content.decode()
    assert ("first.csv" in page, "second.csv" in page) == (True, True)


def test_a_refused_file_is_dismissed(desk: Client, nami: User) -> None:
    record, _ = send(desk, "name,colour\nA,red\n", "mine.csv")
    assert (record.staff_id, record.file_name) == (nami.pk, "mine.csv")
    act(desk, record, "dismiss")
    record.refresh_from_db()
    assert record.state == "dismissed"
    assert "mine.csv" not in desk.get("/admin/").content.decode()


def test_a_file_that_was_mended_asks_for_no_more_attention(desk: Client) -> None:
    refused = [send(desk, "name,colour\nA,red\n", name)[0] for name in ("mine.csv", "other.csv")]
    record, _ = send(desk, f"{HEADER}\nA,,,,,,x\n", "mine.csv")
    act(desk, record)
    assert [Import.objects.get(pk=record.pk).state for record in refused] == ["dismissed", "refused"]


def test_what_was_imported_is_linked(desk: Client) -> None:
    lines = "".join(f"Pirate {n:02},,,,,,x\n" for n in range(12))
    record, _ = send(desk, f"{HEADER}\n{lines}")
    page = act(desk, record)
    first = Character.objects.get(name="Pirate 00")
    assert f"<a href='/admin/characters/character/{first.pk}/change/'>Pirate 00</a>" in page
    assert "and 2 more." in page


def test_a_bounty_is_read_as_pages_write_it(desk: Client) -> None:
    record, page = send(desk, 'name,description,bounty,chapter\nA,x,"1,500,000,000",1058\n')
    assert "<ins>฿1,500,000,000 (chapter 1058)</ins>" in page
    act(desk, record)
    assert Character.objects.get(name="A").bounty == 1_500_000_000


def test_what_was_imported_is_not_dismissed_afterwards(desk: Client) -> None:
    record, _ = send(desk, f"{HEADER}\nA,,,,,,x\n")
    act(desk, record)
    act(desk, record, "dismiss")
    record.refresh_from_db()
    assert record.state == "imported"


def test_a_new_file_replaces_ones_own_preview_and_nobody_elses(desk: Client) -> None:
    other = Client()
    other.force_login(UserFactory(is_staff=True, is_superuser=True))
    theirs, mine, mine_again = (send(client, f"{HEADER}\nA,,,,,,x\n")[0] for client in (other, desk, desk))
    states = dict(Import.objects.values_list("pk", "state"))
    assert [states[record.pk] for record in (theirs, mine, mine_again)] == ["previewed", "dismissed", "previewed"]


def test_whoever_may_not_change_characters_confirms_nothing(desk: Client) -> None:
    record, _ = send(desk, f"{HEADER}\nA,,,,,,x\n")
    reader = UserFactory(is_staff=True)
    reader.user_permissions.add(*Permission.objects.filter(codename__in=("view_import", "add_import", "view_character")))
    client = Client()
    client.force_login(reader)
    assert client.post(f"{IMPORTS}{record.pk}/act/", {"confirm": "yes"}).status_code == 403
    stranger = Client()
    stranger.force_login(UserFactory(is_staff=True))
    assert [stranger.get(f"{IMPORTS}{page}").status_code for page in ("", "add/", f"{record.pk}/change/")] == [403] * 3
    assert stranger.get("/admin/characters/character/export/").status_code == 403
    assert not Character.objects.exists()


def helper(*codenames: str) -> Client:
    """Return the browser of staff who may do this and no more."""
    user = UserFactory(is_staff=True)
    user.user_permissions.add(*Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(user)
    return client


def test_each_kind_of_file_takes_the_rights_for_its_own_kind(desk: Client) -> None:
    both = ("view_import", "add_import", "add_{}", "change_{}")
    for kind, content in (("character", f"{HEADER}\nA,,,,,,x\n"), ("crew", "name,captain\nB,C\n")):
        record, page = send(desk, content)
        digest = re.search(r'name="digest" value="(\w+)"', page)
        assert digest
        other = {"character": "crew", "crew": "character"}[kind]
        refused = [helper(*(right.format(other) for right in both))]
        refused += [helper(*(right.format(kind) for right in both if right != missing)) for missing in both[1:]]
        url, sent = f"{IMPORTS}{record.pk}/act/", {"confirm": "yes", "digest": digest[1]}
        assert [client.post(url, sent).status_code for client in refused] == [403] * 4
        assert helper(*(right.format(kind) for right in both)).post(url, sent).status_code == 302  # the control
    assert (Character.objects.count(), Crew.objects.count()) == (1, 1)


def test_a_reader_dismisses_nothing_and_a_look_does_nothing(desk: Client) -> None:
    record, _ = send(desk, "name,colour\nA,red\n")
    url = f"{IMPORTS}{record.pk}/act/"
    assert helper("view_import").post(url, {"dismiss": "yes"}).status_code == 403
    assert desk.get(url, {"dismiss": "yes"}).status_code == 403
    record.refresh_from_db()
    assert record.state == "refused"


# --- export


@pytest.fixture
def bundled() -> None:
    """The characters that come with the market."""
    call_command("load_characters", stdout=io.StringIO())


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_an_export_sent_back_changes_nothing(desk: Client, bundled: None, form: str) -> None:
    for kind in ("crews", "characters"):
        record, page = send(desk, export(desk, kind, form), f"{kind}.{form}")
        assert record.state == "previewed", record.problems
        assert f"0 new, 0 changed, {record.rows} as they are" in page
        assert record.rows > 30


@pytest.mark.parametrize("kind", ["crews", "characters"])
def test_an_export_holds_what_was_loaded(desk: Client, bundled: None, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def rows(text: str) -> dict[str, dict[str, str]]:
        return {row["name"]: row for row in csv.DictReader(io.StringIO(text))}

    monkeypatch.setattr(exporting, "BATCH", 20)  # so that it takes several
    loaded, exported = rows((DATA / f"{kind}.csv").read_text(encoding="utf-8")), rows(export(desk, kind).decode())
    assert exported.keys() == loaded.keys()
    differ = {
        (name, column)
        for name, row in loaded.items()
        for column, value in row.items()
        if exported[name][column] != value and (value, exported[name][column]) != ("", "?")
    }
    assert differ == set()


def test_an_export_holds_who_was_taken_off_the_pages(desk: Client) -> None:
    CharacterFactory(name="Gone", is_active=False, is_tradeable=False, crew=CrewFactory(name="Ghosts", is_active=False))
    assert "Gone" in _csv_cells(export(desk, "characters"))
    assert "Ghosts" in _csv_cells(export(desk, "crews"))


def test_an_export_computes_nothing_in_a_spreadsheet(desk: Client) -> None:
    for name in ("=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "'=quoted", "'quoted'"):
        CharacterFactory(name=name, bounty=None)
    for form, cells in (("csv", _csv_cells), ("xlsx", _xlsx_cells)):
        content = export(desk, "characters", form)
        assert not [cell for cell in cells(content) if cell[:1] in ("=", "+", "-", "@")]
        record, page = send(desk, content, f"a.{form}")
        assert "0 new, 0 changed, 6 as they are" in page, record.problems


def test_unquoted_an_export_would_compute(desk: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control."""
    CharacterFactory(name="=1+1")
    monkeypatch.setattr(sheets, "quoted", lambda value: value)
    assert "=1+1" in _csv_cells(export(desk, "characters"))


def _csv_cells(content: bytes) -> list[str]:
    return [cell for row in csv.reader(io.StringIO(content.decode())) for cell in row]


def _xlsx_cells(content: bytes) -> list[str]:
    sheet = openpyxl.load_workbook(io.BytesIO(content)).active
    assert not [cell for row in sheet.iter_rows() for cell in row if cell.data_type == "f"]
    return [str(cell.value or "") for row in sheet.iter_rows() for cell in row]
