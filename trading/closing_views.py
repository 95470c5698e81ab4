"""Deleting one's account: what will happen, the password once more, and it is done."""

from typing import cast

from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from trading import selectors
from trading.binding import as_user
from trading.closing import CannotCloseError, close
from trading.forms import ConfirmForm, FarewellForm
from trading.models import User
from trading.refusals import Refusal, refuse

STAFF = Refusal(
    403,
    "staff_account",
    "This account stays open",
    "A staff account cannot be deleted here. Ask another member of the staff to deactivate it.",
)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
@sensitive_post_parameters()
def delete_account(request: HttpRequest) -> HttpResponse:
    """Say what will happen and ask for the password, of a guest for a word; then close the account."""
    user = cast("User", request.user)
    if user.is_staff:
        return refuse(request, STAFF)
    form = FarewellForm(request.POST or None) if user.is_guest else ConfirmForm(request.POST or None, request)
    if not form.is_valid():
        with as_user(user):
            mine = selectors.portfolio(user.pk)
        context = {"form": form, "portfolio": mine}
        return render(request, "trading/delete.html", context, status=422 if form.is_bound else 200)
    try:
        closed = close(user)
    except CannotCloseError as error:
        return refuse(request, Refusal(403, error.code, "This account stays open", str(error)))
    logout(request)
    sold = f"{closed.positions_sold} {'position was' if closed.positions_sold == 1 else 'positions were'} sold"
    messages.success(request, f"Your account is deleted: {sold}, and your name and address are erased. Fair winds.")
    return redirect("board")
