"""The embedded servers: shared by processes, stopped by the last, and recovered from every crash. In homes of their own."""

import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import psycopg
import pytest
import redis
from django.conf import settings

from onepiece_market import embedded

pytestmark = pytest.mark.skipif(
    not (settings.EMBEDDED_POSTGRES and settings.EMBEDDED_VALKEY), reason="these servers are not the embedded ones"
)
ROOT = os.geteuid() == 0
HOLD = """
import sys
from pathlib import Path
from onepiece_market import embedded
release = embedded.lease(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.read()
release()
"""


class Holder:
    """A process that holds a lease until it is told to let go."""

    def __init__(self, home: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(home)],
            cwd=settings.BASE_DIR, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def wait(self) -> "Holder":
        """Wait until it has its lease."""
        assert self.process.stdout is not None
        if self.process.stdout.readline() != "ready\n":
            pytest.fail(self.process.communicate()[1])
        return self

    def let_go(self) -> None:
        """Let go, and check that it ended without a word."""
        _, complaints = self.process.communicate(timeout=60)
        assert (self.process.returncode, complaints) == (0, "")

    def die(self) -> None:
        """Die as a power cut would have it."""
        self.process.kill()
        self.process.communicate()


def hold(home: Path) -> Holder:
    """Start a process that holds a lease, and wait until it has it."""
    return Holder(home).wait()


def servers_of(home: Path) -> list[psutil.Process]:
    """Return every process that runs on the files of this home."""
    place = embedded.layout(home)
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.name().startswith(("postgres", "valkey")) and {
                p for p in (place.servers, place.sockets) if str(p) in " ".join(process.cmdline())
            }:
                found.append(process)
    return found


def pids(home: Path) -> tuple[int | None, int | None]:
    """Return the pids of both servers."""
    place = embedded.layout(home)
    return embedded.postgres_pid(place), embedded.valkey_pid(place)


