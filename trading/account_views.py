"""The account page and what is done from it."""

from collections.abc import Iterator
from typing import cast

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.db import IntegrityError
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from trading import exports
from trading.forms import EMAIL_TAKEN, ChangedPasswordForm, ConfirmForm, EmailForm, SignUpForm
from trading.lockout import may_try, note_failure
from trading.models import User
from trading.passwords import store_password
from trading.recovery import codes_left

form_page = require_http_methods(["GET", "HEAD", "POST"])


@require_safe
@login_required
@never_cache
def account(request: HttpRequest) -> HttpResponse:
    """Show what there is to one's account, and what can be done with it; to a guest, first how to keep it."""
    form = SignUpForm() if _user(request).is_guest else None
    if form:
        form.fields["username"].widget.attrs.pop("autofocus", None)  # the page begins at its beginning
    context = {"form": form, "codes_left": 0 if form else codes_left(_user(request))}
    return render(request, "trading/account.html", context)


@form_page
@login_required
@never_cache
@sensitive_post_parameters()
def change_email(request: HttpRequest) -> HttpResponse:
    """Set the e-mail address, or take it away."""
    user = _user(request)
    if user.is_guest:
        return redirect("account")
    form = EmailForm(request.POST or None, request, initial={"email": user.email})
    if form.is_valid():
        email = form.cleaned_data["email"]
        try:
            User.objects.filter(pk=user.pk, is_active=True).update(email=email)
        except IntegrityError:
            form.add_error("email", EMAIL_TAKEN)
        else:
            messages.success(request, "Your e-mail address was changed." if email else "You have no e-mail address now.")
            return redirect("account")
    return _ask(request, form, "E-mail address", "Save")


@form_page
@login_required
@never_cache
@sensitive_post_parameters()
def change_password(request: HttpRequest) -> HttpResponse:
    """Change the password: every other login ends, this one stays."""
    if _user(request).is_guest:
        return redirect("account")
    name = _user(request).get_username()
    form = ChangedPasswordForm(_user(request), request.POST or None)
    if form.is_bound and may_try(request, name) and form.is_valid():
        update_session_auth_hash(request, form.save())
        messages.success(request, "Your password was changed. Everywhere else you are logged out.")
        return redirect("account")
    if "old_password" in form.errors and form["old_password"].value():
        note_failure(request, name)
    return _ask(request, form, "Change the password", "Change it", "Everywhere else you will be logged out.")


@form_page
@login_required
@never_cache
@sensitive_post_parameters()
def end_other_logins(request: HttpRequest) -> HttpResponse:
    """Log out everywhere else: the same password with a new salt, so that no other login fits."""
    user = _user(request)
    if user.is_guest:
        return redirect("account")
    form = ConfirmForm(request.POST or None, request)
    if form.is_valid():
        user.set_password(form.cleaned_data["password"])
        store_password(user)
        update_session_auth_hash(request, user)
        messages.success(request, "Everywhere else you are logged out.")
        return redirect("account")
    return _ask(request, form, "Log out everywhere else", "Log out elsewhere", "Here you stay logged in.")


@require_safe
@login_required
@never_cache
def data_json(request: HttpRequest) -> StreamingHttpResponse:
    """Give the reader all that is stored about him."""
    return _download(exports.as_json(_user(request)), "application/json", "one-piece-market.json")


@require_safe
@login_required
@never_cache
def ledger_csv(request: HttpRequest) -> StreamingHttpResponse:
    """Give the reader his ledger as a table."""
    return _download(exports.as_csv(_user(request)), "text/csv; charset=utf-8; header=present", "one-piece-market-ledger.csv")


def _download(parts: Iterator[str], kind: str, name: str) -> StreamingHttpResponse:
    return StreamingHttpResponse(parts, content_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _ask(request: HttpRequest, form: BaseForm, title: str, button: str, words: str = "") -> HttpResponse:
    context = {"form": form, "title": title, "button": button, "words": words}
    return render(request, "trading/account_form.html", context, status=422 if form.is_bound else 200)


def _user(request: HttpRequest) -> User:
    return cast("User", request.user)
