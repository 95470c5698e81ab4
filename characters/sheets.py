"""Files that spreadsheets write and read: CSV and XLSX, from bytes and to bytes."""

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from typing import IO, Any

import openpyxl

from characters.loading import Problem, Table, read

MOST_BYTES = 8 * 1024 * 1024
MOST_UNPACKED = 100 * 1024 * 1024
MOST_ROWS = 20_000
COMPUTED = re.compile(r"'*[=+\-@\t\r]")  # what a spreadsheet might compute, and what already looks quoted


def read_sheet(name: str, content: bytes) -> Table:
    """Return what can be read of a file. Raises ValueError with a sentence when the file as a whole cannot be taken."""
    if len(content) > MOST_BYTES:
        raise ValueError(
            f"The file has {len(content):,} bytes; at most {MOST_BYTES:,} are taken. Split it, or use load_characters."
        )
    if content.startswith(b"PK\3\4"):
        table = _read_xlsx(content)
    elif name.lower().endswith((".xlsx", ".xls")) or content.startswith(b"\xd0\xcf\x11\xe0"):
        raise ValueError("This is no XLSX workbook. Save it as XLSX or as CSV (UTF-8).")
    else:
        table = _read_csv(content)
    if len(table.rows) + len(table.problems) == 0:
        raise ValueError("The file has a header but no rows.")
    return table


def quoted(value: str) -> str:
    """Return the text such that a spreadsheet does not compute it; loading.unquoted takes the apostrophe away again."""
    return f"'{value}" if COMPUTED.match(value) else value


def write_csv(header: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """Yield a CSV file in pieces of many lines."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(header)
    for row in rows:
        writer.writerow([quoted(cell) for cell in row])
        if buffer.tell() > 1 << 16:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def write_xlsx(header: Iterable[str], rows: Iterable[Iterable[str]], file: IO[bytes]) -> None:
    """Write a workbook of one sheet, row by row: it is never in memory as a whole."""
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Market")
    sheet.append(list(header))
    for row in rows:
        sheet.append([quoted(cell) for cell in row])
    book.save(file)


def _read_csv(content: bytes) -> Table:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"The file is not UTF-8 (byte {error.start}). Save it as CSV UTF-8, or as XLSX.") from error
    try:
        return read(_Bounded(csv.DictReader(io.StringIO(text, newline=""), strict=True)))
    except csv.Error as error:
        raise ValueError(f"The file is not a CSV file: {error}.") from error


def _read_xlsx(content: bytes) -> Table:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            unpacked = sum(part.file_size for part in archive.infolist())
        if unpacked > MOST_UNPACKED:
            raise ValueError(f"The workbook unpacks to {unpacked:,} bytes; at most {MOST_UNPACKED:,} are taken.")
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, keep_links=False)
        sheet = _Sheet(book.worksheets[0])
    except ValueError:
        raise
    except Exception as error:
        raise ValueError("This is no XLSX workbook that can be read. Save it again, or as CSV (UTF-8).") from error
    table = read(_Bounded(sheet))
    table.problems.extend(sheet.problems)
    table.problems.sort()
    for problem in sheet.problems:
        if problem.line in table.rows:
            table.refused[problem.line] = table.rows.pop(problem.line)
    return table


class _Bounded:
    """Rows that end in a sentence when there are too many."""

    def __init__(self, rows: Any) -> None:
        self.rows = rows
        self.fieldnames = [str(name or "") for name in rows.fieldnames or []]

    @property
    def line_num(self) -> int:
        return int(self.rows.line_num)

    def __iter__(self) -> Iterator[dict[str, str]]:
        for number, row in enumerate(self.rows):
            if number >= MOST_ROWS:
                raise ValueError(f"The file has more than {MOST_ROWS:,} rows. Split it, or use load_characters.")
            yield row


class _Sheet:
    """The rows of a worksheet as csv.DictReader would give them."""

    def __init__(self, sheet: Any) -> None:
        sheet.reset_dimensions()
        self.cells = sheet.iter_rows()
        self.line_num = 1
        self.problems: list[Problem] = []
        self.fieldnames = [str(cell.value or "") for cell in next(self.cells, ())]
        while self.fieldnames and not self.fieldnames[-1]:
            self.fieldnames.pop()

    def __iter__(self) -> Iterator[dict[str, str]]:
        for cells in self.cells:
            self.line_num += 1
            values = [self._text(cell, column) for cell, column in zip(cells, self.fieldnames, strict=False)]
            if any(cell.value is not None for cell in cells[len(self.fieldnames) :]):
                self.problems.append(Problem(self.line_num, "", "has another number of columns than the header."))
            if any(values):
                values += [""] * (len(self.fieldnames) - len(values))
                yield dict(zip(self.fieldnames, values, strict=True))

    def _text(self, cell: Any, column: str) -> str:
        value = cell.value
        if value is None:
            return ""
        if cell.data_type == "s" or (isinstance(value, str) and cell.data_type not in ("f", "e")):
            return str(value)
        if cell.data_type == "n" and not isinstance(value, bool) and float(value).is_integer():
            return str(int(value))
        kind = {"f": "is a formula", "e": "is an error", "d": "is a date", "b": "is true or false"}.get(
            cell.data_type, "is no text"
        )
        self.problems.append(Problem(self.line_num, column, f"{kind}: put its value as text instead."))
        return ""
