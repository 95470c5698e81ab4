"""Crews and characters as the rows of a file that load_characters and the desk's import take back."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from characters.loading import COLUMNS
from characters.models import BountyEvent, Character
from crews.models import Crew

BATCH = 2000
CHARACTERS = tuple(column for column in COLUMNS["characters"] if column not in ("bounty", "chapter"))  # bounties has both
CREWS = tuple(COLUMNS["crews"])
HEADERS = {"characters": CHARACTERS, "crews": CREWS}


def rows(kind: str) -> Iterator[list[str]]:
    """Yield all rows of one kind, oldest first. One query a batch of 2,000 (two for characters): memory stays bounded."""
    batches = _batches(Crew.objects.all(), *CREWS) if kind == "crews" else _batches(Character.objects.all(), *_columns())
    for batch in batches:
        yield from ([row[c] or "" for c in CREWS] for row in batch) if kind == "crews" else _characters(batch)


def _columns() -> list[str]:
    return [{"crew": "crew__name", "bounties": "bounty"}.get(column, column) for column in CHARACTERS]


def _batches(queryset: Any, *columns: str) -> Iterator[list[dict[str, Any]]]:
    last = 0
    while batch := list(queryset.filter(pk__gt=last).order_by("pk").values("pk", *columns)[:BATCH]):
        yield batch
        last = batch[-1]["pk"]


def _characters(batch: list[dict[str, Any]]) -> Iterator[list[str]]:
    events = (
        BountyEvent.objects.told().filter(character__in=[row["pk"] for row in batch]).order_by("character", "effective_at", "id")
    )
    history = {pk: list(group) for pk, group in groupby(events.values_list("character", "amount", "chapter"), lambda e: e[0])}
    for row in batch:
        cells = {**row, "crew": row["crew__name"], "bounties": _bounties(row["bounty"], history.get(row["pk"], []))}
        yield [_cell(column, cells[column]) for column in CHARACTERS]


def _cell(column: str, value: Any) -> str:
    if value is None:
        return "?" if column.endswith("chapter") else ""
    return "|".join(value) if isinstance(value, list) else str(value)


def _bounties(bounty: int | None, events: list[tuple[int, int | None, int | None]]) -> str:
    """Write a history as load_characters reads it; empty where the bounty is unknown today."""
    if bounty is None:
        return ""
    known = [(amount, chapter) for _, amount, chapter in events if amount is not None]
    if not known or known[-1][0] != bounty:
        known.append((bounty, None))
    return "|".join(f"{amount}@{'?' if chapter is None else chapter}" for amount, chapter in known)
