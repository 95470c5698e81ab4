"""Recovery codes: shown once, used once."""

from typing import cast

from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from trading.entry_views import BACKEND
from trading.forms import ConfirmForm, RecoverForm
from trading.lockout import may_try, note_failure
from trading.models import User
from trading.recovery import codes_left, make_codes
from trading.recovery import recover as set_password

form_page = require_http_methods(["GET", "HEAD", "POST"])


@form_page
@login_required
@never_cache
@sensitive_post_parameters()
def recovery_codes(request: HttpRequest) -> HttpResponse:
    """Make new codes and show them, this once; before, ask for the password."""
    user = cast("User", request.user)
    if user.is_guest:
        return redirect("account")
    form = ConfirmForm(request.POST or None, request)
    if form.is_valid():
        return render(request, "trading/codes.html", {"codes": make_codes(user)})
    words = f"You have {codes_left(user)} unused codes. New ones make all older ones void; they are shown once."
    context = {"form": form, "title": "Recovery codes", "button": "Show new codes", "words": words}
    return render(request, "trading/account_form.html", context, status=422 if form.is_bound else 200)


@form_page
@never_cache
@sensitive_post_parameters()
def recover(request: HttpRequest) -> HttpResponse:
    """Set a new password with a code. Names are not told apart, and attempts are counted like logins."""
    form = RecoverForm(request.POST or None)
    if form.is_valid() and may_try(request, form.cleaned_data["username"]):
        fields = form.cleaned_data
        user = set_password(fields["username"], fields["code"], fields["new_password1"])
        if user:
            login(request, user, BACKEND)
            messages.success(request, f"Your password was changed. {codes_left(user)} recovery codes are left.")
            return redirect("account")
        note_failure(request, fields["username"])
        form.add_error(None, "Name and code do not fit. Look at both again; every code works once.")
    return render(request, "trading/recover.html", {"form": form}, status=422 if form.is_bound else 200)
