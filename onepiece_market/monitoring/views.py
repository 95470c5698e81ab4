"""Whether this process lives, and whether it can serve."""

from django.conf import settings
from django.db import Error, connections
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from redis import Redis, RedisError


@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer 200 while the process lives; asks no server."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    """Answer 200 if PostgreSQL answers, else 503. Without the cache the site is slower, not down."""
    state = {"postgres": _postgres(), "cache": _cache()}
    return JsonResponse(state, status=200 if state["postgres"] == "ok" else 503)


def _postgres() -> str:
    try:
        with connections["default"].cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        return "unreachable"
    return "ok"


def _cache() -> str:
    try:
        with Redis.from_url(settings.REDIS_URL, socket_timeout=0.5, socket_connect_timeout=0.5) as client:
            client.ping()
    except RedisError:
        return "unreachable"
    return "ok"
