"""What pages show of characters."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from django.db.models import Avg, Count, Q, Sum
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan, TupleLessThan
from django.http import Http404

from characters.board import SORTS, BoardQuery
from characters.models import Character, CharacterQuerySet, character_url
from characters.search import Match, Tier, matches
from characters.stops import Stop, stop_of
from crews.models import crew_url

PAGE = 50
TOP = ("id", "name", "crew__name", "current_price", "market_cap")
SUGGESTED = 8
SIMILAR = 5  # spellings shown behind true matches
CLOSE = 0.7  # and how alike they must be, from 0 to 1
FAR = 0.3  # and where nothing else was found: whoever is less alike was not meant
MEANT = 0.8  # and how alike to be meant rather than whoever has all the words
FEW = 3  # with no more than this many, found by words alone, a spelling may be what was meant


class Row(NamedTuple):
    """One character of a list. Prices in berries, weekly_change in per cent."""

    id: int
    name: str
    epithet: str
    crew_id: int | None
    crew_name: str | None
    bounty: int | None
    price: Decimal
    weekly_change: float
    market_cap: Decimal
    is_tradeable: bool

    @property
    def url(self) -> str:
        """The quote page."""
        return character_url(self.id, self.name)

    @property
    def crew_url(self) -> str | None:
        """The crew's page."""
        return crew_url(self.crew_id, self.crew_name) if self.crew_id and self.crew_name else None


class Quote(NamedTuple):
    """What the quote page says of a character. Prices in berries, sentiment from -1 to 1."""

    id: int
    name: str
    epithet: str
    crew_id: int | None
    crew_name: str | None
    bounty: int | None
    price: Decimal
    weekly_change: float
    market_cap: Decimal
    is_tradeable: bool
    aliases: list[str]
    devil_fruit: str
    sentiment: float
    description: str
    is_active: bool
    first_chapter: int | None  # None: to be confirmed, as in the next three
    crew_chapter: int | None
    epithet_chapter: int | None
    devil_fruit_chapter: int | None
    full_vote: int
    halted: bool
    awaits_bounty: bool
    cools_until: datetime | None

    @property
    def stop(self) -> Stop | None:
        """Why nobody trades it at this moment, None where everybody may."""
        return stop_of(halted=self.halted, awaits_bounty=self.awaits_bounty, cools_until=self.cools_until)

    @property
    def url(self) -> str:
        """The quote page."""
        return character_url(self.id, self.name)

    @property
    def crew_url(self) -> str | None:
        """The crew's page."""
        return crew_url(self.crew_id, self.crew_name) if self.crew_id and self.crew_name else None


class CrewTotals(NamedTuple):
    """What the active members of a crew add up to. wanted: those with a bounty. Money in berries."""

    members: int
    wanted: int
    bounty: int
    average_price: Decimal | None
    market_cap: Decimal
    sentiment: float | None


class Page(NamedTuple):
    """Rows of the board. `after`: the key of the next page, None on the last.

    Of a search also `similar`, the closest spellings among the others, and `meant`, when one of these is likely meant.
    """

    rows: list[Row]
    after: int | None = None
    similar: Sequence[Row] = ()
    meant: Row | None = None


ROW = (
    "id", "name", "epithet", "crew_id", "crew__name", "bounty", "current_price", "weekly_change", "market_cap", "is_tradeable",
)  # fmt: skip
QUOTE = (
    *ROW, "aliases", "devil_fruit", "sentiment_score", "description", "is_active", "first_chapter",
    "crew_chapter", "epithet_chapter", "devil_fruit_chapter", "listing__full_vote", "listing__halted", "listing__awaits_bounty",
    "listing__cools_until",
)  # fmt: skip


def board(query: BoardQuery) -> Page:
    """Return one page of the market: the best matches of a search, else a keyset page in the order asked for.

    At most two queries; the number does not depend on how many characters there are.
    """
    if query.q:
        return _search(query)
    characters = _filtered(query)
    order = SORTS[query.sort].order
    if order.lstrip("-") == "bounty":
        characters = characters.filter(bounty__isnull=False)
    ordered = characters.order_by(order, "-id" if order.startswith("-") else "id")
    rows = [Row(*row) for row in _after(ordered, order, query.after).values_list(*ROW)[: PAGE + 1]]
    return Page(rows[:PAGE], rows[PAGE - 1].id if len(rows) > PAGE else None)


def crew_members(crew_id: int) -> list[Row]:
    """Return a crew's active members, highest bounty first, those without one last. One query, at most 1,000 rows."""
    members = Character.objects.active().filter(crew_id=crew_id)
    wanted = members.filter(bounty__isnull=False).order_by("-bounty").values_list(*ROW)
    unknown = members.filter(bounty__isnull=True).order_by("name").values_list(*ROW)
    return [Row(*row) for row in [*wanted[:1000], *unknown[:1000]]]


