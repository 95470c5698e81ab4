"""Configuration: every variable is documented, every mistake is one sentence, production settings pass Django's checks."""

import ast
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.conf import settings
from django.contrib.sessions.backends.cached_db import SessionStore
from django.core.cache import caches  # noqa: TID251  the aliases themselves are tested
from redis.exceptions import ConnectionError as RedisConnectionError

ROOT = Path(settings.BASE_DIR)
VARIABLES = (
    "MARKET_HOME", "DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "SITE_URL", "SECRET_KEY", "DEBUG",
    "MARKET_TRUSTED_PROXIES", "MARKET_GUESTS_PER_DAY", "MARKET_SIGNUPS_PER_DAY", "MARKET_TICK_SECONDS", "EMAIL_URL",
)  # fmt: skip
embedded_only = pytest.mark.skipif(not settings.EMBEDDED_POSTGRES, reason="needs the embedded server's roles")


def manage(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run manage.py on the servers of these tests, with these variables and no others."""
    place = {"MARKET_HOME": str(settings.MARKET_HOME)} if settings.EMBEDDED_POSTGRES or settings.EMBEDDED_VALKEY else {}
    kept = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT, env={**kept, **place, **variables}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def here(role: str, more: str = "") -> str:
    """Return the URL of the embedded server's database for this role."""
    return f"postgres://{role}@/onepiece_market?host={quote(str(settings.SERVERS.sockets), safe='')}{more}"


def both(url: str, owner: str = "") -> dict[str, str]:
    """Return the two variables that name one's own PostgreSQL."""
    return {"DATABASE_URL": url, "DATABASE_OWNER_URL": owner or url}


# --- mistakes


def fails_in_one_sentence(**variables: str) -> str:
    """Run `check` and return the sentence with which it fails."""
    result = manage("check", **variables)
    assert result.returncode == 1, result.stderr
    assert "Traceback" not in result.stderr
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    return line


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        (
            {"DATABASE_URL": "postgres://market_app@127.0.0.1/x"},
            "DATABASE_URL (role market_app) needs DATABASE_OWNER_URL",
        ),
        (both("nonsense"), "DATABASE_URL "),
        (both("mysql://market_app@127.0.0.1/x"), "DATABASE_URL must look like postgres://"),
        (both("postgres://market_app@127.0.0.1:port/x"), "DATABASE_URL must look like postgres://"),
        (both("postgres://market_app:secret@127.0.0.1:1/x"), "DATABASE_OWNER_URL cannot be "),
        ({"REDIS_URL": "http://127.0.0.1:6379"}, "REDIS_URL must look like redis://"),
        ({"REDIS_URL": ""}, "REDIS_URL must look like redis://"),
        ({"REDIS_URL": "redis://127.0.0.1:port"}, "REDIS_URL "),
        ({"REDIS_URL": "redis://127.0.0.1:1"}, "REDIS_URL cannot be "),
        ({"MARKET_GUESTS_PER_DAY": "many"}, "MARKET_GUESTS_PER_DAY must be a whole number"),
        ({"MARKET_TICK_SECONDS": "0"}, "MARKET_TICK_SECONDS must be a whole number from 1 to 86400"),
        ({"EMAIL_URL": "pigeon://loft"}, "EMAIL_URL must look like smtp"),
        ({"EMAIL_URL": "smtp://host:port"}, "EMAIL_URL must look like smtp"),
        ({"MARKET_HOME": str(ROOT / "manage.py"), "SECRET_KEY": "x" * 50}, "manage.py is not a folder."),
        ({"MARKET_HOME": str(ROOT / "manage.py")}, "manage.py"),
    ],
)
def test_a_mistake_in_a_variable_is_one_sentence(variables: dict[str, str], sentence: str) -> None:
    assert sentence in fails_in_one_sentence(**variables)


@embedded_only
@pytest.mark.parametrize(
    ("role", "owner", "sentence"),
    [
        ("market_app", "nobody_here", "DATABASE_OWNER_URL cannot be "),
        ("nobody_here", "market_owner", "DATABASE_URL cannot be "),
        (
            "postgres",
            "market_owner",
            "DATABASE_URL logs in as postgres, which is a superuser; the site must run as market_app",
        ),
        ("market_owner", "market_owner", "DATABASE_URL logs in as market_owner, which "),
    ],
)
def test_a_wrong_or_mighty_role_is_refused_in_one_sentence(role: str, owner: str, sentence: str) -> None:
    assert sentence in fails_in_one_sentence(**both(here(role), here(owner)))


@embedded_only
def test_a_connection_option_that_does_not_exist_is_refused_in_one_sentence() -> None:
    sentence = fails_in_one_sentence(**both(here("market_app", "&nonsense=1"), here("market_owner")))
    assert "DATABASE_URL cannot be " in sentence


@embedded_only
def test_the_right_roles_and_servers_pass() -> None:
    own = both(here("market_app"), here("market_owner"))
    result = manage("check", **own, REDIS_URL=f"unix://{settings.SERVERS.valkey_socket}")
    assert (result.returncode, result.stderr) == (0, "")


def test_production_settings_pass_djangos_deployment_checks() -> None:
    key = "".join(chr(33 + n) for n in range(60))
    strict = ("check", "--deploy", "--fail-level", "WARNING")
    result = manage(*strict, SITE_URL="https://market.example", SECRET_KEY=key, EMAIL_URL="smtp://mail.example:25")
    assert (result.returncode, result.stderr) == (0, "")
    assert "security.W" in manage(*strict, SITE_URL="http://market.example", SECRET_KEY=key).stderr  # the control


# --- what is read, and where


