"""The market board and the quote page."""

from collections.abc import Mapping
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from characters import selectors
from characters.board import FIELDS, SORTS, BoardQuery, read_board_query
from crews.selectors import crew_choices
from trading.binding import as_user
from trading.orders import FRESH_TICKET, Order, asked_order
from trading.selectors import Desk, desk
from trading.tickets import TicketError, ticket_for


@require_safe
def board(request: HttpRequest) -> HttpResponse:
    """Show the market: search, filters, order and page are in the address. 3 to 4 queries."""
    query, errors = read_board_query(request.GET)
    page = selectors.board(query)
    crews = crew_choices()
    asked = {field: value for field in FIELDS if (value := request.GET.get(field, ""))}
    context = {
        "rows": page.rows,
        "query": {**dict.fromkeys(FIELDS, ""), **asked, "sort": query.sort},
        "sorts": [("", "Best match")] if query.q else [(value, sort.label) for value, sort in SORTS.items()],
        "crews": crews,
        "errors": errors,
        "chips": _chips(query, dict(crews), asked),
        "similar": page.similar,
        "next_url": _address({**asked, "after": page.after}) if page.after else None,
        "first_url": _address(asked, without="after") if query.after else None,
    }
    return render(request, "characters/board.html", context, status=400 if errors else 200)


@require_safe
def quote(request: HttpRequest, pk: int, slug: str = "") -> HttpResponse:
    """Show one character with its order ticket and the reader's position. 2 queries, for traders 3 more."""
    character = selectors.quote(pk)
    known = {name: request.GET[name] for name in ("action", "quantity") if name in request.GET}
    if request.path != character.url or request.GET.keys() != known.keys():
        # Without JavaScript the ticket's Preview sends its whole form: keep its token out of the address.
        return redirect(character.url + ("?" + urlencode(known) if known else ""))
    return quote_page(request, character, asked_order(request.GET, FRESH_TICKET))


def quote_page(
    request: HttpRequest, character: selectors.Quote, order: Order, error: TicketError | None = None, status: int = 200
) -> HttpResponse:
    """Answer with the quote page, the ticket filled in with `order` as typed."""
    my_desk: Desk | None = None
    if request.user.is_authenticated:
        with as_user(request.user):
            my_desk = desk(request.user.pk, character.id)
    context = {
        "character": character,
        "bounties": selectors.bounty_history(character.id),
        "ticket": ticket_for(character, my_desk, order, error) if my_desk else None,
        "position": my_desk.position if my_desk else None,
        "error": error,
    }
    return render(request, "characters/quote.html", context, status=status)


def _address(parameters: Mapping[str, object], *, without: str = "") -> str:
    """Return the board's address with these parameters."""
    return "/?" + urlencode({k: v for k, v in parameters.items() if k != without})


def _chips(query: BoardQuery, crews: dict[int, str], asked: dict[str, str]) -> list[tuple[str, str]]:
    """Return each filter in force as a label and the address without it."""
    labels = {
        "q": f"“{query.q}”",
        "crew": crews.get(query.crew or 0, "Unknown crew"),
        "min_price": f"price from ฿{query.min_price}",
        "max_price": f"price to ฿{query.max_price}",
        "min_bounty": f"bounty from {query.min_bounty or 0:,}",
        "max_bounty": f"bounty to {query.max_bounty or 0:,}",
    }
    in_force = [field for field in labels if getattr(query, field) not in (None, "")]
    asked = {k: v for k, v in asked.items() if k != "after"}
    return [(labels[field], _address(asked, without=field)) for field in in_force]
