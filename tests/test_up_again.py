"""`manage.py up` again: what nobody asked for, a closed terminal, staff's edits, impatience."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import psutil
import psycopg
import pytest
from django.conf import settings

from onepiece_market import embedded
from tests.test_up import servers
from tests.up import Up

pytestmark = pytest.mark.skipif(not settings.EMBEDDED_POSTGRES, reason="tests the embedded start")


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    up = Up(tmp_path_factory.mktemp("up"))
    yield up
    if up.process and up.process.poll() is None:
        up.stop()


def ask(up: Up, statement: str) -> list[tuple[object, ...]]:
    """Run a statement as market_owner on this market's database."""
    place = embedded.layout(up.home)
    with psycopg.connect(host=str(place.sockets), user="market_owner", dbname="onepiece_market", autocommit=True) as owner:
        cursor = owner.execute(statement)
        return cursor.fetchall() if cursor.description else []


def listens(up: Up) -> set[str]:
    """Return the addresses on which the market serves."""
    assert up.process
    starter = psutil.Process(up.process.pid)
    found = [c for p in (starter, *starter.children()) for c in p.net_connections("inet") if c.status == psutil.CONN_LISTEN]
    return {c.laddr.ip for c in found if c.laddr.port == up.port}


def test_nobody_gets_an_account_that_was_not_asked_for(up: Up) -> None:
    assert "password" not in up.start()
    assert up.status() == 200
    assert ask(up, "SELECT username FROM users") == []
    assert listens(up) == {"127.0.0.1"}
    ask(up, "UPDATE characters SET description = 'Written by staff.' WHERE name = 'Nami'")


def test_a_closed_terminal_ends_everything(up: Up) -> None:
    assert up.process
    up.process.send_signal(signal.SIGHUP)
    assert up.process.wait(30) == 0
    assert servers(up) == [None, None]


def test_what_staff_wrote_survives_the_next_start(up: Up) -> None:
    up.start()
    assert ask(up, "SELECT description FROM characters WHERE name = 'Nami'") == [("Written by staff.",)]


@pytest.mark.parametrize("pause", [0.0, 0.001, 0.05])
def test_an_impatient_second_ctrl_c_leaves_nothing_behind(up: Up, pause: float) -> None:
    if up.process is None or up.process.poll() is not None:
        up.start()
    up.status()
    workers = [*up.workers(), *up.companions()]
    assert up.process
    for _ in range(20):
        if up.process.poll() is None:
            os.killpg(up.process.pid, signal.SIGINT)
        time.sleep(pause)
    up.process.wait(30)
    assert servers(up) == [None, None]
    assert not psutil.wait_procs(workers, 10)[1]


def test_eight_commands_at_once_all_find_their_servers(up: Up) -> None:
    """Each prepares the database's roles: without taking turns, two update one catalogue row and one of them fails."""
    command = [sys.executable, "manage.py", "check", "--database", "owner"]
    environment = os.environ | {"MARKET_HOME": str(up.home)}
    running = [
        subprocess.Popen(command, env=environment, cwd=settings.BASE_DIR, stderr=subprocess.PIPE, text=True) for _ in range(8)
    ]
    said = [process.communicate()[1] for process in running]
    assert [process.returncode for process in running] == [0] * 8, said
