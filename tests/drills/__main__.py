"""Run one drill and print what was measured, the bar, and whether it holds. Exit 1 if one does not."""

import argparse
import importlib
import json
import os
import sys
from pathlib import Path

NAMES = sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py"))


def main() -> int:
    """Run the drill of this name: its function `run` returns rows of tests.drills.report."""
    parser = argparse.ArgumentParser(prog="tests.drills", description=__doc__)
    parser.add_argument("name", choices=[name for name in NAMES if name != "report"])
    parser.add_argument("--json", action="store_true", help="print the rows with their raw samples as JSON")
    parser.add_argument("--only", metavar="TEXT", help="of guards and market_guards, break those with this in their name")
    parser.add_argument("--plans", type=int, help="how many the drill pump tries")
    parser.add_argument("--seed", type=int, help="of its random ones")
    options = parser.parse_args()
    given = {name: value for name in ("only", "plans", "seed") if (value := getattr(options, name)) is not None}
    busy = os.getloadavg()[0]
    rows = importlib.import_module(f"tests.drills.{options.name}").run(**given)
    if options.json:
        print(json.dumps([row._asdict() | {"holds": row.holds} for row in rows], indent=1))
    else:
        for row in rows:
            bar = f"bar: {'>=' if row.at_least else '<='} {row.bar:g} {row.unit}"
            print(f"{'ok  ' if row.holds else 'UNMET'} {row.what}: {row.measured:.1f} {row.unit} ({bar})")
        print(f"load average before: {busy:.2f} on {os.cpu_count()} cores")
    return 0 if all(row.holds for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
