"""Writing crews and characters in bulk. Bounties change by event, never by assignment."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from django.db import DEFAULT_DB_ALIAS, connection

from characters.loading import History, Problem, Table
from characters.models import BountyEvent, Character
from characters.news import TOLD, News
from crews.models import Crew
from crews.signals import rows_written

BATCH = 2000
Progress = Callable[[int], None]


class Written(NamedTuple):
    """How many rows of a file were new, changed, or as they were."""

    new: int
    changed: int
    unchanged: int


def write_crews(table: Table, using: str, *, only_new: bool = False) -> Written:
    """Add or update crews by name. Two queries and one a batch. Call inside a transaction."""
    known = {crew.name: crew for crew in Crew.objects.using(using).all()}
    new = [Crew(**row) for row in table.rows.values() if row["name"] not in known]
    changed = [] if only_new else _changed(known, table.rows.values(), table_columns(table))
    Crew.objects.using(using).bulk_create(new, BATCH)
    Crew.objects.using(using).bulk_update(changed, [*table_columns(table)] or ["captain"], BATCH)
    rows_written.send(Crew, ids=None, using=using)
    return Written(len(new), len(changed), len(table.rows) - len(new) - len(changed))


def write_characters(table: Table, using: str, *, only_new: bool = False, progress: Progress = lambda _: None) -> Written:
    """Add or update characters by name; a bounty that differs is announced. Call inside a transaction."""
    crews = dict(Crew.objects.using(using).values_list("name", "id"))
    rows = [_with_crew(row, crews) for row in table.rows.values()]
    names = [row["name"] for row in rows]
    known: dict[str, Any] = {
        c.name: c
        for c in Character.objects.using(using)
        .filter(name__in=names)
        .annotate(told=TOLD)
        .defer("search", "names")
        .select_for_update(no_key=True, of=("self",))
    }
    new = [row for row in rows if row["name"] not in known]
    old = [] if only_new else [row for row in rows if row["name"] in known]
    for start in range(0, len(new), BATCH):
        _add(new[start : start + BATCH], using)
        progress(min(start + BATCH, len(new)))
    columns = table_columns(table) - {"crew", "history"} | ({"crew_id"} if "crew" in table_columns(table) else set())
    changed = _changed(known, old, columns)
    if changed:
        Character.objects.using(using).bulk_update(changed, sorted(c.removesuffix("_id") for c in columns), BATCH)
    moved = {row["name"]: [latest(row)] for row in old if "history" in row and latest(row)[0] != known[row["name"]].told}
    _announce(moved, {name: c.pk for name, c in known.items()}, using)
    rows_written.send(Character, ids=None, using=using)
    touched = {c.name for c in changed} | moved.keys()
    return Written(len(new), len(touched), len(rows) - len(new) - len(touched))


def news_in(table: Table, using: str) -> list[News]:
    """Return the news that writing a table of characters would announce of those that are there already. One query."""
    told = {row["name"]: latest(row) for row in table.rows.values() if "history" in row}
    known = Character.objects.using(using).filter(name__in=told).values_list("pk", "name", TOLD)
    return [News(pk, *told[name]) for pk, name, bounty in known if told[name][0] != bounty]


def latest(row: dict[str, Any]) -> tuple[int | None, int | None]:
    """Return the bounty, with its chapter, that a row of a table ends with."""
    history: History = row.get("history") or [(None, None)]
    return history[-1]


def add_character(character: Character, amount: int | None, chapter: int | None) -> None:
    """Insert one character, then announce its bounty with its chapter. Call inside a transaction."""
    character.bounty = None
    character.save(force_insert=True)
    if amount is not None:
        BountyEvent.objects.create(character=character, amount=amount, chapter=chapter)


def restore_bounty(character: Character, amount: int | None) -> None:
    """Let a former bounty be true again: the news that replaced it is withdrawn. Locks the character's row."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT restore_bounty(%s, %s)", [character.pk, amount])
    rows_written.send(Character, ids=[character.pk], using=DEFAULT_DB_ALIAS)


def unknown_crews(table: Table, using: str, also: Iterable[str] = ()) -> list[Problem]:
    """Return a problem for each row whose crew is neither in the database nor in `also`."""
    known = {*Crew.objects.using(using).values_list("name", flat=True), *also}
    return [
        Problem(line, "crew", f"there is no crew {row['crew']!r}. Load crews first, or leave it empty.")
        for line, row in {**table.rows, **table.refused}.items()
        if row.get("crew") and row["crew"] not in known
    ]


def table_columns(table: Table) -> set[str]:
    """Return the columns that the file has, without the name that rows are matched by."""
    return set(next(iter(table.rows.values()), {})) - {"name"}


def _with_crew(row: dict[str, Any], crews: dict[str, int]) -> dict[str, Any]:
    return row | {"crew_id": crews[row["crew"]] if row["crew"] else None} if "crew" in row else row


def _changed[M: (Crew, Character)](known: dict[str, M], rows: Iterable[dict[str, Any]], columns: set[str]) -> list[M]:
    """Assign what differs, and return the objects that did."""
    changed = []
    for row in rows:
        item = known.get(row["name"])
        differing = [c for c in columns if item is not None and getattr(item, c) != row[c]]
        for column in differing:
            setattr(item, column, row[column])
        if item is not None and differing:
            changed.append(item)
    return changed


def _add(rows: list[dict[str, Any]], using: str) -> None:
    """Insert characters without a bounty, then announce it with its chapter: the history begins with the source."""
    fields = (
        "name", "crew_id", "crew_chapter", "epithet", "epithet_chapter", "aliases", "terms", "devil_fruit",
        "devil_fruit_chapter", "first_chapter", "description",
    )  # fmt: skip
    made = Character.objects.using(using).bulk_create(
        [Character(**{field: row[field] for field in fields if field in row}) for row in rows]
    )
    _announce({row["name"]: row.get("history", []) for row in rows}, {c.name: c.pk for c in made}, using)


def _announce(histories: Mapping[str, History], ids: dict[str, int], using: str) -> None:
    """Add bounty events in the order given; the last one of a character stays."""
    news = [(ids[name], amount, chapter) for name, history in histories.items() for amount, chapter in history]
    BountyEvent.objects.using(using).bulk_create(
        [BountyEvent(character_id=pk, amount=amount, chapter=chapter) for pk, amount, chapter in news], BATCH
    )
