"""Who is meant by what is typed: one ranking of names, words and spellings, made by the database."""

from enum import IntEnum
from typing import Any, NamedTuple

from django.contrib.postgres.search import SearchQuery, SearchQueryField
from django.db import connection
from django.db.models import Func, Value

from characters.board import BoardQuery


class Tier(IntEnum):
    """How a character was found, best first."""

    NAME = 1
    OTHER_NAME = 2
    PART_OF_NAME = 3
    WORDS = 4
    SPELLING = 5


class Asked(SearchQuery):
    """What is typed as a query of characters.search: one step of sql/functions/search_query."""

    function = "search_query"

    def __init__(self, text: str, step: str) -> None:
        Func.__init__(self, Value(text), Value(step), output_field=SearchQueryField())
        self.config, self.invert = None, False


class Match(NamedTuple):
    """A character that a search found. likeness: more is better, comparable within a tier; values: the columns asked for."""

    tier: Tier
    likeness: float
    values: tuple[Any, ...]


# The ORM cannot join a function. Done with QuerySets instead, each tier is a query of its own, and nothing keeps a common
# word from a sequential scan.
FOUND = """SELECT found.tier, found.likeness, {columns}
FROM search_characters(%s, %s, %s, %s, %s, %s, %s) WITH ORDINALITY AS found (id, tier, likeness, place)
JOIN characters ON characters.id = found.id
LEFT JOIN crews ON crews.id = characters.crew_id
ORDER BY found.place
"""


def matches(query: BoardQuery, columns: tuple[str, ...], limit: int) -> list[Match]:
    """Return the active characters that a search means and its filters let pass, best first. One query.

    columns: of characters, or of their crew as crew__name.
    """
    selected = ", ".join(c.replace("crew__", "crews.") if c.startswith("crew__") else f"characters.{c}" for c in columns)
    filters = (query.crew, query.min_price, query.max_price, query.min_bounty, query.max_bounty)
    with connection.cursor() as cursor:
        cursor.execute(FOUND.format(columns=selected), [query.q, limit, *filters])
        return [Match(Tier(tier), likeness, tuple(values)) for tier, likeness, *values in cursor.fetchall()]