def crew_totals(crew_id: int) -> CrewTotals:
    """Return what all active members of a crew add up to, as of now. One query."""
    members = Character.objects.active().filter(crew_id=crew_id)
    return CrewTotals(**members.aggregate(
        members=Count("id"), wanted=Count("id", filter=Q(bounty__gt=0)), bounty=Sum("bounty", default=0),
        average_price=Avg("current_price"), market_cap=Sum("market_cap", default=Decimal(0)), sentiment=Avg("sentiment_score"),
    ))  # fmt: skip


def quote(pk: int) -> Quote:
    """Return one character, also a deactivated one: its holders must find it. One query. Raises Http404."""
    row = Character.objects.filter(pk=pk).values_list(*QUOTE).first()
    if row is None:
        raise Http404("No such character.")
    return Quote(*row)


def prices_of(ids: Iterable[int]) -> dict[int, Decimal]:
    """Return the current prices of those of these characters that are on the market, by id. One query."""
    rows = Character.objects.active().filter(pk__in=list(ids)).values_list("id", "current_price")
    return {pk: price for pk, price in rows if price is not None}


def top_characters(limit: int) -> list[dict[str, Any]]:
    """Return the active characters of the highest market caps, as the module shapes them; amounts as text. One query."""
    rows = Character.objects.active().order_by("-market_cap", "-id").values(*TOP)[:limit]
    return [{**row, "current_price": str(row["current_price"]), "market_cap": str(row["market_cap"])} for row in rows]


def character_data(pk: int) -> dict[str, Any]:
    """Return one character as the module shapes it, amounts as text; crew is None without one. One query. Raises Http404."""
    row = quote(pk)
    return {
        "id": row.id, "name": row.name, "crew": row.crew_name, "bounty": row.bounty, "current_price": str(row.price),
        "market_cap": str(row.market_cap), "sentiment_score": row.sentiment, "weekly_change": row.weekly_change,
    }  # fmt: skip


def crew_by_bounty(crew_id: int, min_bounty: int, limit: int) -> list[Row]:
    """Return a crew's active members whose bounty is at least this, highest first. One query."""
    members = Character.objects.active().filter(crew_id=crew_id, bounty__gte=min_bounty).order_by("-bounty")
    return [Row(*row) for row in members.values_list(*ROW)[:limit]]


def _filtered(query: BoardQuery) -> CharacterQuerySet:
    """Return the characters that pass the filters."""
    characters = Character.objects.tradeable()
    limits = {
        "crew_id": query.crew,
        "current_price__gte": query.min_price,
        "current_price__lte": query.max_price,
        "bounty__gte": query.min_bounty,
        "bounty__lte": query.max_bounty,
    }
    return characters.filter(**{lookup: value for lookup, value in limits.items() if value is not None})


def _after(ordered: CharacterQuerySet, order: str, after: int | None) -> CharacterQuerySet:
    """Skip everything up to and including the character `after`, by its key: page 500 costs what page 1 costs."""
    column = order.lstrip("-")
    key = Character.objects.filter(pk=after).values_list(column, flat=True).first() if after else None
    if key is None:
        return ordered
    beyond = TupleLessThan if order.startswith("-") else TupleGreaterThan
    return ordered.filter(beyond(Tuple(column, "id"), (key, after)))


def suggestions(text: str) -> list[Row]:
    """Return at most 8 characters that an unfinished text may mean, best first. One query, none for an empty text."""
    true, alike = _found(BoardQuery(q=text), SUGGESTED) if text else ([], [])
    return [Row(*match.values) for match in [*true, *alike]]


def _search(query: BoardQuery) -> Page:
    """Return whom a search means, and behind them whose names are spelled alike. One query."""
    true, alike = _found(query, PAGE)
    guess = alike[:1] if not true or (true[0].tier == Tier.WORDS and len(true) <= FEW and _is_close(alike, MEANT)) else []
    return Page(
        rows=[Row(*match.values) for match in true],
        similar=[Row(*match.values) for match in alike],
        meant=next((Row(*match.values) for match in guess), None),
    )


def _is_close(alike: list[Match], limit: float) -> bool:
    return bool(alike) and alike[0].likeness >= limit


def _found(query: BoardQuery, limit: int) -> tuple[list[Match], list[Match]]:
    """Return the true matches of a search, and the spellings worth showing: behind true ones only few, and close ones."""
    found = matches(query, ROW, limit)
    true = [match for match in found if match.tier < Tier.SPELLING]
    alike = found[len(true) :]
    if true:
        return true, [match for match in alike if match.likeness >= CLOSE][:SIMILAR]
    return true, [match for match in alike if match.likeness >= FAR]
