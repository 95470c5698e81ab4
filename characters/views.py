"""The market board and the quote page."""

from decimal import Decimal
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from caching.bodies import shared
from caching.queries import BOARD_PAGE, BOARD_PART, CREW_CHOICES, MARKET_STATE, QUOTE, QUOTE_PAGE, QUOTE_PARTS
from characters import selectors
from characters.board import FIELDS, SORTS, read_board_query
from characters.board_links import address, chips, heads, quick_chips
from crews.selectors import biggest_crews
from trading.binding import as_user
from trading.orders import FRESH_TICKET, Order, asked_order
from trading.selectors import Desk, desk, holdings_value
from trading.tickets import TicketError, ticket_for


@require_safe
@shared(BOARD_PAGE, *FIELDS)
def board(request: HttpRequest) -> HttpResponse:
    """Show the market: search, filters, order and page are in the address. Cold 3 queries, on later pages 4; warm none."""
    query, errors = read_board_query(request.GET)
    part = BOARD_PART(*query)
    crews = CREW_CHOICES(query.crew)
    names = {crew.id: crew.name for crew in crews}
    asked = {field: value for field in FIELDS if (value := request.GET.get(field, ""))}
    context = {
        "stop": MARKET_STATE().stop,
        "part": part,
        "query": {**dict.fromkeys(FIELDS, ""), **asked, "sort": query.sort},
        "sorts": [("", "Best match")] if query.q else [(value, sort.label) for value, sort in SORTS.items()],
        "crews": crews,
        "errors": errors,
        "heads": heads(query, asked),
        "chips": chips(query, names, asked),
        "quick_chips": quick_chips(query, biggest_crews(crews), asked),
        "next_url": address(asked, after=part.after) if part.after else None,
        "first_url": address(asked, after=None) if query.after else None,
    }
    return render(request, "characters/board.html", context, status=400 if errors else 200)


@require_safe
@shared(QUOTE_PAGE)
def quote(request: HttpRequest, pk: int, slug: str = "") -> HttpResponse:
    """Show one character with its order ticket and the reader's position. Cold 4 queries, for a trader 10; warm 4 less."""
    character = QUOTE(pk)
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
    holdings = Decimal(0)
    if request.user.is_authenticated:
        with as_user(request.user):
            my_desk = desk(request.user.pk, character.id)
            holdings = holdings_value(request.user.pk)
    market_stop = MARKET_STATE().stop
    stop = market_stop or character.stop
    context = {
        "character": character,
        "market_stop": market_stop,
        "stop": stop,
        "parts": QUOTE_PARTS(character.id),
        "ticket": ticket_for(character, my_desk, order, error) if my_desk and (error or not stop) else None,
        "position": my_desk.position if my_desk else None,
        "cash": my_desk.cash if my_desk else None,
        "total": my_desk.cash + holdings if my_desk else None,
        "error": error,
    }
    return render(request, "characters/quote.html", context, status=status)
