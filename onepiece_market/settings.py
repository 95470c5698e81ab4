"""Settings. Every environment variable is read here and only here; `.env.example` lists them all."""

import secrets
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured
from django.utils.csp import CSP

from onepiece_market import embedded

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
env.read_env(BASE_DIR / ".env")

# Tests run on servers of their own, below the same folder.
MARKET_HOME = Path(env.str("MARKET_HOME", str(BASE_DIR / ".local"))).expanduser().resolve()
if "pytest" in sys.modules:
    MARKET_HOME /= "test"


def _secret_key() -> str:
    """Return the key kept in MARKET_HOME, made on first use; two first starts at once agree on one."""
    path = MARKET_HOME / "secret_key"
    try:
        MARKET_HOME.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(f"MARKET_HOME={MARKET_HOME} is no folder that can be used: {error.strerror}.") from error
    if not path.exists():
        mine = path.with_name(f"secret_key.{secrets.token_hex(8)}")
        mine.touch(mode=0o600)
        mine.write_text(secrets.token_urlsafe(50))
        try:
            path.hardlink_to(mine)
        except FileExistsError:
            pass
        finally:
            mine.unlink()
    return path.read_text()


SITE_URL = env.str("SITE_URL", "http://127.0.0.1:8000")
SECRET_KEY = env.str("SECRET_KEY", "") or _secret_key()
DEBUG = env.bool("DEBUG", False)
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]", urlsplit(SITE_URL).hostname or "localhost"]
CSRF_TRUSTED_ORIGINS = [SITE_URL] if SITE_URL.startswith("https:") else []

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "onepiece_market",
    "onepiece_market.lab",
    "onepiece_market.monitoring",
    "caching",
    "crews",
    "characters",
    "trading",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "onepiece_market.input.refuse_nul",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "onepiece_market.urls"
WSGI_APPLICATION = "onepiece_market.wsgi.application"

CONTEXT_PROCESSORS = [
    "django.template.context_processors.request",
    "django.contrib.auth.context_processors.auth",
    "django.contrib.messages.context_processors.messages",
]
TEMPLATES = [
    {  # the site
        "BACKEND": "django.template.backends.jinja2.Jinja2",
        "DIRS": [BASE_DIR / "onepiece_market" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "environment": "onepiece_market.jinja.environment",
            "context_processors": CONTEXT_PROCESSORS,
        },
    },
    {  # the admin
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": CONTEXT_PROCESSORS},
    },
]

# PostgreSQL: `default` serves the site as market_app, `owner` migrates and serves staff commands as market_owner.
EMBEDDED_POSTGRES = "DATABASE_URL" not in env.ENVIRON
EMBEDDED_VALKEY = "REDIS_URL" not in env.ENVIRON
SERVERS = embedded.layout(MARKET_HOME)


def _from_url(variable: str, role: str) -> dict[str, Any]:
    """Return what Django needs to connect. Raises ImproperlyConfigured."""
    try:
        url = env.str(variable)
        if url.startswith(("postgres://", "postgresql://")):
            return dict(env.db_url_config(url))
    except (ImproperlyConfigured, ValueError):
        pass
    raise ImproperlyConfigured(f"{variable} must look like postgres://{role}:password@host:5432/database.")


def _database(variable: str, role: str) -> dict[str, Any]:
    """Return one alias from its URL, or the embedded server's."""
    if EMBEDDED_POSTGRES:
        place: dict[str, Any] = {"NAME": "onepiece_market", "USER": role, "HOST": str(SERVERS.sockets), "PORT": 5432}
    else:
        place = _from_url(variable, role)
    options = {"application_name": role, "connect_timeout": 5}
    return {
        **place,
        "ENGINE": "django.db.backends.postgresql",
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,  # a restarted server costs one reconnect, not an error page
        "OPTIONS": {**place.get("OPTIONS", {}), **options},
    }


if not EMBEDDED_POSTGRES and "DATABASE_OWNER_URL" not in env.ENVIRON:
    raise ImproperlyConfigured(
        "DATABASE_URL (role market_app) needs DATABASE_OWNER_URL (role market_owner) beside it; see .env.example."
    )
DATABASES = {
    "default": {**_database("DATABASE_URL", "market_app"), "TEST": {"MIRROR": "owner"}},
    "owner": _database("DATABASE_OWNER_URL", "market_owner"),
}
DATABASE_ROUTERS = ["onepiece_market.routers.OwnerMigrates"]
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"  # the module's ids are integer

# Valkey or Redis: one database each, because django-redis aliases with one URL share a pool and its time-outs.
REDIS_URL = env.str("REDIS_URL", f"unix://{SERVERS.valkey_socket}")
if not REDIS_URL.startswith(("redis://", "rediss://", "unix://")):
    raise ImproperlyConfigured("REDIS_URL must look like redis://[user:password@]host:6379, without a database number.")


def _cache(number: int) -> dict[str, object]:
    """Return one django-redis alias on the database of this number."""
    return {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": f"{REDIS_URL.rstrip('/')}{'?db=' if REDIS_URL.startswith('unix:') else '/'}{number}",
        "OPTIONS": {
            "CLIENT_CLASS": "django_redis.client.DefaultClient",
            "CONNECTION_POOL_KWARGS": {"max_connections": 50, "retry_on_timeout": True},
            "SOCKET_CONNECT_TIMEOUT": 0.1,
            "SOCKET_TIMEOUT": 0.1,
            "SERIALIZER": "caching.serializers.OrjsonSerializer",
            "COMPRESSOR": "caching.compressors.LargeZlibCompressor",
            "IGNORE_EXCEPTIONS": True,  # with the time-outs: a lost cache slows a page, it does not break it
        },
    }


CACHES = {"default": _cache(1), "sessions": _cache(2)}

# The module keeps sessions in the cache alone; then a flushed or lost Redis logs everyone out. cached_db reads
# from Redis and falls back to PostgreSQL.
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
SESSION_CACHE_ALIAS = "sessions"

AUTH_USER_MODEL = "trading.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "portfolio"
LOGOUT_REDIRECT_URL = "board"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "/static/"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

# The admin's own pages pass the same policy.
SECURE_CSP = {
    "default-src": [CSP.SELF],
    "frame-ancestors": [CSP.NONE],
    "form-action": [CSP.SELF],
    "base-uri": [CSP.NONE],
    "object-src": [CSP.NONE],
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
if SITE_URL.startswith("https:"):
    SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = True

DATA_UPLOAD_MAX_MEMORY_SIZE = 1_048_576
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
}
