"""Run one bench and print what was measured, the bar, and whether it holds. Exit 1 if one does not."""

import argparse
import importlib
import json
import os
import sys

from tests.drills.report import Row

NAMES = ("cache", "pages", "rings", "ticks", "trades")


def main() -> int:
    """Run the bench of this name: its function `run` returns rows of tests.drills.report."""
    parser = argparse.ArgumentParser(prog="tests.bench", description=__doc__)
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--json", action="store_true", help="print the rows with their raw samples as JSON")
    options = parser.parse_args()
    busy = os.getloadavg()[0]
    rows: list[Row] = importlib.import_module(f"tests.bench.{options.name}").run()
    if options.json:
        print(json.dumps([row._asdict() | {"holds": row.holds} for row in rows], indent=1))
    else:
        print("\n".join(map(line, rows)))
        print(f"load average before: {busy:.2f}, after: {os.getloadavg()[0]:.2f}, on {os.cpu_count()} cores")
    return 0 if all(row.holds for row in rows) else 1


def line(row: Row) -> str:
    """Return a row as one line: the figure, the smallest and largest of its samples, the bar."""
    spread = f" [{min(row.samples):.3g} to {max(row.samples):.3g} of {len(row.samples)}]" if len(row.samples) > 1 else ""
    unit = row.unit and f" {row.unit}"
    bar = f"{'>=' if row.at_least else '<='} {row.bar:g}{unit}"
    return f"{'ok   ' if row.holds else 'UNMET'} {row.what}: {row.measured:.4g}{unit}{spread} (bar: {bar})"


if __name__ == "__main__":
    sys.exit(main())
