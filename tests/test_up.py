"""`manage.py up` as a newcomer and a careless operator meet it. Servers of its own, in a home of its own."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from django.conf import settings

from onepiece_market import embedded

pytestmark = pytest.mark.skipif(not settings.EMBEDDED_POSTGRES, reason="tests the embedded start")


class Up:
    """One home, and the command running in it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.process: subprocess.Popen[str] | None = None

    def start(self, *arguments: str) -> str:
        """Start, wait for the address, return what was said."""
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "up", "--port", str(self.port), *arguments],
            env=os.environ | {"MARKET_HOME": str(self.home)}, cwd=settings.BASE_DIR, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        said = ""
        assert self.process.stdout
        for line in self.process.stdout:
            said += line
            if "is open at" in line:
                return said
        raise AssertionError(said)

    def status(self) -> int:
        """Return the status of the board, waiting until a worker answers."""
        deadline = time.monotonic() + 20
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=5) as page:
                    return int(page.status)
            except urllib.error.HTTPError as error:
                return error.code
            except OSError:
                if time.monotonic() > deadline:
                    raise

    def workers(self) -> list[psutil.Process]:
        """Return the processes that serve."""
        assert self.process
        return [p for p in psutil.Process(self.process.pid).children() if "up" in p.cmdline()]

    def stop(self) -> int:
        """Press Ctrl-C: the signal goes to the whole group."""
        assert self.process
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(30)


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    up = Up(tmp_path_factory.mktemp("up"))
    yield up
    if up.process and up.process.poll() is None:
        up.stop()


def servers(up: Up) -> list[int | None]:
    place = embedded.layout(up.home)
    return [embedded.postgres_pid(place), embedded.valkey_pid(place)]


def test_the_first_start_says_what_it_does_and_serves(up: Up) -> None:
    said = up.start("--admin", "nami")
    for words in ("PostgreSQL 18", "Valkey 9", "Bringing the database up to date", "267 new", f"http://127.0.0.1:{up.port}"):
        assert words in said
    assert re.search(r"Staff account nami, password \(shown once\): \S{12,}", said)
    assert up.status() == 200
    assert len(up.workers()) == 2


def test_a_taken_port_is_one_sentence(up: Up) -> None:
    command = [sys.executable, "manage.py", "up", "--port", str(up.port)]
    result = subprocess.run(
        command,
        env=os.environ | {"MARKET_HOME": str(up.home)},
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert "Choose another with --port" in result.stderr
    assert "Traceback" not in result.stderr
    assert up.status() == 200


def test_a_killed_worker_is_replaced(up: Up) -> None:
    up.workers()[0].kill()
    assert {up.status() for _ in range(10)} == {200}


def test_ctrl_c_stops_everything(up: Up) -> None:
    assert all(servers(up))
    workers = up.workers()
    assert up.stop() == 0
    assert servers(up) == [None, None]
    assert not psutil.wait_procs(workers, 10)[1]


def test_a_second_start_changes_nothing_and_keeps_the_password(up: Up) -> None:
    said = up.start("--admin", "nami")
    assert "new" not in said
    assert "its password is unchanged" in said
    assert up.status() == 200


def test_after_kill_9_the_workers_leave_the_port_and_the_next_start_cleans_up(up: Up) -> None:
    workers = up.workers()
    assert up.process
    up.process.kill()
    up.process.wait(10)
    assert not psutil.wait_procs(workers, 10)[1]
    assert all(servers(up))
    up.start()
    assert up.status() == 200
    assert up.stop() == 0
    assert servers(up) == [None, None]
