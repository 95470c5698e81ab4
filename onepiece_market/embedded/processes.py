"""Finding, starting and stopping server processes. Pids are never trusted alone: they are reused."""

import os
import pwd
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

from onepiece_market.embedded.layout import EmbeddedError, Layout

PATIENCE_S = 90  # crash recovery of a large database takes its time


def postgres_pid(place: Layout) -> int | None:
    """Return the postmaster's pid while it lives."""
    return living(place.postgres_data / "postmaster.pid", marks(place)[0])


def valkey_pid(place: Layout) -> int | None:
    """Return Valkey's pid while it lives."""
    return living(place.valkey_data / "valkey.pid", marks(place)[1])


def stop(place: Layout) -> None:
    """Stop both servers, whoever uses them, and wait until they are gone. Nothing acknowledged is lost."""
    for pid, ask in ((postgres_pid(place), signal.SIGINT), (valkey_pid(place), signal.SIGTERM)):  # SIGINT: fast shutdown
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, ask)
    wait_for(lambda: postgres_pid(place) is None and valkey_pid(place) is None, "The servers did not stop.")


def stop_orphans(place: Layout) -> None:
    """Stop servers that still run on files that were deleted under them (MARKET_HOME was removed meanwhile)."""
    for process in psutil.process_iter(["name", "cmdline"]):
        line = " ".join(process.info["cmdline"] or [])  # joined: Valkey writes its own, as one argument
        if process.info["name"].startswith(("postgres", "valkey")) and any(mark in line for mark in marks(place)):
            with suppress(psutil.NoSuchProcess):
                process.kill()


def wait_for(done: Callable[[], bool], otherwise: str) -> None:
    """Wait until it is done. Raises EmbeddedError with this sentence after PATIENCE_S seconds."""
    deadline = time.monotonic() + PATIENCE_S
    while not done():
        if time.monotonic() > deadline:
            raise EmbeddedError(otherwise)
        time.sleep(0.02)


def spawn(place: Layout, command: list[str], log: Path) -> subprocess.Popen[bytes]:
    """Start a server in a session of its own, so that Ctrl-C reaches us and not it."""
    with log.open("ab") as out:
        return subprocess.Popen(  # type: ignore[call-overload,no-any-return]
            command, cwd="/", stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, **run_as(place)
        )


def run_as(place: Layout) -> dict[str, object]:
    """Return the arguments of subprocess that make a program run as the servers' user, without our locks."""
    if place.user is None:
        return {}
    return {"user": place.user, "group": pwd.getpwnam(place.user).pw_gid, "extra_groups": []}


def marks(place: Layout) -> tuple[str, str]:
    """Return what the command lines of our PostgreSQL and our Valkey contain, and no other's do."""
    return f"-D {place.postgres_data}", f"unixsocket:{place.valkey_socket}"


def living(pid_file: Path, mark: str) -> int | None:
    """Return the pid in the file if that process lives and is ours: pids are reused, also by another home's servers."""
    try:
        pid = int(pid_file.read_text().split("\n", 1)[0])
        process = psutil.Process(pid)
        alive = process.status() != psutil.STATUS_ZOMBIE and mark in " ".join(process.cmdline())
    except (OSError, ValueError, psutil.Error):
        return None
    return pid if alive else None
