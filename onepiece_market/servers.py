"""Make sure that there are servers to talk to: embedded ones, or the caller's own."""

import subprocess
from collections.abc import Callable
from typing import Any

import psycopg
import redis
from django.conf import settings
from django.db import connections

from onepiece_market import embedded

BOOTSTRAP = embedded.DEPLOY / "postgres" / "bootstrap.sql"
PRIVILEGES = """
    SELECT current_user, r.rolsuper, r.rolbypassrls, pg_has_role(current_user, 'market_owner', 'MEMBER'),
           EXISTS (SELECT FROM pg_class c WHERE c.relowner = r.oid AND c.relkind IN ('r', 'p'))
    FROM pg_roles r WHERE r.rolname = current_user
"""


class ServerError(Exception):
    """A server is missing, unreachable or unsafe; the message is one sentence that says what to do."""


def ensure(say: embedded.Say = lambda _: None) -> Callable[[], None]:
    """Start or join the embedded servers where no URL names others, and check those that a URL names.

    Return the function that lets go of the embedded servers. Raises ServerError.
    """
    release: Callable[[], None] = lambda: None  # noqa: E731
    try:
        if settings.EMBEDDED_POSTGRES or settings.EMBEDDED_VALKEY:
            release = embedded.lease(settings.MARKET_HOME, say)
        if settings.EMBEDDED_POSTGRES:
            _bootstrap()
    except embedded.EmbeddedError as error:
        raise ServerError(str(error)) from error
    if not settings.EMBEDDED_POSTGRES:
        check_postgres("owner", "DATABASE_OWNER_URL")
        check_postgres("default", "DATABASE_URL")
    if not settings.EMBEDDED_VALKEY:
        check_redis()
    return release


def _bootstrap() -> None:
    """Run deploy/postgres/bootstrap.sql on the embedded server; it changes nothing the second time.

    Two at once would update one catalogue row: the second waits for servers.lock.
    """
    place = settings.SERVERS
    psql = [str(embedded.postgres_binary(place, "psql")), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", str(place.sockets)]
    with embedded.alone(place):
        result = subprocess.run(
            [*psql, "-U", "postgres", "postgres"], input=BOOTSTRAP.read_text(), capture_output=True, text=True, check=False
        )
    if result.returncode:
        raise embedded.EmbeddedError(f"{BOOTSTRAP} failed on the embedded server: {result.stderr.strip()}")


def check_postgres(alias: str, variable: str) -> None:
    """Connect as this alias would. Raises ServerError when that fails, when it is too old, or a `default` that may too much."""
    try:
        with psycopg.connect(**connections[alias].get_connection_params()) as connection:
            _refuse_old(connection, variable)
            if alias == "default":
                _refuse_power(connection, variable)
    except psycopg.Error as error:
        reason = " ".join(str(error).split())
        raise ServerError(f"{variable} cannot be used: {reason} (see deploy/postgres/bootstrap.sql)") from error


def _refuse_old(connection: "psycopg.Connection[Any]", variable: str) -> None:
    version = connection.info.server_version // 10000
    if version < 15:
        raise ServerError(f"{variable} is PostgreSQL {version}; the market needs 15 to 18.")


def _refuse_power(connection: "psycopg.Connection[Any]", variable: str) -> None:
    """Refuse a role that could go past row-level security."""
    role, *has = connection.execute(PRIVILEGES).fetchone() or ("", True, False, False, False)
    names = ("is a superuser", "bypasses row-level security", "is a member of market_owner", "owns tables")
    powers = [name for name, power in zip(names, has, strict=True) if power]
    if powers:
        raise ServerError(
            f"{variable} logs in as {role}, which {powers[0]}; the site must run as market_app (deploy/postgres/bootstrap.sql)."
        )


def check_redis() -> None:
    """Ping REDIS_URL. Raises ServerError."""
    try:
        client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=5, socket_connect_timeout=5)
        client.ping()
        client.close()
    except (redis.RedisError, ValueError, OSError) as error:
        raise ServerError(f"REDIS_URL cannot be reached: {error}") from error
