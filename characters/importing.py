"""What a file would do, and doing exactly that."""

import hashlib
from typing import Any, NamedTuple

from django.db import IntegrityError, OperationalError, connection, transaction

from characters.loading import Problem, Table
from characters.models import Character, Import
from characters.news import TOLD, Move, decision, moves
from characters.services import latest, news_in, table_columns, unknown_crews, write_characters, write_crews
from characters.sheets import read_sheet
from crews.changes import bind_staff, label, said
from crews.models import Crew

KEPT_PROBLEMS = 200


class Line(NamedTuple):
    """One row that is new or changes something: (column, before, after) of each that differs.

    chapter: of the bounty. move: what it does to the price.
    """

    line: int
    name: str
    what: str
    moved: list[tuple[str, Any, Any]]
    chapter: int | None = None
    move: Move | None = None

    @property
    def told(self) -> list[tuple[str, str, str]]:
        """The same as a person reads it."""
        facts = [(label(column), said(column, before, {}), self._after(column, after)) for column, before, after in self.moved]
        return [*facts, ("price", *self.move.prices)] if self.move else facts

    def _after(self, column: str, value: Any) -> str:
        source = f" (chapter {self.chapter or 'to be confirmed'})" if column == "bounty" and value is not None else ""
        return said(column, value, {}) + source


class Preview(NamedTuple):
    """What a file would do. digest: of all of it, so that nothing else is done on confirmation.

    problems: why it can no longer be imported, as sentences; empty when it can. moved: how many prices would move.
    """

    problems: list[str]
    lines: list[Line]
    new: int
    changed: int
    unchanged: int
    moved: int
    digest: str


class ImpossibleError(Exception):
    """A file that was previewed can no longer be imported. problems: why, as sentences."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(*problems)
        self.problems = problems


def receive(staff: Any, name: str, content: bytes) -> Import:
    """Record a file: with what it would do, or with why it is refused."""
    record = Import(staff_id=staff.pk, file_name=name[-100:], kind="", rows=0, state=Import.REFUSED)
    try:
        table = read_sheet(name, content)
    except ValueError as error:
        record.problems = [str(error)]
    else:
        problems = problems_of(table)
        record.kind, record.rows = table.kind, len(table.rows) + len({p.line for p in table.problems})
        record.problems = sentences(problems)
        if not problems:
            record.state, record.content = Import.PREVIEWED, content
    Import.objects.filter(state=Import.PREVIEWED, staff_id=staff.pk).update(state=Import.DISMISSED, content=None)
    record.save()
    return record


def preview_of(record: Import) -> Preview:
    """Return what a recorded file would do now. Three queries at most."""
    return preview(read_sheet(record.file_name, bytes(record.content or b"")))


def confirm(pk: int, staff: Any, digest: str) -> list[Any]:
    """Import exactly what the preview of this digest showed, all or nothing. Raises ValueError with a sentence.

    Return the file's crews or characters. Earlier tries with this file that were refused need no more attention. What failed
    is kept for the start page, and can be confirmed again; a preview that is only out of date is no failure.
    Locks the record, then the rows that are there already.
    """
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL statement_timeout = '60s'")
            bind_staff(staff)
            return _confirm(Import.objects.select_for_update(no_key=True).get(pk=pk), digest)
    except IntegrityError as error:
        reasons = ["Somebody added one of these names meanwhile. Nothing was imported: look again, then confirm."]
        raise _failed(pk, reasons) from error
    except OperationalError as error:
        raise _failed(pk, ["Somebody else is changing these rows just now. Nothing was imported: try again."]) from error
    except ImpossibleError as error:
        raise _failed(pk, error.problems) from error


def _failed(pk: int, problems: list[str]) -> ValueError:
    """Note on a record why it was not imported. The content stays: another try may succeed."""
    waiting = Import.objects.filter(pk=pk, state__in=(Import.PREVIEWED, Import.REFUSED))
    waiting.update(state=Import.REFUSED, problems=problems)
    return ValueError(problems[0])


def _confirm(record: Import, digest: str) -> list[Any]:
    if not record.content:
        raise ValueError(f"This file was {record.state} already.")
    table = read_sheet(record.file_name, bytes(record.content))
    names = [row["name"] for row in table.rows.values()]
    model: Any = Crew if table.kind == "crews" else Character
    list(model.objects.filter(name__in=names).order_by("pk").select_for_update(no_key=True, of=("self",)).values_list("pk"))
    now = preview(table)
    if now.problems:
        raise ImpossibleError(now.problems)
    if now.digest != digest:
        raise ValueError("The market changed since this preview. Nothing was imported: look at the new preview, then confirm.")
    if table.kind == "crews":
        write_crews(table, "default")
    else:
        write_characters(table, "default")
    record.state, record.content, record.problems = Import.IMPORTED, None, []
    record.save(update_fields=("state", "content", "problems"))
    mended = Import.objects.filter(state=Import.REFUSED, staff_id=record.staff_id, file_name=record.file_name, pk__lt=record.pk)
    mended.update(state=Import.DISMISSED, content=None)
    return [model(pk=pk, name=name) for pk, name in model.objects.filter(name__in=names).order_by("pk").values_list("pk", "name")]


def problems_of(table: Table) -> list[Problem]:
    """Return all that is refused, by line."""
    orphans = unknown_crews(table, "default") if table.kind == "characters" else []
    return sorted([*table.problems, *orphans])


def sentences(problems: list[Problem]) -> list[str]:
    """Return the problems as sentences, at most 200 of them."""
    more = [f"and {len(problems) - KEPT_PROBLEMS:,} more."] if len(problems) > KEPT_PROBLEMS else []
    return [*map(str, problems[:KEPT_PROBLEMS]), *more]


def preview(table: Table) -> Preview:
    """Return what a table would do. Five queries at most."""
    columns = sorted(table_columns(table) - {"history"}) + (["bounty"] if "history" in table_columns(table) else [])
    known = _known_crews(table) if table.kind == "crews" else _known_characters(table)
    found = {move.name: move for move in moves(news_in(table, "default"))} if "bounty" in columns else {}
    lines = []
    for number, row in table.rows.items():
        bounty, chapter = latest(row)
        after = {**row, "bounty": bounty}
        before = known.get(row["name"])
        moved = [(c, before[c] if before else None, after[c]) for c in columns if not before or before[c] != after[c]]
        if moved:
            lines.append(Line(number, row["name"], "changed" if before else "new", moved, chapter, found.get(row["name"])))
    new = sum(line.what == "new" for line in lines)
    problems = sentences(problems_of(table))
    return Preview(problems, lines, new, len(lines) - new, len(table.rows) - len(lines), len(found), _digest(table, lines))


def _digest(table: Table, lines: list[Line]) -> str:
    """Return what stands for all that a file would do; a price that has moved meanwhile is no other file."""
    done = [(line._replace(move=None), table.rows[line.line]) for line in lines]
    decided = decision(line.move for line in lines if line.move)
    return hashlib.sha256(repr((done, decided)).encode()).hexdigest()


def _known_crews(table: Table) -> dict[str, dict[str, Any]]:
    names = [row["name"] for row in table.rows.values()]
    return {row["name"]: row for row in Crew.objects.filter(name__in=names).values("name", *table_columns(table))}


def _known_characters(table: Table) -> dict[str, dict[str, Any]]:
    names = [row["name"] for row in table.rows.values()]
    columns = table_columns(table) - {"history", "crew"}
    rows = Character.objects.filter(name__in=names).values("name", "crew__name", *columns, told=TOLD)
    return {row["name"]: {**row, "crew": row["crew__name"] or "", "bounty": row["told"]} for row in rows}
