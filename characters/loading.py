"""Read CSV files of crews and characters: every row that cannot be taken is named with its line and column."""

import csv
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from characters.models import HIGHEST_BOUNTY

DATA = Path(__file__).parent / "data"
QUOTED = re.compile(r"'+[=+\-@]")
WHOLE = re.compile(r"[0-9]{1,16}|[0-9]{1,3}(,[0-9]{3}){1,5}", re.ASCII)  # 5000000, or 5,000,000 as pages write it
History = list[tuple[int | None, int | None]]  # amount in berries and chapter, oldest first


class Problem(NamedTuple):
    """Why a line is refused. column is empty when the whole line, or the file, is meant."""

    line: int
    column: str
    sentence: str

    def __str__(self) -> str:
        return f"line {self.line}{f', column {self.column}' if self.column else ''}: {self.sentence}"


class Table(NamedTuple):
    """What could be read of a file: its kind, the rows by line, what was refused, and what could be read of refused rows."""

    kind: str
    rows: dict[int, dict[str, Any]]
    problems: list[Problem]
    refused: dict[int, dict[str, Any]]


def text(value: str, longest: int = 100, *, required: bool = False) -> str:
    """Return a text in normal form. Raises ValueError."""
    value = unicodedata.normalize("NFC", value.strip())
    if required and not value:
        raise ValueError("must not be empty.")
    if len(value) > longest:
        raise ValueError(f"has {len(value)} characters; at most {longest} fit.")
    if any(unicodedata.category(c) == "Cc" for c in value):
        raise ValueError("contains a control character.")
    return value


def _required(value: str) -> str:
    return text(value, required=True)


def _long(value: str) -> str:
    return text(value, 4000)


def _description(value: str) -> str:
    return text(value, 4000, required=True)


def _aliases(value: str) -> list[str]:
    return [text(alias) for alias in value.split("|") if alias.strip()]


def _whole(value: str, lowest: int, highest: int) -> int | None:
    value = value.strip()
    if not value:
        return None
    number = int(value.replace(",", "")) if WHOLE.fullmatch(value) else -1
    if not lowest <= number <= highest:
        raise ValueError(f"must be a whole number from {lowest} to {highest:,}, or empty.")
    return number


def _bounty(value: str) -> int | None:
    return _whole(value, 0, HIGHEST_BOUNTY)


def _chapter(value: str) -> int | None:
    return _whole(value, 1, 99_999)


def _source(value: str) -> int | None:
    """Read the chapter that told a fact; ? is to be confirmed."""
    return None if value.strip() == "?" else _chapter(value)


def _bounties(value: str) -> History:
    """Read "30000000@96|100000000@?": what became known in which chapter, oldest first; ? is to be confirmed."""
    history: History = []
    for entry in value.split("|") if value.strip() else []:
        amount, at, chapter = entry.partition("@")
        if not at or not amount.strip():
            raise ValueError("must be amounts with chapters, oldest first, such as 30000000@96|100000000@?.")
        history.append((_bounty(amount), _source(chapter)))
    return history


Reader = Callable[[str], Any]
COLUMNS: dict[str, dict[str, Reader]] = {
    "crews": {"name": _required, "captain": _required, "description": _long},
    "characters": {
        "name": _required, "crew": text, "crew_chapter": _source, "epithet": text, "epithet_chapter": _source,
        "aliases": _aliases, "terms": _long, "devil_fruit": text, "devil_fruit_chapter": _source,
        "bounty": _bounty, "chapter": _chapter, "bounties": _bounties, "first_chapter": _source,
        "description": _description,
    },
}  # fmt: skip
REQUIRED = {"crews": {"name", "captain"}, "characters": {"name", "description"}}


class Rows(Protocol):
    """What csv.DictReader offers, of whatever kind of file."""

    @property
    def fieldnames(self) -> Sequence[str] | None:
        """The header."""

    @property
    def line_num(self) -> int:
        """The line of the row read last."""

    def __iter__(self) -> Iterator[dict[str, str]]:
        """Yield the rows."""


def unquoted(value: str) -> str:
    """Return the text of a cell without the apostrophe that keeps a spreadsheet from computing it. Raises ValueError."""
    if value.startswith("="):
        raise ValueError("is a formula: put its value instead, or an apostrophe before it.")
    return value[1:] if QUOTED.match(value) else value


def read_table(path: Path) -> Table:
    """Return what can be read of a CSV file (UTF-8, a header line). Its kind follows from its columns.

    Raises ValueError with a sentence when the file as a whole cannot be taken.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return read(csv.DictReader(file, strict=True))
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 (byte {error.start}). Save it as UTF-8.") from error
    except csv.Error as error:
        raise ValueError(f"{path} is not a CSV file: {error}.") from error


def read(reader: Rows) -> Table:
    """Return what can be read of rows below a header. Raises ValueError when the header cannot be taken."""
    header = list(reader.fieldnames or [])
    kind = "crews" if "captain" in header else "characters"
    if unknown := [name for name in header if name not in COLUMNS[kind]]:
        raise ValueError(f"line 1: unknown column {unknown[0]!r}; {kind} have {', '.join(COLUMNS[kind])}.")
    if twice := [name for name in header if header.count(name) > 1]:
        raise ValueError(f"line 1: the column {twice[0]!r} stands there twice.")
    if "bounties" in header and {"bounty", "chapter"}.intersection(header):
        raise ValueError("line 1: give either the column 'bounties', or 'bounty' and 'chapter'.")
    if missing := REQUIRED[kind].difference(header):
        needed = " and ".join(name for name in COLUMNS[kind] if name in REQUIRED[kind])
        raise ValueError(
            f"line 1: the column {min(missing)!r} is missing; {kind} need {needed}, the other columns may be left out."
        )
    table = Table(kind, {}, [], {})
    first_line: dict[str, int] = {}
    for row in reader:
        line = reader.line_num
        values, problems = _read_row(row, line, COLUMNS[kind])
        name = values.get("name", "")
        if name and name in first_line:
            problems.append(Problem(line, "name", f"{name!r} stands in line {first_line[name]} already."))
        first_line.setdefault(name, line)
        if problems:
            table.problems.extend(problems)
            table.refused[line] = values
        else:
            table.rows[line] = _with_history(values)
    return table


def _with_history(values: dict[str, Any]) -> dict[str, Any]:
    """Return the row with its bounties, however they were written, as `history`: the latest last."""
    if "bounties" in values:
        values["history"] = values.pop("bounties")
    elif "bounty" in values:
        bounty, chapter = values.pop("bounty"), values.pop("chapter", None)
        values["history"] = [] if bounty is None else [(bounty, chapter)]
    return values


def _read_row(row: dict[str, str], line: int, columns: dict[str, Reader]) -> tuple[dict[str, Any], list[Problem]]:
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    if None in row or None in row.values():
        return values, [Problem(line, "", "has another number of columns than the header.")]
    for column, value in row.items():
        try:
            values[column] = columns[column](unquoted(value))
        except ValueError as error:
            problems.append(Problem(line, column, str(error)))
    if values.get("chapter") and not row.get("bounty", "").strip():
        problems.append(Problem(line, "chapter", "dates a bounty, but there is none."))
    return values, problems
