"""kill -9 of PostgreSQL under trading load: what was acknowledged is there, exactly once."""

import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from django.conf import settings

from onepiece_market import embedded
from tests.clients import EXECUTE_TRADE

pytestmark = pytest.mark.skipif(not settings.EMBEDDED_POSTGRES, reason="kills its own PostgreSQL, not yours")
ROUNDS, CLIENTS = 5, 8
ENOUGH = 60  # acknowledged trades before the kill
TRADERS = """
    INSERT INTO users (username, password, is_superuser, first_name, last_name, email, is_staff, is_active, date_joined)
    SELECT 'trader' || n, '', false, '', '', '', false, true, now() FROM generate_series(1, %s) n
"""


class Market:
    """A private market that can be killed and started again."""

    def __init__(self, home: Path) -> None:
        self.place = embedded.layout(home)
        self.environment = {**os.environ, "MARKET_HOME": str(home)}
        self.manage("migrate", "-v0")
        self.manage("load_characters")
        self.release = embedded.lease(home)
        with self.connect("market_owner") as owner:
            owner.execute(TRADERS, [CLIENTS])
            owner.execute("SELECT open_account(id) FROM users")
            self.users = [row[0] for row in owner.execute("SELECT id FROM users").fetchall()]

    def manage(self, *command: str) -> str:
        """Run a manage.py command on this market."""
        run = [sys.executable, "manage.py", *command]
        return subprocess.run(run, env=self.environment, check=True, capture_output=True, text=True, cwd=settings.BASE_DIR).stdout

    def connect(self, role: str) -> "psycopg.Connection[Any]":
        """Connect to this market's database."""
        return psycopg.connect(host=str(self.place.sockets), user=role, dbname="onepiece_market", autocommit=True)

    def kill(self) -> None:
        """Kill the postmaster and all its processes at once, as a power cut would."""
        postmaster = psutil.Process(embedded.postgres_pid(self.place) or 0)
        for process in [postmaster, *postmaster.children(recursive=True)]:
            process.kill()
        psutil.wait_procs([postmaster])

    def restart(self) -> None:
        """Start what is dead."""
        self.release()
        self.release = embedded.lease(self.place.home)


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """A market of its own, on servers of its own."""
    market = Market(tmp_path_factory.mktemp("crash"))
    yield market
    market.release()


class Load:
    """Eight clients that buy and sell without pause, and remember what was acknowledged."""

    def __init__(self, market: Market, setting: str = "") -> None:
        self.market, self.setting = market, setting
        self.acknowledged: list[tuple[int, str]] = []
        self.in_doubt: list[tuple[int, str, str]] = []
        self.enough = threading.Event()

    def client(self, user: int) -> None:
        """Trade until the server dies."""
        try:
            with self.market.connect("market_app") as connection:
                connection.execute(self.setting or "SELECT 1")
                while True:
                    for side in ("buy", "sell"):
                        self.trade(connection, user, side)
        except psycopg.OperationalError:
            return

    def trade(self, connection: "psycopg.Connection[Any]", user: int, side: str) -> None:
        """Send one order; it is in doubt until it is answered."""
        trade_id = str(uuid.uuid4())
        self.in_doubt.append((user, side, trade_id))
        with connection.transaction():
            connection.execute(f"SET LOCAL market.user_id = '{user}'")
            connection.execute(EXECUTE_TRADE, (user, 1, side, 1, trade_id))
        self.in_doubt.remove((user, side, trade_id))
        self.acknowledged.append((user, trade_id))
        if len(self.acknowledged) >= ENOUGH:
            self.enough.set()

    def run_and_kill(self) -> None:
        """Kill the server in the middle of the load, and start it again."""
        threads = [threading.Thread(target=self.client, args=(user,)) for user in self.market.users]
        for thread in threads:
            thread.start()
        assert self.enough.wait(60)
        self.market.kill()
        for thread in threads:
            thread.join(30)
        self.market.restart()

    def times_in_ledger(self) -> list[int]:
        """Return for each acknowledged trade how often the ledger has it."""
        with self.market.connect("market_owner") as owner:
            query = "SELECT count(*) FROM ledger_entries WHERE user_id = %s AND trade_id = %s::uuid"
            return [owner.execute(query, call).fetchone()[0] for call in self.acknowledged]  # type: ignore[index]


def test_every_acknowledged_trade_survives_kill_9_exactly_once(market: Market) -> None:
    """Five rounds. Calls in doubt are repeated with their id: then they are there exactly once, too."""
    for _ in range(ROUNDS):
        load = Load(market)
        load.run_and_kill()
        assert set(load.times_in_ledger()) == {1}
        with market.connect("market_app") as connection:
            for user, side, trade_id in list(load.in_doubt):
                with connection.transaction():
                    connection.execute(f"SET LOCAL market.user_id = '{user}'")
                    connection.execute(EXECUTE_TRADE, (user, 1, side, 1, trade_id))
                load.acknowledged.append((user, trade_id))
        assert set(load.times_in_ledger()) == {1}
        assert "0 mismatches" in market.manage("verify_ledger")


def test_without_synchronous_commit_acknowledged_trades_are_lost(market: Market) -> None:
    """Negative control: the same load, acknowledged before it is on disk. At most five tries."""
    lost = 0
    for _ in range(ROUNDS):
        load = Load(market, "SET synchronous_commit = off")
        load.run_and_kill()
        lost += load.times_in_ledger().count(0)
        if lost:
            break
    assert lost > 0
