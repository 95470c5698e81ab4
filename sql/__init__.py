"""Every SQL object as a file, one file per version: `functions/execute_trade_v01.sql`. Migrations replay them.

A file holds the object and all that dies with it. A version in FROZEN is never edited: copy it forward.
"""

from pathlib import Path

from django.db.migrations.operations import RunSQL
from django.db.migrations.operations.base import Operation

HERE = Path(__file__).parent


def read(name: str, version: int = 1) -> str:
    """Return the text of one version, such as "functions/execute_trade", 2."""
    return (HERE / f"{name}_v{version:02}.sql").read_text(encoding="utf-8")


def read_probe(name: str) -> str:
    """Return the text of a read-only diagnostic."""
    return (HERE / "probes" / f"{name}.sql").read_text(encoding="utf-8")


def create(name: str, *, drop: str, state: list[Operation] | None = None) -> RunSQL:
    """Return the operation that makes version 1. `drop` is its reverse, `state` what Django should know of it."""
    return RunSQL(read(name), drop, state_operations=state)


def replace(name: str, *, version: int) -> RunSQL:
    """Return the operation that brings a later version of a function or trigger. Its reverse is the version before."""
    return RunSQL(read(name, version), again(read(name, version - 1)))


def remove(name: str, *, version: int, drop: str) -> RunSQL:
    """Return the operation that drops an object that nobody needs any more. Its reverse is its last version."""
    return RunSQL(drop, read(name, version))


def again(text: str) -> str:
    """Return the text such that it also runs where its functions and triggers exist: a version 1 says plainly CREATE."""
    return text.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION").replace("CREATE TRIGGER", "CREATE OR REPLACE TRIGGER")
