"""Real servers, real roles: the site's code runs as market_app, migrations as market_owner."""

import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import caches  # noqa: TID251  tests start with an empty cache, or with one of their own
from django.db import connections
from django.test import override_settings

import sql
from caching import bodies, client
from caching.breaker import Breaker
from onepiece_market import servers
from tests.valkey import Valkey

MOST_PROCESSES = 4
FLUSH = (
    "TRUNCATE users, crews, characters, order_flow, changes, imports, daily_counts, axes_accessattempt, auth_group,"
    " django_session, market_ticks RESTART IDENTITY CASCADE"
)
FORGET = "TRUNCATE cache_outbox RESTART IDENTITY"  # after it: triggers note what the flush itself empties


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Divide the whole suite among processes, each with servers of its own. Named files, and servers named by a URL, get one."""
    whole = config.args_source is not pytest.Config.ArgsSource.ARGS
    embedded = settings.EMBEDDED_POSTGRES and settings.EMBEDDED_VALKEY
    cores = os.cpu_count() or 1
    return min(cores, MOST_PROCESSES) if whole and embedded and cores > 1 else 0


def pytest_configure(config: pytest.Config) -> None:
    """Start or join the servers under MARKET_HOME/test, or check those that the environment names."""
    if config.getoption("dist", "no") == "no":  # else this process only divides the work
        servers.ensure()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every database test both roles."""
    for item in items:
        for mark in item.iter_markers("django_db"):
            mark.kwargs.setdefault("databases", ["default", "owner"])


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Let `default` connect to the database that `owner` made and migrated, as a role of its own."""
    connections["default"].settings_dict["TEST"]["MIRROR"] = None
    # After a transactional test the owner flushes for both, everything but what migrations wrote (rules, permissions).
    # Only a test database gives him back the TRUNCATE that append-only took away.
    connections["default"].ops.sql_flush = lambda *args, **kwargs: []
    connections["owner"].ops.sql_flush = lambda *args, **kwargs: [FLUSH, FORGET]
    assert connections["owner"].settings_dict["NAME"].startswith("test_"), "never touch the real database"
    with django_db_blocker.unblock(), connections["owner"].cursor() as cursor:
        cursor.execute("GRANT TRUNCATE ON ledger_entries, changes TO market_owner")
        cursor.execute("UPDATE market_rules SET min_account_days = 0, min_trading_days = 0")  # as in `up`: everybody counts
    yield
    connections["default"].close()


@pytest.fixture(autouse=True)
def _empty_cache(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leave an empty cache behind; and a breaker of its own, because one that opened for a server that is gone never closes."""
    monkeypatch.setattr(client, "BREAKER", Breaker())
    monkeypatch.setattr(bodies, "MEMORY", 0)  # half a second is longer than a test has between two pages
    bodies.forget()
    yield
    for cache in caches.all():
        cache.clear()


@pytest.fixture
def valkey(monkeypatch: pytest.MonkeyPatch) -> Iterator[Valkey]:
    """Point both aliases at a private server, with a breaker that asks every 20 ms."""
    server = Valkey()
    own = {
        name: {**config, "LOCATION": f"{server.url}?db={number}"}
        for number, (name, config) in enumerate(settings.CACHES.items(), 1)
    }
    monkeypatch.setattr(client, "BREAKER", Breaker(pause=0.02))
    try:
        with override_settings(CACHES=own):
            yield server
    finally:
        server.end()
        caches.close_all()


@pytest.fixture
def broken(transactional_db: None) -> Iterator[Callable[..., None]]:
    """Return a function that breaks a guard of a SQL function: the negative control of the test that it protects."""
    whole: list[str] = []

    def run(text: str) -> None:
        with connections["owner"].cursor() as cursor:
            cursor.execute(sql.again(text))

    def break_guard(name: str, guard: str, instead: str, version: int = 1) -> None:
        text = sql.read(f"functions/{name}", version)
        assert text.count(guard) == 1, guard
        whole.append(text)
        run(text.replace(guard, instead))

    yield break_guard
    for text in whole:
        run(text)


@pytest.fixture
def broken_trade(broken: Callable[..., None]) -> Callable[[str, str], None]:
    """Return a function that breaks a guard of execute_trade."""
    return partial(broken, "execute_trade_at")
