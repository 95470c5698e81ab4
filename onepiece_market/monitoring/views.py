"""Whether this process lives, whether it can serve, and how well its cache does."""

from django.conf import settings
from django.contrib.admin.views.decorators import staff_member_required
from django.db import Error, connections
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from redis import Redis, RedisError

from caching import client, stats
from caching.queries import counted
from caching.server import state


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


@require_safe
@staff_member_required
@never_cache
def cache(request: HttpRequest) -> HttpResponse:
    """Show staff how well each cached read does, and how the cache's server is. One query."""
    context: dict[str, object] = {"breaker": client.BREAKER, "minutes": stats.MINUTES}
    try:
        context |= {"totals": stats.totals(counted()), "by_minute": stats.by_minute(counted()), "server": state()}
    except RedisError:
        context["server"] = None
    return render(request, "monitoring/cache.html", context)


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
