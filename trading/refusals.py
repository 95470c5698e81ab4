"""Refusals that are a page of their own: a stable code and a sentence that says what to do."""

from collections.abc import Callable
from typing import NamedTuple

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from crews.locks import is_busy


class Refusal(NamedTuple):
    """Why a request is refused."""

    status: int
    code: str
    title: str
    message: str


BUSY = Refusal(
    503,
    "busy",
    "Somebody else is changing this just now",
    "Nothing was saved: this waited too long for somebody else. Go back in your browser, and try again in a moment.",
)
AGAIN = 5  # seconds


class ExplainBusy:
    """Answer with a page where rows stay locked by somebody else. The staff's desk has a page of its own for its forms."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Tell a lock from a failure."""
        return refuse(request, BUSY, AGAIN) if is_busy(error) else None


def refuse(request: HttpRequest, refusal: Refusal, retry_after: int | None = None) -> HttpResponse:
    """Answer with the page of a refusal. retry_after: seconds."""
    response = render(request, "trading/refused.html", {"refusal": refusal}, status=refusal.status)
    if retry_after is not None:
        response["Retry-After"] = str(retry_after)
    return response
