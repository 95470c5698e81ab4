"""Guessing of passwords and recovery codes ends soon: django-axes counts in PostgreSQL, with two limits instead of one."""

import unicodedata
from typing import Any

from axes.attempts import get_cool_off_threshold
from axes.handlers.database import AxesDatabaseHandler
from axes.handlers.proxy import AxesProxyHandler
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth.signals import user_login_failed
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse

from trading.refusals import Refusal, refuse

ADDRESS_FACTOR = 10  # a school or a ship has one address: it may fail so many times as often as one name from one address
LOCKED = Refusal(
    429,
    "too_many_attempts",
    "Too many attempts",
    "There were too many wrong attempts from your network. Wait 15 minutes, then try again. If you have forgotten the"
    " password, choose a new one with your e-mail address or a recovery code.",
)


class TwoLimits(AxesDatabaseHandler):
    """Lock a name at an address, and, later, the whole address. A successful login forgives its own name only."""

    def get_failures(self, request: Any, credentials: dict[str, Any] | None = None) -> int:
        """Return the failures of this name from this address, or a tenth of the address's, whichever is more. Two queries."""
        pair: int = super().get_failures(request, credentials)
        attempts = AccessAttempt.objects.filter(
            ip_address=request.axes_ip_address,
            attempt_time__gte=get_cool_off_threshold(request),
        )
        address: int = attempts.aggregate(sum=Sum("failures_since_start"))["sum"] or 0
        return max(pair, address // ADDRESS_FACTOR)


def login_name(request: HttpRequest, credentials: dict[str, Any] | None = None) -> str:
    """Return the name that somebody tries to log in with, in one spelling: names are taken in any case."""
    return one_spelling(str((credentials or {}).get("username") or request.POST.get("username", "")))


def one_spelling(name: str) -> str:
    """Return a name as failed attempts are counted by it."""
    return unicodedata.normalize("NFKC", name).casefold()[:255]


def may_try(request: Any, name: str) -> bool:
    """Return whether this address may try this name now; else mark the request as refused. Two queries."""
    allowed: bool = AxesProxyHandler.is_allowed(request, {"username": name})
    if not allowed:
        request.axes_locked_out = True  # axes' middleware answers with locked_out
    return allowed


def note_failure(request: HttpRequest, name: str) -> None:
    """Count a failed attempt as a wrong password is counted."""
    user_login_failed.send(sender=__name__, credentials={"username": name}, request=request)


def locked_out(request: HttpRequest, response: HttpResponse | None = None, credentials: object = None) -> HttpResponse:
    """Answer a visitor who is locked out, also at the admin's login."""
    return refuse(request, LOCKED, int(settings.AXES_COOLOFF_TIME.total_seconds()))
