"""The drawings of a character at addresses of their own: the poster, and the image for those who share a link."""

from collections.abc import Callable
from subprocess import SubprocessError

from django.http import HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_safe

from caching.queries import QUOTE
from characters.posters import poster_svg, share_png, sheet
from characters.selectors import Quote

type Draw = Callable[[Quote], str | bytes]

FRESH = "public, max-age=3600"


@require_safe
def poster(request: HttpRequest, pk: int) -> HttpResponse:
    """Answer with the WANTED poster, also of a deactivated character. Cold one query, warm none."""
    return _drawn(request, pk, poster_svg, "image/svg+xml")


@require_safe
def share(request: HttpRequest, pk: int) -> HttpResponse:
    """Answer with the image that chat apps show beside a link to the quote page. Cold one query, warm none."""
    return _drawn(request, pk, share_png, "image/png")


def _drawn(request: HttpRequest, pk: int, draw: Draw, content_type: str) -> HttpResponse:
    """Draw only for those who do not have the drawing yet: the others get 304."""
    character = QUOTE(pk)
    etag = sheet(character).etag
    response = get_conditional_response(request, etag=etag)
    if response is None:
        try:
            response = HttpResponse(draw(character), content_type=content_type)
        except SubprocessError:
            sentence = "The image cannot be drawn at the moment. Try again in a minute."
            return HttpResponse(sentence, status=503, content_type="text/plain", headers={"Retry-After": "60"})
    response["ETag"] = etag
    response["Cache-Control"] = FRESH
    return response
