"""`manage.py load_characters`: crews and characters from CSV files."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from characters.loading import DATA, Problem, Table, read_table
from characters.news import Move, moves
from characters.services import news_in, unknown_crews, write_characters, write_crews
from crews.services import refresh_crew_analytics

DB = "owner"
SHOWN = 50


class Command(BaseCommand):
    """Add or update crews and characters by name. One bad row, and nothing is changed."""

    help = "Load crews or characters from a CSV file (default: those that come with the market)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the file and what to do with bad or known rows."""
        parser.add_argument("csv", nargs="?", type=Path, help="a file with the columns of characters/data/*.csv")
        parser.add_argument("--skip-bad", action="store_true", help="load the good rows even if others are refused")
        parser.add_argument("--only-new", action="store_true", help="add what is missing, change nothing that is there")
        parser.add_argument("--dry-run", action="store_true", help="say what would change and which prices would move, and stop")

    def handle(self, *args: Any, **options: Any) -> None:
        """Read everything, then write everything in one transaction; a dry run takes it back."""
        paths = [options["csv"]] if options["csv"] else [DATA / "crews.csv", DATA / "characters.csv"]
        tables = [self._read(path) for path in paths]
        self._refuse(paths, tables, skip_bad=options["skip_bad"])
        with transaction.atomic(using=DB):
            for table in tables:
                self._write(table, only_new=options["only_new"])
            transaction.set_rollback(options["dry_run"], using=DB)
        if options["dry_run"]:
            self.stdout.write("This was a dry run: nothing was changed.")
        else:
            refresh_crew_analytics()

    def _read(self, path: Path) -> Table:
        try:
            return read_table(path)
        except ValueError as error:
            sentence = str(error)
            raise CommandError(sentence if str(path) in sentence else f"{path.name}: {sentence}") from error

    def _refuse(self, paths: list[Path], tables: list[Table], *, skip_bad: bool) -> None:
        """Report what is refused, and drop it or stop. Raises CommandError."""
        crews = [row["name"] for table in tables if table.kind == "crews" for row in table.rows.values()]
        refused = 0
        for path, table in zip(paths, tables, strict=True):
            orphans = unknown_crews(table, DB, crews) if table.kind == "characters" else []
            for problem in orphans:
                table.rows.pop(problem.line, None)
            refused += self._report(path, sorted([*table.problems, *orphans]))
        if refused and not skip_bad:
            raise CommandError(f"{refused} problems, nothing was changed. Mend the file, or load the rest with --skip-bad.")

    def _report(self, path: Path, problems: list[Problem]) -> int:
        for problem in problems[:SHOWN]:
            self.stderr.write(f"{path.name}: {problem}")
        if len(problems) > SHOWN:
            self.stderr.write(f"{path.name}: and {len(problems) - SHOWN} more.")
        return len(problems)

    def _write(self, table: Table, *, only_new: bool) -> None:
        if table.kind == "crews":
            written = write_crews(table, DB, only_new=only_new)
        else:
            found = [] if only_new else moves(news_in(table, DB), using=DB)  # asked before: it compares with what is there
            written = write_characters(table, DB, only_new=only_new, progress=self._progress(len(table.rows)))
            self._say(found)
        self.stdout.write(f"{table.kind}: {written.new} new, {written.changed} changed, {written.unchanged} as they were")

    def _say(self, found: list[Move]) -> None:
        for move in found:
            self.stdout.write(str(move))
        if found:
            self.stdout.write(f"{len(found)} prices move with the next tick; until then trade in these characters stands still.")

    def _progress(self, total: int) -> Any:
        return (lambda done: self.stdout.write(f"  {done:,} of {total:,}")) if total > 10_000 else (lambda _: None)
