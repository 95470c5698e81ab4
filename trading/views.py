"""Pages of money: orders, portfolio, history, leaderboard."""

from datetime import UTC, datetime
from typing import cast
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_safe

from caching.bodies import shared
from caching.queries import LEADERS_PAGE, MARKET_STATE, QUOTE
from caching.standings import standings
from characters.selectors import quote
from characters.views import quote_page
from trading import fairness, selectors
from trading.binding import as_user
from trading.models import User
from trading.orders import OrderError, asked_order, parse
from trading.services import place_order
from trading.tickets import TicketError, refusal
from trading.tickets import preview as preview_order

NO_ACCOUNT = "Staff accounts do not trade. Sign up as a trader to get a trading account."
LEADERS = 100
CONFLICTS = {"price_moved", "trade_id_reused"}


@require_http_methods(["GET", "HEAD", "POST"])
def trade(request: HttpRequest, pk: int) -> HttpResponse:
    """Send an order. Done: back to the quote page. Refused: the quote page again, as typed, with the reason."""
    character = quote(pk)
    if request.method != "POST":  # the address of a refused order, entered again
        return redirect(character.url)
    if not request.user.is_authenticated:
        return redirect_to_login(character.url)
    order = asked_order(request.POST)
    try:
        answer = place_order(_user(request), pk, parse(order))
    except OrderError as error:
        return quote_page(request, character, order, TicketError(error.code, str(error)), 422)
    if not answer.success:
        return quote_page(
            request, quote(pk), order, refusal(answer.code, answer.message), 409 if answer.code in CONFLICTS else 422
        )
    verb = "Bought" if order.action == "buy" else "Sold"
    done = f"{verb} {int(order.quantity):,} × {character.name} at ฿{answer.price:,.2f}, fee ฿{answer.fee:,.2f}."
    if answer.replayed:
        messages.info(request, f"This order was filled before; it was not repeated. {done}")
    else:
        messages.success(request, format_html("{} <a href='{}'>See your portfolio</a>", done, reverse("portfolio")))
    return redirect(character.url)


@require_GET
@never_cache
def preview(request: HttpRequest, pk: int) -> HttpResponse:
    """Show what an order would cost and leave: the fragment that htmx puts into the ticket."""
    character = QUOTE(pk)
    if not request.user.is_authenticated:
        return HttpResponse(status=403)
    with as_user(_user(request)):
        desk = selectors.desk(_user(request).pk, pk)
    if stop := MARKET_STATE().stop or character.stop:
        return render(request, "characters/_preview.html", {"preview": None, "error": stop})
    if not request.GET.get("quantity", "").strip():  # not wrong, only not typed yet
        return render(request, "characters/_preview.html", {"preview": None})
    try:
        shown = preview_order(character, desk, asked_order(request.GET)) if desk else None
        return render(request, "characters/_preview.html", {"preview": shown})
    except OrderError as error:
        return render(request, "characters/_preview.html", {"preview": None, "error": TicketError(error.code, str(error))})


@require_safe
@login_required
def portfolio(request: HttpRequest) -> HttpResponse:
    """Show the reader's cash and positions."""
    with as_user(_user(request)):
        mine = selectors.portfolio(_user(request).pk)
    if mine is None:
        messages.info(request, NO_ACCOUNT)
        return redirect("admin:index")
    return render(request, "trading/portfolio.html", {"portfolio": mine, "stop": MARKET_STATE().stop})


@require_safe
@login_required
def history(request: HttpRequest) -> HttpResponse:
    """Show the reader's movements, latest first, a page at a time."""
    before = _moment(request.GET.get("before", ""))
    with as_user(_user(request)):
        page = selectors.history(_user(request).pk, before)
        fees = selectors.fees_paid(_user(request).pk)
    context = {
        "entries": page.entries,
        "fees": fees,
        "next_url": "?" + urlencode({"before": page.before.isoformat()}) if page.before else None,
        "first_url": reverse("history") if before else None,
    }
    return render(request, "trading/history.html", context)


@require_safe
@shared(LEADERS_PAGE)
def leaderboard(request: HttpRequest) -> HttpResponse:
    """Show the richest traders, and the reader's own place as of now. Cold one query, warm none; for a trader 4 more."""
    found = standings(LEADERS, _own_line(request))
    return render(request, "trading/leaderboard.html", {"leaders": found.leaders, "me": found.me})


@require_safe
def fair(request: HttpRequest) -> HttpResponse:
    """Show the rules of now, why nobody can pump alone, and what the reader does to prices. Three queries; for a trader 9."""
    rules, me = fairness.rules(), None
    if request.user.is_authenticated:
        with as_user(_user(request)):
            me = fairness.reader(_user(request).pk, rules)
    stopped = fairness.stopped()
    context = {
        "rules": rules,
        "me": me,
        "stopped": stopped[: fairness.STOPPED],
        "more_stopped": len(stopped) > fairness.STOPPED,
        "last_tick": fairness.last_tick(),
        "measured": fairness.measured(),
    }
    return render(request, "trading/fair.html", context)


def _own_line(request: HttpRequest) -> selectors.Leader | None:
    """Return the reader's line, still without a rank; None for who is not ranked."""
    if not request.user.is_authenticated or _user(request).is_guest or _user(request).is_staff:
        return None
    with as_user(_user(request)):
        mine = selectors.portfolio(_user(request).pk)
    user = _user(request)
    return selectors.Leader(0, user.pk, user.username, mine.worth, user.is_simulated) if mine else None


def _user(request: HttpRequest) -> User:
    return cast("User", request.user)


def _moment(text: str) -> datetime | None:
    """Return the moment in an address, None if there is none that can be read."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None
