"""The board as Django's documentation teaches it: objects of the ORM, and Django's templates."""

from typing import NamedTuple

from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from characters.board import FIELDS, SORTS, read_board_query
from characters.board_links import address, chips, heads, quick_chips
from characters.models import Character
from characters.selectors import PAGE
from crews.models import Crew
from crews.selectors import biggest_crews

SHOWN = ("name", "epithet", "bounty", "current_price", "weekly_change", "market_cap", "is_tradeable", "crew__name")
RANGES = {"min_price": "Price from, ฿", "max_price": "Price to, ฿", "min_bounty": "Bounty from, ฿", "max_bounty": "Bounty to, ฿"}


class Range(NamedTuple):
    """One end of a filter: its name and label, what was typed, and what is wrong with that."""

    name: str
    label: str
    value: str
    error: str | None


@require_safe
def board(request: HttpRequest) -> HttpResponse:
    """Show the first page of the market. 2 queries."""
    query, errors = read_board_query(request.GET)
    asked = {field: value for field in FIELDS if (value := request.GET.get(field, ""))}
    found = Character.objects.tradeable().select_related("crew").only(*SHOWN).order_by("-market_cap", "-id")[: PAGE + 1]
    characters = list(found)
    shown = characters[:PAGE]
    counted = Crew.objects.filter(is_active=True).annotate(market_cap=F("analytics__total_market_cap"))
    crews = list(counted.only("name").order_by("name"))
    context = {
        "characters": shown,
        "query": query,
        "sorts": [(value, sort.label) for value, sort in SORTS.items()],
        "crews": crews,
        "errors": errors,
        "ranges": [Range(name, label, asked.get(name, ""), errors.get(name)) for name, label in RANGES.items()],
        "heads": heads(query, asked),
        "chips": chips(query, {crew.id: crew.name for crew in crews}, asked),
        "quick_chips": quick_chips(query, biggest_crews(crews), asked),
        "next_url": address(asked, after=shown[-1].id) if len(characters) > PAGE else None,
    }
    return render(request, "peer/board.html", context, using="peer")
