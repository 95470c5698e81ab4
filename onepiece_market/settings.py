"""Settings. Every environment variable is read here and only here; `.env.example` lists them all."""

import os
import sys
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured
from django.utils.csp import CSP
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.retry import Retry

from onepiece_market import embedded
from onepiece_market.databases import database
from onepiece_market.mailers import mailer
from onepiece_market.releases import release
from onepiece_market.secret_key import kept_key

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
env.read_env(BASE_DIR / ".env")

# Tests run on servers of their own, below the same folder; so does each process of pytest-xdist, which names itself.
MARKET_HOME = Path(env.str("MARKET_HOME", str(BASE_DIR / ".local"))).expanduser().resolve()
if "pytest" in sys.modules:
    MARKET_HOME = MARKET_HOME / "test" / os.environ.get("PYTEST_XDIST_WORKER", "")


def _count(variable: str, default: int) -> int:
    """Return a whole number. Raises ImproperlyConfigured."""
    text = env.str(variable, str(default))
    if not (text.isascii() and text.isdigit()):
        raise ImproperlyConfigured(f"{variable} must be a whole number, such as {default}.")
    return int(text)


SITE_URL = env.str("SITE_URL", "http://127.0.0.1:8000")
SECRET_KEY = env.str("SECRET_KEY", "") or kept_key(MARKET_HOME)
DEBUG = env.bool("DEBUG", False)
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]", urlsplit(SITE_URL).hostname or "localhost"]
CSRF_TRUSTED_ORIGINS = [SITE_URL] if SITE_URL.startswith("https:") else []

INSTALLED_APPS = [
    "onepiece_market.desk.apps.DeskConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
    "axes",
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
    # BREACH needs a secret beside reflected text: Django masks the CSRF token anew each time and pads the answer at random.
    "django.middleware.gzip.GZipMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "onepiece_market.input.refuse_nul",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "trading.seen.note_visits",
    "django.contrib.messages.middleware.MessageMiddleware",
    "onepiece_market.refusals.explain_405",
    "trading.refusals.ExplainBusy",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
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
        "DIRS": [BASE_DIR / "onepiece_market" / "desk" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": CONTEXT_PROCESSORS},
    },
]

# PostgreSQL: `default` serves the site as market_app, `owner` migrates and serves staff commands as market_owner.
_site_url, _owner_url = env.str("DATABASE_URL", None), env.str("DATABASE_OWNER_URL", None)
EMBEDDED_POSTGRES = _site_url is None
EMBEDDED_VALKEY = "REDIS_URL" not in env.ENVIRON
SERVERS = embedded.layout(MARKET_HOME)

if not EMBEDDED_POSTGRES and _owner_url is None:
    raise ImproperlyConfigured(
        "DATABASE_URL (role market_app) needs DATABASE_OWNER_URL (role market_owner) beside it; see .env.example."
    )
DATABASES = {
    "default": {**database("market_app", "DATABASE_URL", _site_url, SERVERS), "TEST": {"MIRROR": "owner"}},
    "owner": database("market_owner", "DATABASE_OWNER_URL", None if EMBEDDED_POSTGRES else _owner_url, SERVERS),
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
            "REDIS_CLIENT_CLASS": "caching.client.GuardedRedis",
            # A connection that a restart of the server has cut is made anew once; a time-out is no reason to wait again.
            "CONNECTION_POOL_KWARGS": {
                "max_connections": 50,
                "retry": Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
            },
            "SOCKET_CONNECT_TIMEOUT": 0.1,
            "SOCKET_TIMEOUT": 0.1,
            "SERIALIZER": "caching.serializers.OrjsonSerializer",
            "COMPRESSOR": "caching.compressors.LargeZlibCompressor",
            "IGNORE_EXCEPTIONS": True,  # with the time-outs: a lost cache slows a page, it does not break it
        },
    }


CACHES = {"default": _cache(1), "sessions": _cache(2)}

# Keys of cached reads begin with the first; values belong to one release, whose code shapes them.
CACHE_SPACE = "market"
CACHE_RELEASE = release(BASE_DIR)

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
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
PASSWORD_RESET_TIMEOUT = 86_400  # seconds
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "portfolio"
LOGOUT_REDIRECT_URL = "board"

# New accounts of one address (of IPv6: one /64 network) a day.
MARKET_GUESTS_PER_DAY = _count("MARKET_GUESTS_PER_DAY", 20)
MARKET_SIGNUPS_PER_DAY = _count("MARKET_SIGNUPS_PER_DAY", 50)
MARKET_GUEST_DAYS = 7  # without a visit; then the account is closed
MARKET_TRUSTED_PROXIES = _count("MARKET_TRUSTED_PROXIES", 0)
MARKET_TICK_SECONDS = _count("MARKET_TICK_SECONDS", 60)  # from one publication of prices to the next

# Guessing passwords: counted in PostgreSQL, by name and address (trading/lockout.py adds the address alone).
AXES_HANDLER = "trading.lockout.TwoLimits"
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = 6
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False  # who keeps trying is not locked out for ever
AXES_CLIENT_IP_CALLABLE = "trading.addresses.client_address"
AXES_USERNAME_CALLABLE = "trading.lockout.login_name"
AXES_LOCKOUT_CALLABLE = "trading.lockout.locked_out"
AXES_DISABLE_ACCESS_LOG = True  # who logged in from where is nobody's business
AXES_ENABLE_ADMIN = False  # a lock ends by itself, after a quarter of an hour
AXES_VERBOSE = False  # nor the server log's
AXES_SENSITIVE_PARAMETERS = [  # not kept of a failed attempt
    "username", "ip_address", "csrfmiddlewaretoken", "code", "old_password", "new_password1", "new_password2",
]  # fmt: skip

# Letters are printed by the server unless EMAIL_URL names a way to send them.
try:
    MAILERS = {"default": mailer(env.email_url("EMAIL_URL", "consolemail://"))}
except (ImproperlyConfigured, ValueError) as error:
    raise ImproperlyConfigured("EMAIL_URL must look like smtp+tls://user:password@host:587, or consolemail://.") from error
DEFAULT_FROM_EMAIL = f"One Piece Market <noreply@{urlsplit(SITE_URL).hostname}>"

LANGUAGE_CODE = "en"
FORMAT_MODULE_PATH = "onepiece_market.formats"
TIME_ZONE = "UTC"
USE_TZ = True

# `up` collects the files of all apps into STATIC_ROOT, compressed and named by their content; wsgi.py serves them.
STATIC_URL = "/static/"
STATIC_ROOT = MARKET_HOME / "static"
_STORAGE = "django.contrib.staticfiles.storage.StaticFilesStorage"  # tests collect nothing
if "pytest" not in sys.modules:
    _STORAGE = "whitenoise.storage.CompressedManifestStaticFilesStorage"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": _STORAGE},
}

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

DATA_UPLOAD_MAX_MEMORY_SIZE = 1_048_576  # a form without its files; what a file may have is said in characters/sheets.py
FILE_UPLOAD_MAX_MEMORY_SIZE = 2_621_440  # a larger file is on disk while it is read
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
}
