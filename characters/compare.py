"""Two characters side by side: who is meant, from ids or from names as typed."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from characters.board import LONGEST_SEARCH, BoardQuery
from characters.search import Tier, matches
from characters.selectors import ROW, Quote, Row

ID = re.compile(r"[0-9]{1,9}", re.ASCII)
OFFERED = 5


class Refusal(NamedTuple):
    """Why a side could not be filled: status, stable code, a sentence, and who may have been meant."""

    status: int
    code: str
    message: str
    choices: list[Row] = []


class Side(NamedTuple):
    """One side: the text in its box, the character's id if it is known, or why it is not."""

    typed: str = ""
    id: int | None = None
    refusal: Refusal | None = None


def read_side(parameters: Mapping[str, str], side: str) -> Side:
    """Return one side of the address: a name typed into its box comes before an id. At most one query."""
    typed, given = parameters.get(f"{side}_name", "").strip(), parameters.get(side, "").strip()
    if typed:
        return by_name(typed)
    if given and not ID.fullmatch(given):
        return Side(refusal=Refusal(400, "invalid_id", "This link to a character cannot be read. Type the name instead."))
    return Side(id=int(given) if given else None)


def by_name(text: str) -> Side:
    """Return the one who is called like this, or a refusal that offers the nearest. One query."""
    if len(text) > LONGEST_SEARCH:
        return Side(text, refusal=Refusal(400, "name_too_long", f"Type at most {LONGEST_SEARCH} characters."))
    found = matches(BoardQuery(q=text), ROW, OFFERED)
    rows = [Row(*match.values) for match in found]
    if not found or found[0].tier == Tier.SPELLING:
        sentence = "Did you mean one of these?" if found else "Check the spelling."
        return Side(text, refusal=Refusal(404, "unknown_name", f"Nobody here is called “{text}”. {sentence}", rows))
    if sum(match.tier == found[0].tier for match in found) > 1:
        return Side(text, refusal=Refusal(422, "ambiguous_name", f"“{text}” fits several characters. Choose one.", rows))
    return Side(rows[0].name, rows[0].id)


class Fact(NamedTuple):
    """One line of the comparison. better: 0 or 1 for the side that is ahead, None where nobody is."""

    better: int | None
    word: str


def ahead(a: Quote, b: Quote) -> dict[str, Fact]:
    """Return for each fact that can be compared which side is ahead, and in which word."""
    return {
        "price": _higher(a.price, b.price),
        "weekly_change": _higher(a.weekly_change, b.weekly_change),
        "market_cap": _higher(a.market_cap, b.market_cap),
        "bounty": _higher(a.bounty, b.bounty),
        "first_chapter": _higher(b.first_chapter, a.first_chapter)._replace(word="earlier"),
    }


def _higher(a: object, b: object) -> Fact:
    if a is None or b is None or a == b:
        return Fact(None, "")
    return Fact(0 if a > b else 1, "higher")  # type: ignore[operator]  # both are numbers of one column
