"""What pages show of characters to everybody alike, rendered. Nothing of a reader can be in it: there is none when it is made."""

from typing import Any, NamedTuple

from django.template.loader import render_to_string

from characters import selectors
from characters.board import BoardQuery
from characters.bounties import bounty_history
from characters.charts import bounty_chart
from crews.selectors import crew_profile


class BoardPart(NamedTuple):
    """One page of the board: table rows, those of similar spellings, how many are shown, the next page's key, who was meant."""

    rows: str
    similar: str
    shown: int
    after: int | None
    meant: selectors.Row | None


class QuoteParts(NamedTuple):
    """The public parts of a quote page, in their order on it."""

    poster: str
    chart: str
    facts: str
    story: str


def board_part(*query: Any) -> BoardPart:
    """Return one page of the board, asked for by the fields of BoardQuery. At most 2 queries."""
    page = selectors.board(BoardQuery(*query))
    return BoardPart(_rows(page.rows), _rows(page.similar), len(page.rows), page.after, page.meant)


def quote_parts(pk: int) -> QuoteParts:
    """Return what a quote page says to everybody. 2 queries. Raises Http404."""
    character = selectors.quote(pk)
    bounties = bounty_history(pk)
    context = {
        "character": character,
        "bounties": bounties,
        "chart": bounty_chart([bounties]),
        "undated": sum(not bounty.chapter for bounty in bounties),
    }
    return QuoteParts(*(_rendered(f"characters/_quote_{part}.html", **context) for part in QuoteParts._fields))


def crew_part(pk: int) -> str:
    """Return a crew's members, and a sum one can check. 4 queries. Raises Http404."""
    crew = crew_profile(pk)
    rows = selectors.crew_members(pk)
    return _rendered(
        "crews/_crew.html",
        crew=crew,
        captain_url=next((row.url for row in rows if row.name == crew.captain), None),
        totals=selectors.crew_totals(pk),
        rows=rows,
        bounties=[row.bounty for row in rows if row.bounty],
    )


def suggestions_part(text: str) -> str:
    """Return links to those whom an unfinished text may mean, or nothing. At most one query."""
    rows = selectors.suggestions(text)
    return _rendered("characters/_suggestions.html", rows=rows) if rows else ""


def _rows(rows: Any) -> str:
    return _rendered("characters/_rows.html", rows=rows) if rows else ""


def _rendered(template: str, **context: Any) -> str:
    return render_to_string(template, context).strip()
