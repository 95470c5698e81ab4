"""How Django connects to PostgreSQL: as one role, to the embedded server or to the one that a URL names."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from environ import Env

from onepiece_market.embedded import Layout


def database(role: str, variable: str, url: str | None, servers: Layout) -> dict[str, Any]:
    """Return one entry of DATABASES: where the variable's URL says, embedded without one. Raises ImproperlyConfigured."""
    if url is not None:
        place = _from_url(role, variable, url)
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


def _from_url(role: str, variable: str, url: str) -> dict[str, Any]:
    try:
        if url.startswith(("postgres://", "postgresql://")):
            return dict(Env.db_url_config(url))
    except (ImproperlyConfigured, ValueError):
        pass
    raise ImproperlyConfigured(f"{variable} must look like postgres://{role}:password@host:5432/database.")
