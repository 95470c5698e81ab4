"""Coming aboard and leaving: trying as a guest, signing up, logging in and out."""

from typing import Any, cast
from urllib.parse import urlsplit

from django.contrib import messages
from django.contrib.auth import login, logout, update_session_auth_hash
from django.contrib.auth.views import LoginView
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from trading.daily_limits import TooManyAccountsError, admit, admit_form, seconds_to_tomorrow
from trading.forms import SignUpForm
from trading.guests import make_guest
from trading.models import User
from trading.onward import is_from_here, onward
from trading.refusals import Refusal, refuse
from trading.signing_up import GuestGoneError, TakenError, keep_guest
from trading.signing_up import sign_up as make_trader

BACKEND = "django.contrib.auth.backends.ModelBackend"
CROSS_SITE = Refusal(
    403, "cross_site", "Not from here", "This form was not sent from our pages. Open the market and press the button there."
)
GUEST_GONE = Refusal(
    409, "guest_closed", "This guest is gone", "Your guest account was closed after 7 unused days. Sign up for a new one."
)


@csrf_exempt  # pages with the button stay the same for everybody, and so without a token: is_from_here instead
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def try_out(request: HttpRequest) -> HttpResponse:
    """Make a guest with a trading account and log him in: one click."""
    if request.user.is_authenticated:
        return redirect(onward(request) or "board")
    if request.method != "POST":
        return render(request, "trading/try.html", {"next": onward(request)})
    if not is_from_here(request):
        return refuse(request, CROSS_SITE)
    try:
        with transaction.atomic():
            admit("guest", request)
            guest = make_guest()
    except TooManyAccountsError as error:
        return _too_many(request, error)
    login(request, guest, BACKEND)
    return _welcome(request, guest)


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters()
@never_cache
def sign_up(request: HttpRequest) -> HttpResponse:
    """Make a user with a trading account and log him in; a guest keeps the one he has."""
    guest = _guest(request)
    if request.user.is_authenticated and not guest:
        return redirect(onward(request) or "portfolio")
    form = SignUpForm(initial=request.POST.dict())
    if request.method != "POST":
        return _sign_up_page(request, form)
    try:
        admit_form(request)
        form = SignUpForm(request.POST)
        if form.is_valid():
            return _signed_up(request, form.chosen(), guest)
    except TakenError:
        form.add_error("username", "This name or e-mail address was taken a moment ago. Choose another.")
    except GuestGoneError:
        logout(request)
        return refuse(request, GUEST_GONE)
    except TooManyAccountsError as error:
        return _sign_up_page(request, form, error)
    return _sign_up_page(request, form)


def _sign_up_page(request: HttpRequest, form: SignUpForm, refusal: TooManyAccountsError | None = None) -> HttpResponse:
    context = {"form": form, "next": onward(request), "guest": _guest(request), "refusal": refusal}
    status = 429 if refusal else 422 if form.is_bound else 200
    response = render(request, "trading/signup.html", context, status=status)
    if refusal:
        response["Retry-After"] = str(seconds_to_tomorrow())
    return response


def _signed_up(request: HttpRequest, user: User, guest: User | None) -> HttpResponse:
    if guest:
        keep_guest(guest, user)
        update_session_auth_hash(request, guest)
        messages.success(request, "You have a name and a password now, and everything you had is still yours.")
        return redirect(onward(request) or "portfolio")
    make_trader(user, request)
    login(request, user, BACKEND)
    return _welcome(request, user)


def _welcome(request: HttpRequest, user: User) -> HttpResponse:
    """Send a new trader on. On a quote page the character is picked already."""
    place = onward(request)
    step = "place your order below" if place.startswith("/characters/") else "pick a character"
    messages.success(request, f"Welcome aboard. You have ฿100,000 of play money: {step}.")
    return redirect(place or "board")


class Login(LoginView):
    """Log in; who is logged in already goes on. A guest may log in to an account he has."""

    template_name = "trading/login.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Send on whoever is logged in."""
        self.redirect_authenticated_user = not _guest(request)
        return super().dispatch(request, *args, **kwargs)

    def form_invalid(self, form: Any) -> HttpResponse:
        """Show the form again, as the refusal it is."""
        response = super().form_invalid(form)
        response.status_code = 422
        return response

    def get_redirect_url(self, request: HttpRequest | None = None) -> str:
        """Return where to go on; the login page itself is no such place."""
        url = super().get_redirect_url(request)
        return "" if urlsplit(url).path == self.request.path else url


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def log_out(request: HttpRequest) -> HttpResponse:
    """Log out by a form; who only opens the address gets that form. A guest cannot come back: he is asked once more."""
    if request.method != "POST" or (_guest(request) and request.POST.get("confirm") != "yes"):
        return render(request, "trading/logout.html")
    logout(request)
    messages.success(request, "You are logged out.")
    return redirect("board")


def _guest(request: HttpRequest) -> User | None:
    user = cast("User", request.user)
    return user if user.is_authenticated and user.is_guest else None


def _too_many(request: HttpRequest, error: TooManyAccountsError) -> HttpResponse:
    return refuse(request, Refusal(429, error.code, "Too many accounts", str(error)), seconds_to_tomorrow())