def read_by_settings() -> set[str]:
    """Return the variables that settings.py reads."""
    found: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / "onepiece_market" / "settings.py").read_text())):
        first: ast.expr | None = None
        if isinstance(node, ast.Call) and re.match(r"env(\.(?!read_env)|$)|_count$", ast.unparse(node.func)):
            first = node.args[0] if node.args else None
        elif isinstance(node, ast.Compare) and ast.unparse(node.comparators[0]) == "env.ENVIRON":
            first = node.left
        if isinstance(first, ast.Constant):
            found.add(str(first.value))
    return found


def test_the_example_lists_exactly_the_variables_that_are_read() -> None:
    listed = re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(read_by_settings())
    assert sorted(listed) == sorted(VARIABLES)


def test_the_limits_that_the_example_names_hold_without_it() -> None:
    example = dict(re.findall(r"^#(MARKET_[A-Z_]+)=([0-9]+)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert len(example) == 4
    code = f"from django.conf import settings; print(*(getattr(settings, name) for name in {list(example)}))"
    assert manage("shell", "-v0", "-c", code).stdout.split() == [*example.values()]


def test_letters_are_printed_unless_a_way_to_send_them_is_named() -> None:
    code = "from django.conf import settings; print(settings.MAILERS['default']['BACKEND'])"
    assert manage("shell", "-v0", "-c", code).stdout == "django.core.mail.backends.console.EmailBackend\n"


def tracked() -> list[str]:
    """Return the files of the repository."""
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode:
        pytest.skip("not a git repository")
    return listing.stdout.splitlines()


def test_only_settings_read_the_environment() -> None:
    reading = re.compile(r"os\.environ|getenv|environ\.Env|\benv\(|\benv\.\w+\(|_count\(")
    readers = {
        name: [line.strip() for line in (ROOT / name).read_text().splitlines() if reading.search(line)]
        for name in tracked()
        if name.endswith(".py") and not name.startswith("tests/") and (ROOT / name).exists()
    }
    assert len(readers.pop("onepiece_market/settings.py")) >= len(VARIABLES) - 2
    choice = ['os.environ.setdefault("DJANGO_SETTINGS_MODULE", "onepiece_market.settings")']
    assert {name: lines for name, lines in readers.items() if lines} == {
        "manage.py": choice,
        "onepiece_market/wsgi.py": choice,
    }


def test_the_top_level_is_closed() -> None:
    top = {name.split("/")[0] + ("/" if "/" in name else "") for name in tracked()}
    assert {name for name in top if not name.startswith(".")} == {
        "manage.py", "onepiece_market/", "characters/", "crews/", "trading/", "caching/", "sql/", "deploy/", "tests/",
        "pyproject.toml", "README.md", "LICENSE",
    }  # fmt: skip


# --- the module's cache settings


@pytest.mark.parametrize(("alias", "database"), [("default", 1), ("sessions", 2)])
def test_each_alias_has_a_database_and_a_pool_of_its_own(alias: str, database: int) -> None:
    client = caches[alias].client.get_client()
    pool = client.connection_pool
    assert settings.CACHES[alias]["BACKEND"] == "django_redis.cache.RedisCache"
    assert pool.max_connections == 50
    given = pool.connection_kwargs
    assert given["db"] == database
    # The module has retry_on_timeout: a hung cache would cost each page two time-outs. Only a cut connection is made anew.
    assert "retry_on_timeout" not in given
    assert (given["retry"].get_retries(), given["retry"]._supported_errors) == (1, (RedisConnectionError,))
    assert (given["socket_timeout"], given["socket_connect_timeout"]) == (0.1, 0.1)
    caches[alias].set("probe", alias)
    assert client.client_info()["db"] == database
    other = caches["sessions" if alias == "default" else "default"]
    assert (caches[alias].get("probe"), other.get("probe")) == (alias, None)
    assert other.client.get_client().connection_pool is not pool


VALUES = [
    None, True, 0, -1, 2**53, 1.5, "", "Monkey D. Luffy", "ルフィ", "x" * 20_000, [], [1, "two", None], {}, {"a": {"b": [1, 2]}},
    {"rows": [{"id": n, "name": f"Character {n}", "price": f"{n}.00"} for n in range(1000)]},
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=[str(value)[:20] for value in VALUES])
def test_small_and_large_values_come_back_equal(value: Any) -> None:
    caches["default"].set("value", value)
    assert caches["default"].get("value", "a miss") == value


def test_only_large_values_are_compressed() -> None:
    cache = caches["default"]
    stored = {}
    for name, value in (("small", "y" * 8000), ("large", "y" * 8200)):
        cache.set(name, value)
        stored[name] = cache.client.get_client().get(cache.make_key(name))
    assert stored["small"] == b'"' + b"y" * 8000 + b'"'
    assert stored["large"][:1] == b"x"
    assert len(stored["large"]) < 1000


class Planted:
    """What an attacker might leave in Redis."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Raise when it is unpickled."""
        return (exec, ("raise SystemExit('a planted payload ran')",))


def test_a_planted_pickle_does_not_run() -> None:
    cache = caches["default"]
    payload = pickle.dumps(Planted())
    with pytest.raises(SystemExit):
        pickle.loads(payload)
    cache.client.get_client().set(cache.make_key("planted"), payload)
    assert cache.get("planted", "a miss") in (None, "a miss")


@pytest.mark.django_db
def test_a_session_is_in_redis_and_survives_its_loss() -> None:
    assert settings.SESSION_ENGINE == "django.contrib.sessions.backends.cached_db"
    assert settings.SESSION_CACHE_ALIAS == "sessions"
    session = SessionStore()
    session["bounty"] = 3_000_000_000
    session.save()
    assert caches["sessions"].get(session.cache_key) == {"bounty": 3_000_000_000}
    caches["sessions"].clear()
    assert SessionStore(session.session_key)["bounty"] == 3_000_000_000
