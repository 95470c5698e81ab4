"""The strongest view there can be: the first address, and an answer that is made of constants."""

from django.http import HttpRequest, HttpResponse
from django.urls import path

from characters.views import board
from onepiece_market.urls import urlpatterns as site

_kept: list[tuple[bytes, dict[str, str]]] = []  # the board as this process got it at its first request


def constant(request: HttpRequest) -> HttpResponse:
    """Answer with the board's bytes and headers, from a constant."""
    if not _kept:
        answer = board(request)
        _kept.append((answer.content, dict(answer.items())))
    content, headers = _kept[0]
    return HttpResponse(content, headers=headers)


urlpatterns = [path("", constant, name="board"), *site]
