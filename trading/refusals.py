"""Refusals that are a page of their own: a stable code and a sentence that says what to do."""

from typing import NamedTuple

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


class Refusal(NamedTuple):
    """Why a request is refused."""

    status: int
    code: str
    title: str
    message: str


def refuse(request: HttpRequest, refusal: Refusal, retry_after: int | None = None) -> HttpResponse:
    """Answer with the page of a refusal. retry_after: seconds."""
    response = render(request, "trading/refused.html", {"refusal": refusal}, status=refusal.status)
    if retry_after is not None:
        response["Retry-After"] = str(retry_after)
    return response
