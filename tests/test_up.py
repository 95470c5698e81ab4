"""`manage.py up` as a newcomer and a careless operator meet it. Servers of its own, in a home of its own."""

import gzip
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from email.message import Message

import psutil
import pytest
from django.conf import settings

from onepiece_market import embedded
from tests.up import Up

pytestmark = pytest.mark.skipif(not settings.EMBEDDED_POSTGRES, reason="tests the embedded start")


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
    said = up.start("--admin", "nami", simulated=True)
    past = "Simulating 21 days of trading by 120 traders, marked as such ("
    for words in (
        "PostgreSQL 18",
        "Valkey 9",
        "Bringing the database up to date",
        "288 new",
        past,
        f"http://127.0.0.1:{up.port}",
    ):
        assert words in said
    assert re.search(r"Staff account nami, password \(shown once\): \S{12,}", said)
    assert up.status() == 200
    assert len(up.workers()) == 2


def travelled(address: str) -> tuple[bytes, Message]:
    """Return what travels for this address, compressed as a browser asks for it, and its headers."""
    with urllib.request.urlopen(urllib.request.Request(address, headers={"Accept-Encoding": "gzip"}), timeout=10) as answer:
        return answer.read(), answer.headers


@pytest.mark.parametrize("page", ["/", "/characters/1/"])
def test_a_page_with_all_its_files_travels_in_60_kb_and_the_files_are_kept(up: Up, page: str) -> None:
    body, headers = travelled(up.url + page)
    assert headers["Content-Encoding"] == "gzip"
    files = set(re.findall(r'(?:href|src)="(/static/[^"#]+)', gzip.decompress(body).decode()))
    assert len(files) >= 4
    weights = [len(body)]
    for file in files:
        content, headers = travelled(up.url + file)
        assert headers["Content-Encoding"] == "gzip", file
        assert "immutable" in headers["Cache-Control"]
        assert "max-age=3" in headers["Cache-Control"]
        weights.append(len(content))
    assert sum(weights) <= 60_000


def test_a_file_whose_name_does_not_tell_its_content_is_not_kept_for_ever(up: Up) -> None:
    assert "immutable" not in travelled(f"{up.url}/static/market.css")[1]["Cache-Control"]


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


def test_a_killed_companion_is_started_again(up: Up) -> None:
    """Without it nothing tells the cache what is written past the ORM."""
    before = up.companion()
    before.kill()
    assert up.companion(but=before.pid).is_running()
    assert len(up.companions()) == 1


def test_ctrl_c_stops_everything(up: Up) -> None:
    assert all(servers(up))
    workers = [*up.workers(), up.companion()]
    assert up.stop() == 0
    assert servers(up) == [None, None]
    assert not psutil.wait_procs(workers, 10)[1]


def test_a_second_start_changes_nothing_and_keeps_the_password(up: Up) -> None:
    said = up.start("--admin", "nami", simulated=True)
    assert "new" not in said
    assert "Simulating" not in said
    assert "its password is unchanged" in said
    assert up.status() == 200


def test_after_kill_9_nobody_is_left_and_the_servers_are_stopped(up: Up) -> None:
    """The companion sees the end of its pipe; it is the last to let go of the servers."""
    workers = [*up.workers(), up.companion()]
    assert up.process
    up.process.kill()
    up.process.wait(10)
    assert not psutil.wait_procs(workers, 20)[1]
    assert servers(up) == [None, None]


def test_after_kill_9_of_all_the_next_start_cleans_up(up: Up) -> None:
    up.start()
    workers = [*up.workers(), up.companion()]
    assert up.process
    workers[-1].kill()
    up.process.kill()
    up.process.wait(10)
    assert not psutil.wait_procs(workers, 20)[1]
    assert all(servers(up))
    up.start()
    assert up.status() == 200
    assert up.stop() == 0
    assert servers(up) == [None, None]
