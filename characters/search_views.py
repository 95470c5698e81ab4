"""What the search box suggests while one types."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from characters import selectors
from characters.board import read_board_query

SECONDS = 30  # a browser may keep an answer: who types back and forth asks once


@require_safe
@cache_control(public=True, max_age=SECONDS)
def suggest(request: HttpRequest) -> HttpResponse:
    """Answer with a list of links, or with nothing when nothing readable was typed. At most one query."""
    query, _ = read_board_query(request.GET)
    rows = selectors.suggestions(query.q)
    return render(request, "characters/_suggestions.html", {"rows": rows}) if rows else HttpResponse()
