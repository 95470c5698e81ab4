"""What pages show of characters."""

import re
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.contrib.postgres.search import SearchQuery, SearchRank, TrigramWordSimilarity
from django.db.models import Case, F, Q, When
from django.http import Http404

from characters.board import SORTS, BoardQuery
from characters.models import BountyEvent, Character, CharacterNames, CharacterQuerySet, character_url
from crews.models import crew_url

PAGE = 50


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
    first_chapter: int | None
    full_vote: int

    @property
    def url(self) -> str:
        """The quote page."""
        return character_url(self.id, self.name)

    @property
    def crew_url(self) -> str | None:
        """The crew's page."""
        return crew_url(self.crew_id, self.crew_name) if self.crew_id and self.crew_name else None


class Bounty(NamedTuple):
    """One entry of a character's bounty history: berries, the chapter that told it, when we learnt it."""

    amount: int | None
    chapter: int | None
    when: datetime


class Page(NamedTuple):
    """Rows of the board. `after`: the key of the next page, None on the last. `similar`: nothing matched as typed."""

    rows: list[Row]
    after: int | None = None
    similar: bool = False


ROW = (
    "id", "name", "epithet", "crew_id", "crew__name", "bounty", "current_price", "weekly_change", "market_cap", "is_tradeable",
)  # fmt: skip
QUOTE = (*ROW, "aliases", "devil_fruit", "sentiment_score", "description", "is_active", "first_chapter", "listing__full_vote")


def board(query: BoardQuery) -> Page:
    """Return one page of the market: the best matches of a search, else a keyset page in the order asked for.

    At most three queries; the number does not depend on how many characters there are.
    """
    characters = _filtered(query)
    if query.q:
        return _search(characters, query.q)
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


def quote(pk: int) -> Quote:
    """Return one character, also a deactivated one: its holders must find it. One query. Raises Http404."""
    row = Character.objects.filter(pk=pk).values_list(*QUOTE).first()
    if row is None:
        raise Http404("No such character.")
    return Quote(*row)


def bounty_history(pk: int) -> list[Bounty]:
    """Return a character's bounties, latest first. One query, at most 100 rows."""
    events = BountyEvent.objects.filter(character_id=pk).order_by("-effective_at", "-id")
    return [Bounty(*row) for row in events.values_list("amount", "chapter", "effective_at")[:100]]


def _filtered(query: BoardQuery) -> CharacterQuerySet:
    """Return the characters that pass the filters. A search also finds those that are not traded."""
    characters = Character.objects.active() if query.q else Character.objects.tradeable()
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
    side = "lt" if order.startswith("-") else "gt"
    return ordered.filter(Q(**{f"{column}__{side}e": key}), Q(**{f"{column}__{side}": key}) | Q(**{f"id__{side}": after}))


def _search(characters: CharacterQuerySet, text: str) -> Page:
    """Return the best matches: by words, else by spelling. One or two queries."""
    found = by_words(characters, text)[:PAGE]
    rows = [Row(*row) for row in found.values_list(*ROW)]
    if rows:
        return Page(rows)
    return Page([Row(*row) for row in by_spelling(characters, text)[:PAGE].values_list(*ROW)], similar=True)


def by_words(characters: CharacterQuerySet, text: str) -> CharacterQuerySet:
    """Return those that contain all words (the last one may be a beginning), best first. Uses idx_characters_search."""
    words = re.findall(r"\w+", text)
    if not words:
        return characters.none()
    prefix = SearchQuery(" & ".join([*words[:-1], f"{words[-1]}:*"]), config="simple", search_type="raw")
    query = SearchQuery(text, config="english", search_type="websearch") | prefix
    exact = Case(When(name__iexact=text, then=0), default=1)
    return characters.filter(search=query).order_by(exact, SearchRank(F("search"), query).desc(), "-market_cap", "id")


def by_spelling(characters: CharacterQuerySet, text: str) -> CharacterQuerySet:
    """Return those whose names look like the text, most alike first. Uses idx_characters_names_trgm."""
    alike = TrigramWordSimilarity(text.lower(), CharacterNames())
    named = characters.alias(names=CharacterNames()).filter(names__trigram_word_similar=text.lower())
    return named.order_by(alike.desc(), "-market_cap", "id")
