"""Who changed what, when: read for the staff's pages, bound to whoever changes, and taken back."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Model

from crews.models import Change, Crew

Value = Any  # what JSON can hold


class Moved(NamedTuple):
    """One column of a change, as a person reads it."""

    column: str
    label: str
    before: str
    after: str


class Entry(NamedTuple):
    """One change: what happened to which row, by whom (empty: a command or the market), and what moved."""

    id: int
    at: datetime
    who: str
    table: str
    row_id: int
    name: str
    what: str
    moved: list[Moved]

    @property
    def can_be_reverted(self) -> bool:
        """Only a changed row has something to go back to."""
        return self.what == "changed"


class Step(NamedTuple):
    """What a revert would do to one column. is_newer: it was changed again since."""

    column: str
    label: str
    now: str
    then: str
    is_newer: bool

    @property
    def waits(self) -> bool:
        """Whether a tick will do it."""
        return self.column == "bounty"


def bind_staff(user: Any, using: str = DEFAULT_DB_ALIAS) -> None:
    """Write the changes of this transaction down to this member of the staff. Call inside a transaction."""
    if not isinstance(user, AnonymousUser):
        with connections[using].cursor() as cursor:
            cursor.execute(f"SET LOCAL market.staff_id = '{int(user.pk)}'")


def saved_together(change: Change) -> Change:
    """Return all that the same transaction changed in this row, as one change: what one press of a button did. One query."""
    (whole,) = merged(Change.objects.filter(table_name=change.table_name, row_id=change.row_id, at=change.at))
    return whole


def merged(changes: Iterable[Change]) -> list[Change]:
    """Return changes, given newest first, with those of one row and one transaction as one. Not to be saved."""
    whole: dict[tuple[str, int, datetime], Change] = {}
    for change in changes:
        newer = whole.setdefault((change.table_name, change.row_id, change.at), change)
        if newer is not change:
            newer.before = None if change.before is None else {**(newer.before or {}), **change.before}
            newer.after = None if newer.after is None else {**(change.after or {}), **newer.after}
    return list(whole.values())


def entries(changes: Iterable[Change]) -> list[Entry]:
    """Return these changes as a person reads them, in the order given. Two queries besides their own."""
    changes = list(changes)
    who = dict(get_user_model()._default_manager.filter(pk__in={c.staff_id for c in changes}).values_list("pk", "username"))
    crews = _crew_names(value for c in changes for side in (c.before, c.after) for value in [(side or {}).get("crew_id")])
    return [
        Entry(c.pk, c.at, who.get(c.staff_id or 0, ""), c.table_name, c.row_id, c.name, _what(c), _moved(c, crews))
        for c in changes
    ]


def latest(number: int) -> list[Entry]:
    """Return the latest changes by staff, newest first. Three queries."""
    return entries(merged(Change.objects.exclude(staff_id=None)[: 3 * number]))[:number]


def history(row: Model, number: int = 100) -> list[Entry]:
    """Return the latest changes of one row, newest first. Three queries."""
    return entries(merged(Change.objects.filter(table_name=row._meta.db_table, row_id=row.pk)[:number]))


def steps(change: Change, row: Model) -> list[Step]:
    """Return what taking back this change would do to its row. One query."""
    before, after = change.before or {}, change.after or {}
    columns = [column for column in before if column in after and hasattr(row, column)]
    now = {column: _plain(getattr(row, column)) for column in columns}
    crews = _crew_names([now.get("crew_id"), before.get("crew_id")])
    return [Step(c, label(c), said(c, now[c], crews), said(c, before[c], crews), now[c] != after[c]) for c in columns]


def label(column: str) -> str:
    """Return the column's name as a person says it."""
    return column.removesuffix("_id").removeprefix("is_").replace("_", " ")


def said(column: str, value: Value, crews: dict[int, str]) -> str:
    """Return a value as a person reads it."""
    if value is None:
        return "no crew" if column == "crew_id" else "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if column == "crew_id":
        return crews.get(value, f"crew {value}")
    if column == "bounty":
        return f"฿{value:,}"
    return (", ".join(value) if isinstance(value, list) else str(value)) or "empty"


def _what(change: Change) -> str:
    return "added" if change.before is None else "deleted" if change.after is None else "changed"


def _moved(change: Change, crews: dict[int, str]) -> list[Moved]:
    if change.before is None or change.after is None:
        return []
    before, after = change.before, change.after
    return [Moved(c, label(c), said(c, before[c], crews), said(c, after[c], crews)) for c in before]


def _crew_names(ids: Iterable[int | None]) -> dict[int, str]:
    return dict(Crew.objects.filter(pk__in={pk for pk in ids if pk is not None}).values_list("pk", "name"))


def _plain(value: Any) -> Value:
    """Return a column's value as the trigger writes it into JSON."""
    return value.isoformat() if isinstance(value, date) else value
