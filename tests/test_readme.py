"""README says what is true."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from caching.queries import table

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROMISES = (ROOT / "tests" / "promises.txt").read_text(encoding="utf-8")
SHOWN_BY = README.partition("| that | is shown by")[2].partition("\n## ")[0]
ELSEWHERE = """
import sys
from importlib import import_module
from pathlib import Path

import django
from django.conf import settings

def alias(location):
    options = {"REDIS_CLIENT_CLASS": "caching.client.GuardedRedis", "CONNECTION_POOL_CLASS": "caching.pool.Pool"}
    return {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": location, "OPTIONS": options}

settings.configure(
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    CACHES={"default": alias(sys.argv[1]), "sessions": alias(sys.argv[2])}, CACHE_SPACE=sys.argv[3], CACHE_RELEASE="1",
)
django.setup()

for file in Path("caching").glob("*.py"):
    import_module(f"caching.{file.stem}")

from caching.keys import any_of, raised_by
from caching.service import CacheService, cached

loads = iter(range(9))

def titles() -> int:
    return next(loads)

TITLES = cached("TITLES", titles, 60, lambda: (any_of("book"),))
found = [TITLES(), TITLES()]
CacheService.renew(raised_by("book", [1]))
print(*found, TITLES())
"""


def test_the_table_of_cached_reads_is_that_of_the_code() -> None:
    """`uv run manage.py cache_stats --table` prints it."""
    (shown,) = re.findall(r"<!-- cached reads -->\n(.*?)\n<!-- /cached reads -->", README, re.DOTALL)
    assert shown == table()


def test_the_files_that_it_says_to_copy_are_cached_reads_in_a_project_of_their_own(tmp_path: Path) -> None:
    """Loaded once, a hit, and loaded again after a renewal; without our models and without PostgreSQL."""
    (sentence,) = re.findall(r"To copy: all of `caching/` but (.*?)\. The settings", README, re.DOTALL)
    left = re.findall(r"`(\w+\.py)`", sentence)
    assert left
    (tmp_path / "caching").mkdir()
    for file in (ROOT / "caching").glob("*.py"):
        if file.name not in left:
            shutil.copy(file, tmp_path / "caching")
    (tmp_path / "elsewhere.py").write_text(ELSEWHERE)
    servers = [str(settings.CACHES[alias]["LOCATION"]) for alias in ("default", "sessions")]
    done = subprocess.run(
        [sys.executable, "elsewhere.py", *servers, f"{settings.CACHE_SPACE}-copied"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stdout == "0 0 1\n", done.stderr


@pytest.mark.parametrize("command", re.findall(r"`(uv run [^`]*)`", SHOWN_BY))
def test_what_it_says_shows_something_is_there_and_run_for_a_promise(command: str) -> None:
    named = re.findall(r"tests/\w+\.py", command) or [command.removeprefix("uv run ")]
    assert [name for name in named if name not in PROMISES] == []
    assert all((ROOT / name).exists() for name in named if name.endswith(".py"))
