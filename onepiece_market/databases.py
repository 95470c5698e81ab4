"""How Django connects to PostgreSQL: as one role, to the embedded server or to the one that a URL names."""

from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

from onepiece_market.embedded import Layout


def database(env: environ.Env, variable: str, role: str, servers: Layout) -> dict[str, Any]:
    """Return one entry of DATABASES. Embedded unless DATABASE_URL is set. Raises ImproperlyConfigured."""
    if "DATABASE_URL" in env.ENVIRON:
        place = _from_url(env, variable, role)
    else:
        place = {"NAME": "onepiece_market", "USER": role, "HOST": str(servers.sockets), "PORT": 5432}
    options = {"application_name": role, "connect_timeout": 5}
    return {
        **place,
        "ENGINE": "django.db.backends.postgresql",
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,  # a restarted server costs one reconnect, not an error page
        "OPTIONS": {**place.get("OPTIONS", {}), **options},
    }


def _from_url(env: environ.Env, variable: str, role: str) -> dict[str, Any]:
    try:
        url = env.str(variable)
        if url.startswith(("postgres://", "postgresql://")):
            return dict(env.db_url_config(url))
    except (ImproperlyConfigured, ValueError):
        pass
    raise ImproperlyConfigured(f"{variable} must look like postgres://{role}:password@host:5432/database.")
