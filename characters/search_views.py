"""What the search box suggests while one types."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from caching.queries import SUGGESTIONS
from characters.board import read_board_query

SECONDS = 30  # a browser may keep an answer: who types back and forth asks once


@require_safe
@cache_control(public=True, max_age=SECONDS)
def suggest(request: HttpRequest) -> HttpResponse:
    """Answer with a list of links, or with nothing when nothing readable was typed. Cold at most one query, warm none."""
    query, _ = read_board_query(request.GET)
    return HttpResponse(SUGGESTIONS(query.q) if query.q else "")
