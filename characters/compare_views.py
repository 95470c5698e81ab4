"""The page that compares two characters."""

from contextlib import suppress
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from caching.bodies import shared
from caching.queries import BOUNTY_HISTORY, COMPARE_PAGE, QUOTE
from characters.bounties import Bounty
from characters.charts import bounty_chart
from characters.compare import Refusal, Side, ahead, read_side
from characters.selectors import Quote

UNKNOWN = Refusal(404, "unknown_character", "This character is not on the market. Type another name.")
SAME = Refusal(422, "same_character", "This is the same character twice. Type another name.")


@require_safe
@shared(COMPARE_PAGE, "a", "b")
def compare(request: HttpRequest) -> HttpResponse:
    """Show two characters side by side, or ask for the missing one. Cold 2 queries a character, warm none; one a typed name."""
    sides = [read_side(request.GET, side) for side in ("a", "b")]
    refused = any(side.refusal for side in sides)
    if not refused and any(name in request.GET for name in ("a_name", "b_name")):
        return redirect(_address(sides))
    found = _quotes(sides)
    sides = [_known(side, found) for side in sides]
    if sides[0].id is not None and sides[0].id == sides[1].id:
        sides[1] = Side(sides[1].typed, refusal=SAME)
    a, b = (found.get(side.id or 0) for side in sides)
    quotes = [a, b]
    histories = {quote.id: BOUNTY_HISTORY(quote.id) for quote in quotes if quote}
    context = {
        "sides": sides,
        "quotes": quotes,
        "ahead": ahead(a, b) if a and b else {},
        "told": [_told(quote, histories) for quote in quotes],
        "chart": bounty_chart([histories.get(quote.id, []) if quote else [] for quote in quotes]),
    }
    return render(
        request, "characters/compare.html", context, status=max(side.refusal.status if side.refusal else 200 for side in sides)
    )


def _quotes(sides: list[Side]) -> dict[int, Quote]:
    """Return the characters of both sides that there are, by id."""
    found = {}
    for side in sides:
        with suppress(Http404):
            if side.id is not None:
                found[side.id] = QUOTE(side.id)
    return found


def _told(quote: Quote | None, histories: dict[int, list[Bounty]]) -> int | None:
    """Return the chapter that told the bounty that stands now, None where it is to be confirmed."""
    events = histories.get(quote.id, []) if quote else []
    return next((event.chapter for event in events if quote and event.amount == quote.bounty and event.chapter), None)


def _known(side: Side, found: dict[int, Quote]) -> Side:
    """Return the side with the name of its character, or with the refusal of an id that is nobody's."""
    if side.id is None:
        return side
    if side.id not in found:
        return Side(side.typed, refusal=UNKNOWN)
    return Side(found[side.id].name, side.id)


def _address(sides: list[Side]) -> str:
    """Return the address of this comparison."""
    asked = {name: side.id for name, side in zip("ab", sides, strict=True) if side.id is not None}
    return reverse("compare") + ("?" + urlencode(asked) if asked else "")
