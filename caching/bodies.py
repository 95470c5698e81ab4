"""Whole pages for visitors without a session: bytes that are the same for everybody, kept in this process for half a second.

A page is rendered for nobody: the view is given a request without cookies, session or messages. What is kept is its body,
compressed, and nothing else of the answer.
"""

import gzip
import time
from collections.abc import Callable, Sequence
from functools import wraps
from hashlib import blake2b
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.cache import get_conditional_response

from caching.copies import Copy
from caching.service import CachedRead, CacheService

View = Callable[..., HttpResponse]

MEMORY = 0.5  # seconds in this process; with OLD_MS of misses.py a body is at most a second old
MOST = 512  # bodies in this process
LEVEL = 6  # of gzip
TELLS = ("REMOTE_ADDR", "SERVER_NAME", "SERVER_PORT", "HTTP_HOST", "HTTP_X_FORWARDED_PROTO", "wsgi.url_scheme")


class Body:
    """A page's body, compressed, and its name among all others."""

    def __init__(self, compressed: bytes) -> None:
        self.compressed = compressed
        self.etag = f'W/"{blake2b(compressed, digest_size=12).hexdigest()}"'  # weak: it may be sent uncompressed
        self._headers = {"ETag": self.etag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding, Cookie"}

    def answer(self, request: HttpRequest) -> HttpResponse:
        """Answer with it, or with 304 to whom has it already. Everybody must ask again before he shows what he has kept."""
        response = self._response(request)
        if "HTTP_IF_NONE_MATCH" in request.META:
            return get_conditional_response(request, etag=self.etag, response=response) or response
        return response

    def _response(self, request: HttpRequest) -> HttpResponse:
        if "gzip" in request.META.get("HTTP_ACCEPT_ENCODING", ""):
            return HttpResponse(self.compressed, headers={**self._headers, "Content-Encoding": "gzip"})
        return HttpResponse(gzip.decompress(self.compressed), headers=self._headers)


class Kept(NamedTuple):
    """A body in this process: until when (monotonic) nobody asks whether it is fresh, and its proof for afterwards."""

    until: float
    body: Body
    copy: Copy


_memory: dict[tuple[Any, ...], Kept] = {}


class Nobody(HttpRequest):
    """A request of nobody's, over what it was asked over: Django takes one that no server has made for http."""

    def _get_scheme(self) -> str:
        return str(self.META.get("wsgi.url_scheme", "http"))


class NotSharedError(Exception):
    """The view answered with something that is not a whole page."""


def shared(row: CachedRead, *fields: str) -> Callable[[View], View]:
    """Answer visitors without a session with a body that all of them share; everybody else with the view itself.

    fields: the parameters of the address that the page depends on; with any other the view answers.
    """
    known = frozenset(fields)

    def decorate(view: View) -> View:
        @wraps(view)
        def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            asked = request.GET.dict()
            if settings.SESSION_COOKIE_NAME in request.COOKIES or not asked.keys() <= known:
                return view(request, *args, **kwargs)
            key = (f"{request.scheme}://{request.get_host()}", *kwargs.values(), *map(asked.get, fields))
            try:
                return _body(row, key, lambda: _render(view, request, args, kwargs)).answer(request)
            except NotSharedError:
                return view(request, *args, **kwargs)

        return answer

    return decorate


def forget() -> None:
    """Forget what this process keeps."""
    _memory.clear()


def _body(row: CachedRead, key: tuple[Any, ...], render: Callable[[], bytes]) -> Body:
    """Return the body from this process, from the cache, or rendered."""
    place, now = (row.name, *key), time.monotonic()
    kept = _memory.get(place)
    if kept and kept.until > now:
        return kept.body
    copy = kept.copy if kept else Copy()
    compressed = CacheService.read(row, key, may_be_old=True, timeout=row.ttl, load=render, copy=copy)
    body = kept.body if kept and kept.body.compressed == compressed else Body(compressed)  # to name it takes longer
    if len(_memory) >= MOST:
        _memory.clear()
    _memory[place] = Kept(now + MEMORY, body, copy)
    return body


def _render(view: View, request: HttpRequest, args: Sequence[Any], kwargs: dict[str, Any]) -> bytes:
    """Return the compressed body of what the view answers to nobody. Raises NotSharedError, and what the view raises."""
    nobody = Nobody()
    nobody.method, nobody.path, nobody.path_info = "GET", request.path, request.path_info
    nobody.META = {name: request.META[name] for name in TELLS if name in request.META}
    nobody.GET = QueryDict(request.GET.urlencode())
    nobody.user = AnonymousUser()
    response = view(nobody, *args, **kwargs)
    if "CSRF_COOKIE" in nobody.META or response.cookies:
        raise ImproperlyConfigured(f"{request.path} has a form with a token: it cannot be the same for everybody.")
    if response.status_code != 200:
        raise NotSharedError
    return gzip.compress(response.content, LEVEL, mtime=0)