def ask(home: Path, statement: str) -> list[tuple[object, ...]]:
    """Run a statement as superuser, committed."""
    place = embedded.layout(home)
    with psycopg.connect(host=str(place.sockets), user="postgres", dbname="postgres", autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def until(done: Callable[[], bool]) -> None:
    """Wait until something is so, for at most 20 seconds."""
    deadline = time.monotonic() + 20
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def answers(home: Path) -> bool:
    """Tell whether both servers answer."""
    with redis.Redis(unix_socket_path=str(embedded.layout(home).valkey_socket)) as client:
        return ask(home, "SELECT 1") == [(1,)] and bool(client.ping())


@contextmanager
def cleaned(home: Path) -> Iterator[Path]:
    """Yield a home; afterwards end what still runs on it and remove its files, wherever they are."""
    try:
        yield home
    finally:
        place = embedded.layout(home)
        for process in servers_of(home):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        for folder in (place.servers, place.sockets, home):
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def open_folder() -> Iterator[Path]:
    """Return a folder that every user may enter, unlike pytest's."""
    with tempfile.TemporaryDirectory(prefix="market-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture(scope="module")
def made(open_folder: Path) -> Iterator[Path]:
    """Return a home whose servers ran and were stopped; a cluster is made once for many tests."""
    with cleaned(open_folder / "home") as home:
        hold(home).let_go()
        yield home


@pytest.fixture
def home(made: Path) -> Iterator[Path]:
    """Return the made home, and check afterwards that the test left nothing running."""
    yield made
    assert (pids(made), servers_of(made)) == ((None, None), [])


# --- sharing


def test_two_processes_that_start_at_once_share_one_pair_of_servers(open_folder: Path) -> None:
    with cleaned(open_folder / "two") as fresh:
        holders = [Holder(fresh), Holder(fresh)]
        for holder in holders:
            holder.wait()
        first = pids(fresh)
        assert None not in first
        names = [process.name() for process in servers_of(fresh) if process.pid in first]
        assert len(names) == 2
        assert len([p for p in servers_of(fresh) if p.name().startswith("valkey")]) == 1
        holders[0].let_go()
        assert pids(fresh) == first
        assert answers(fresh)
        holders[1].let_go()
        assert (pids(fresh), servers_of(fresh)) == ((None, None), [])


def test_the_last_of_several_stops_the_servers_whoever_came_first(home: Path) -> None:
    first, second, third = hold(home), hold(home), hold(home)
    for holder in (second, first):
        holder.let_go()
        assert answers(home)
    third.let_go()
    assert servers_of(home) == []


def test_a_process_that_exits_lets_go_without_being_asked(home: Path) -> None:
    script = HOLD.replace("release()\n", "")
    done = subprocess.run(
        [sys.executable, "-c", script, str(home)],
        cwd=settings.BASE_DIR,
        input="",
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert servers_of(home) == []


def test_a_process_that_ends_while_the_last_starts_leaves_it_running_servers(home: Path) -> None:
    leaving = hold(home)
    for _ in range(2):
        coming = Holder(home)
        leaving.let_go()
        leaving = coming.wait()
        assert answers(home)
    leaving.let_go()


# --- crashes


def test_servers_of_a_killed_process_are_joined_and_stopped_by_the_next(home: Path) -> None:
    hold(home).die()
    left = pids(home)
    assert None not in left
    second = hold(home)
    assert pids(home) == left
    second.let_go()
    assert pids(home) == (None, None)


@pytest.mark.parametrize("victims", [(0,), (1,), (0, 1)], ids=["PostgreSQL", "Valkey", "both"])
def test_killed_servers_start_again_with_what_was_committed(home: Path, victims: tuple[int, ...]) -> None:
    first = hold(home)
    ask(home, "CREATE TABLE IF NOT EXISTS kept (id int)")
    ask(home, "INSERT INTO kept VALUES (1)")
    (before,) = ask(home, "SELECT count(*) FROM kept")
    running = pids(home)
    for victim in victims:
        psutil.Process(running[victim]).kill()
    until(lambda: [number for number in (0, 1) if pids(home)[number] is None] == list(victims))
    second = hold(home)
    again = pids(home)
    assert [number for number in (0, 1) if again[number] != running[number]] == list(victims)
    assert ask(home, "SELECT count(*) FROM kept") == [before]
    assert answers(home)
    first.let_go()
    assert answers(home)
    second.let_go()


def test_a_stale_pid_file_that_names_a_living_stranger_names_no_server(home: Path) -> None:
    place = embedded.layout(home)
    for pid_file in (place.postgres_data / "postmaster.pid", place.valkey_data / "valkey.pid"):
        pid_file.write_text(f"{os.getpid()}\n")
    assert pids(home) == (None, None)


def test_a_stale_pid_file_that_names_the_servers_of_another_home_blocks_nothing_and_harms_nobody(home: Path) -> None:
    place, ours = embedded.layout(home), pids(settings.MARKET_HOME)
    (place.postgres_data / "postmaster.pid").write_text(f"{ours[0]}\n")
    (place.valkey_data / "valkey.pid").write_text(f"{ours[1]}\n")
    assert pids(home) == (None, None)
    hold(home).let_go()
    assert pids(settings.MARKET_HOME) == ours


# --- homes

ASK_BOTH = """
from django.core.cache import cache
from django.db import connection
cache.set("one", 1)
print(cache.get("one"), connection.cursor().execute("SELECT 1").fetchone())
"""


def manage(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run manage.py with this MARKET_HOME."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=settings.BASE_DIR, env={**os.environ, "MARKET_HOME": str(home)}, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["x" * 150, 'it\'s "my" 家, 100% no. 7?#'], ids=["long", "quoted"])
def test_a_home_may_have_any_path(open_folder: Path, name: str) -> None:
    with cleaned(open_folder / name) as odd:
        holder = hold(odd)
        assert answers(odd)
        if len(name) < 50:  # the rest of the market takes such a path, too
            assert manage(odd, "shell", "-v", "0", "-c", ASK_BOTH).stdout == "1 (1,)\n"
        assert oct(embedded.layout(odd).sockets.stat().st_mode & 0o777) == "0o700"
        holder.let_go()
        assert servers_of(odd) == []


def test_a_socket_never_has_a_path_that_is_too_long() -> None:
    for length in range(1, 200, 7):
        sockets = embedded.layout(Path("/tmp") / ("x" * length)).sockets
        assert len(bytes(sockets / ".s.PGSQL.5432")) <= 103


@pytest.mark.skipif(not ROOT, reason="only root gives up his rights, and owns folders that are closed to the servers' user")
def test_as_root_the_servers_run_without_rights_also_below_a_folder_that_only_root_may_enter(open_folder: Path) -> None:
    private = open_folder / "private"
    private.mkdir(mode=0o700)
    with cleaned(private / "home") as closed:
        account = pwd.getpwnam(embedded.layout(closed).user or "")
        holder = hold(closed)
        assert answers(closed)
        users = [psutil.Process(pid).uids() for pid in pids(closed)]
        assert {(user.real, user.effective, user.saved) for user in users} == {(account.pw_uid,) * 3}
        assert account.pw_uid != 0
        assert embedded.layout(closed).relocated
        assert oct(private.stat().st_mode & 0o777) == "0o700"
        holder.let_go()
        reset(closed)  # its servers live elsewhere: deleting it is a factory reset all the same
        assert servers_of(closed) == []


@pytest.mark.skipif(not ROOT, reason="only root gives up his rights, and owns folders that are closed to the servers' user")
def test_as_root_the_next_start_ends_the_servers_of_a_temporary_home_that_is_gone(open_folder: Path) -> None:
    gone, private = open_folder / "gone", open_folder / "next"
    for folder in (gone, private):
        folder.mkdir(mode=0o700)
    with cleaned(gone / "home") as lost, cleaned(private / "home") as closed:
        holder = hold(lost)
        left, files = servers_of(lost), embedded.layout(lost).servers
        assert len([p for p in left if p.name().startswith("valkey")]) == 1
        holder.die()
        shutil.rmtree(gone)
        hold(closed).let_go()
        assert not psutil.wait_procs(left, 20)[1]
        assert not files.exists()


@pytest.mark.skipif(not ROOT, reason="only root has to give up his rights")
def test_as_root_the_servers_of_an_open_home_run_without_rights() -> None:
    assert {psutil.Process(pid).uids().real for pid in pids(settings.MARKET_HOME)} == {pwd.getpwnam("nobody").pw_uid}


def test_a_valkey_that_cannot_save_stops_all_the_same(home: Path) -> None:
    holder = hold(home)
    with redis.Redis(unix_socket_path=str(embedded.layout(home).valkey_socket)) as client:
        client.set("dirty", 1)
    (valkey,) = (p for p in servers_of(home) if p.name().startswith("valkey"))
    shutil.rmtree(embedded.layout(home).valkey_data)
    valkey.terminate()
    until(lambda: valkey.status() == psutil.STATUS_ZOMBIE)  # ended; its parent, the holder, has not looked yet
    holder.let_go()


def reset(home: Path) -> None:
    """Check that deleting the home is a factory reset."""
    first = hold(home)
    ask(home, "CREATE TABLE IF NOT EXISTS forgotten (id int)")
    first.let_go()
    shutil.rmtree(home)
    second = hold(home)
    assert ask(home, "SELECT count(*) FROM pg_class WHERE relname = 'forgotten'") == [(0,)]
    second.let_go()


def test_deleting_the_home_is_a_factory_reset(home: Path) -> None:
    reset(home)


def test_deleting_the_home_under_running_servers_is_a_factory_reset(home: Path) -> None:
    first = hold(home)
    ask(home, "CREATE TABLE IF NOT EXISTS forgotten (id int)")
    left = servers_of(home)
    first.die()
    shutil.rmtree(home)
    second = hold(home)
    assert ask(home, "SELECT count(*) FROM pg_class WHERE relname = 'forgotten'") == [(0,)]
    assert not {p.pid for p in left} & {p.pid for p in servers_of(home)}
    second.let_go()


def test_a_home_that_is_a_file_is_refused_in_a_sentence(open_folder: Path) -> None:
    blocked = open_folder / "blocked"
    blocked.write_text("")
    done = Holder(blocked / "home")
    _, complaints = done.process.communicate()
    assert done.process.returncode == 1
    assert complaints.splitlines()[-1].startswith("onepiece_market.embedded.layout.EmbeddedError: ")


# --- what runs, and how it is set up

POSTGRES_CONF = embedded.DEPLOY / "postgres" / "postgresql.conf"
CACHE_CONF = embedded.DEPLOY / "redis" / "cache.conf"
MODULE = {  # the course module's nine values
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "4MB",
    "maintenance_work_mem": "64MB",
    "checkpoint_completion_target": "0.9",
    "wal_buffers": "16MB",
    "default_statistics_target": "100",
    "random_page_cost": "1.1",
    "effective_io_concurrency": "200",
}
UNITS = {"kb": 2**10, "mb": 2**20, "gb": 2**30, "ms": 1, "s": 1000, "min": 60_000}


def normal(value: str) -> float | str:
    """Return a size in bytes, a time in milliseconds, a number, or the text."""
    parts = re.fullmatch(r"([0-9.]+)\s*([a-zA-Z]*)", value)
    return float(parts[1]) * UNITS.get(parts[2].lower(), 1) if parts else value


def postgres_settings() -> dict[str, str]:
    """Return what deploy/postgres/postgresql.conf says."""
    lines = (line.split("#")[0].strip() for line in POSTGRES_CONF.read_text().splitlines())
    pairs = (line.split("=", 1) for line in lines if line)
    return {name.strip(): value.strip().strip("'") for name, value in pairs}


def cache_settings() -> dict[str, str]:
    """Return what deploy/redis/cache.conf says."""
    lines = (line.split("#")[0].strip() for line in CACHE_CONF.read_text().splitlines())
    return dict(line.split(maxsplit=1) for line in lines if line)


def test_the_modules_nine_settings_are_in_the_file() -> None:
    assert MODULE.items() <= postgres_settings().items()


def test_every_setting_of_the_postgresql_file_is_in_force() -> None:
    rows = ask(settings.MARKET_HOME, "SELECT name, current_setting(name), sourcefile FROM pg_settings")
    running = {str(name): (str(value), str(file)) for name, value, file in rows}
    wanted = postgres_settings()
    assert len(wanted) >= len(MODULE)
    assert {name: normal(running[name][0]) for name in wanted} == {name: normal(value) for name, value in wanted.items()}
    assert {Path(running[name][1]).name for name in wanted} == {"market.conf"}


def test_every_setting_of_the_cache_file_is_in_force() -> None:
    with redis.Redis(unix_socket_path=str(settings.SERVERS.valkey_socket), decode_responses=True) as client:
        running = {name: client.config_get(name)[name] for name in cache_settings()}
    wanted = cache_settings()
    assert wanted.keys() >= {"maxmemory", "maxmemory-policy", "save", "appendonly", "appendfsync"}
    assert {name: normal(value) for name, value in running.items()} == {name: normal(value) for name, value in wanted.items()}


@pytest.mark.parametrize(
    ("role", "setting", "value"),
    [
        ("market_app", "statement_timeout", "5s"),
        ("market_app", "lock_timeout", "3s"),
        ("market_app", "idle_in_transaction_session_timeout", "10s"),
        ("market_owner", "idle_in_transaction_session_timeout", "5min"),
        ("market_owner", "statement_timeout", "0"),
    ],
)
def test_the_time_outs_are_on_the_roles(role: str, setting: str, value: str) -> None:
    with psycopg.connect(host=str(settings.SERVERS.sockets), user=role, dbname="onepiece_market") as connection:
        assert connection.execute("SELECT current_setting(%s)", [setting]).fetchone() == (value,)


def test_the_servers_are_postgresql_18_and_valkey_9() -> None:
    assert str(ask(settings.MARKET_HOME, "SHOW server_version")[0][0]).startswith("18.")
    with redis.Redis(unix_socket_path=str(settings.SERVERS.valkey_socket), decode_responses=True) as client:
        assert client.info("server")["valkey_version"].startswith("9.")


def test_no_server_listens_on_the_network() -> None:
    for pid in pids(settings.MARKET_HOME):
        assert [c for c in psutil.Process(pid).net_connections("inet") if c.status == psutil.CONN_LISTEN] == []
