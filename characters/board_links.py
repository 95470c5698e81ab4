"""The links of the market board: what each filter, order and page is called in the address."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import urlencode

from characters.board import BoardQuery

ARROWS = {"ascending": "▲", "descending": "▼"}


class Chip(NamedTuple):
    """A filter that one click sets, or takes away where it is in force."""

    label: str
    url: str


class Head(NamedTuple):
    """A column one can sort by. aria_sort is empty unless the board is in its order."""

    url: str
    aria_sort: str

    @property
    def arrow(self) -> str:
        """The direction as a mark."""
        return ARROWS.get(self.aria_sort, "")


def address(asked: Mapping[str, object], **changed: object) -> str:
    """Return the board's address with these parameters, some of them changed; None takes one away."""
    return "/?" + urlencode({k: v for k, v in {**asked, **changed}.items() if v not in (None, "")})


def chips(query: BoardQuery, crews: Mapping[int, str], asked: Mapping[str, str]) -> list[Chip]:
    """Return each filter in force, with the address without it."""
    labels = {
        "q": f"“{query.q}”",
        "crew": crews.get(query.crew or 0, "Unknown crew"),
        "min_price": f"price from ฿{query.min_price}",
        "max_price": f"price to ฿{query.max_price}",
        "min_bounty": f"bounty from ฿{query.min_bounty or 0:,}",
        "max_bounty": f"bounty to ฿{query.max_bounty or 0:,}",
    }
    in_force = [field for field in labels if getattr(query, field) not in (None, "")]
    return [Chip(labels[field], address(asked, **{field: None, "after": None})) for field in in_force]


def quick_chips(query: BoardQuery, biggest: Iterable[tuple[int, str]], asked: Mapping[str, str]) -> list[Chip]:
    """Return filters worth a click that are not in force yet: the biggest crews, cheap shares, the highest bounties."""
    offers = [(name, "crew", pk) for pk, name in biggest]
    offers += [("Up to ฿500", "max_price", 500), ("Billion-berry bounties", "min_bounty", 10**9)]
    return [
        Chip(label, address(asked, **{field: value, "after": None}))
        for label, field, value in offers
        if getattr(query, field) is None
    ]


def heads(query: BoardQuery, asked: Mapping[str, str]) -> dict[str, Head]:
    """Return the sortable columns by name; a search is in the order of the match, and has none."""
    if query.q:
        return {}
    price = "price-low" if query.sort == "price-high" else "price-high"
    directions = {"cap": "descending", "bounty": "descending", "name": "ascending"}
    found = {
        sort: Head(address(asked, sort=sort, after=None), direction if query.sort == sort else "")
        for sort, direction in directions.items()
    }
    direction = {"price-high": "descending", "price-low": "ascending"}.get(query.sort, "")
    return {**found, "price": Head(address(asked, sort=price, after=None), direction)}
