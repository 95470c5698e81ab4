"""One character on the market: stopping trade in it, letting it go on, and taking it off for good."""

from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect

from characters.models import Character
from characters.news import pending
from trading import desk
from trading.delisting import Delisted, delist, delisting

RUN, DELIST = "trading.run_market", "trading.delist_character"
DONE = {
    "halt": (desk.halt, "Trade in {} is halted."),
    "open": (desk.open_again, "The halt of {} is over."),
    "lift": (desk.lift_cooling, "The cooling of {} is over: the breaker measures anew."),
}


def character_view(desk: Any, request: HttpRequest, pk: int) -> HttpResponse:
    """Show a character's state on the market; halt it, open it or lift its cooling on POST."""
    desk.require(request, "trading.view_marketrules")
    found = desk.traded(pk)
    if found is None:
        raise Http404("No such character is listed.")
    if request.method != "POST":
        may_delist = request.user.has_perm(DELIST)
        context = {"listed": found, "pending": pending(100, pk), "may_delist": may_delist}
        return desk.page(request, "admin/standing.html", f"{found.name} on the market", **context)  # type: ignore[no-any-return]
    desk.require(request, RUN)
    if request.POST.get("action") not in DONE:
        raise PermissionDenied
    act, said = DONE[request.POST["action"]]
    act(pk)
    desk.note(request, said.format(found.name))
    return redirect("admin:trading_market_character", pk)


def delist_view(desk: Any, request: HttpRequest, pk: int) -> HttpResponse:
    """Show whom delisting would pay, and do it on POST at the price that was shown."""
    desk.require(request, DELIST)
    character = get_object_or_404(Character.objects.defer("search"), pk=pk)
    if request.method == "POST":
        answer = delist(character, _price(request.POST.get("price", "")), request.user)
        _say(desk, request, character, answer)
        return redirect("admin:trading_market_character" if answer.success else "admin:trading_market_delist", pk)
    context = {"character": character, "plan": delisting(character)}
    return desk.page(request, "admin/delist.html", f"Take {character} off the market", **context)  # type: ignore[no-any-return]


def _price(text: str) -> Decimal:
    """Return the price that the preview showed, 0.00 for anything else: nothing has that price."""
    whole, _, cents = text.partition(".")
    readable = len(text) <= 12 and text.isascii() and whole.isdigit() and cents.isdigit()
    return Decimal(text) if readable else Decimal(0)


def _say(desk: Any, request: HttpRequest, character: Character, answer: Delisted) -> None:
    if answer.success:
        what = f"{answer.shares:,} shares of {answer.positions:,} holders were bought back for ฿{answer.paid:,.2f}"
        desk.note(request, f"{character} is off the market: {what}.")
    else:
        messages.error(request, f"Nothing was done. {answer.message}")
