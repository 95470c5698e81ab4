"""Starting PostgreSQL."""

import shutil
import subprocess
import time
from pathlib import Path

import psycopg

from onepiece_market.embedded.layout import EmbeddedError, Layout, Say, log_file, postgres_binary
from onepiece_market.embedded.processes import PATIENCE_S, postgres_pid, run_as, spawn, stop_orphans, wait_for

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
INITDB_OPTIONS = ("-Upostgres", "-Atrust", "-EUTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")


def start_postgres(place: Layout, say: Say) -> None:
    """Start PostgreSQL unless it runs, making its cluster first if there is none. Hold servers.lock. Raises EmbeddedError."""
    if postgres_pid(place) is None:
        if not (place.postgres_data / "PG_VERSION").exists():
            say("Making a PostgreSQL 18 cluster")
            stop_orphans(place)
            _initdb(place)
        say("Starting PostgreSQL 18")
        _configure_postgres(place)
        # Nobody else starts it: servers.lock is ours. PostgreSQL would believe in a killed one whose parent lives on.
        (place.postgres_data / "postmaster.pid").unlink(missing_ok=True)
        (place.sockets / ".s.PGSQL.5432.lock").unlink(missing_ok=True)
        _launch_postgres(place, say)
    wait_for(lambda: _postgres_answers(place), f"PostgreSQL does not answer; its log is {log_file(place, 'postgres')}.")


def _launch_postgres(place: Layout, say: Say) -> None:
    """Start the postmaster and wait until it answers; after kill -9 wait for the old backends to leave first."""
    log = log_file(place, "postgres")
    command = [str(postgres_binary(place, "postgres")), "-D", str(place.postgres_data)]
    deadline, told = time.monotonic() + PATIENCE_S, time.monotonic()
    server = spawn(place, command, log)
    while not _postgres_answers(place):
        if server.poll() is not None:
            tail = log.read_text(errors="replace")[-600:]
            if "still in use" not in tail or time.monotonic() > deadline:
                raise EmbeddedError(f"PostgreSQL did not start. Its log, {log}, ends with:\n{tail}")
            server = spawn(place, command, log)
        if time.monotonic() > deadline:
            raise EmbeddedError(f"PostgreSQL did not start in {PATIENCE_S} s; its log is {log}.")
        if time.monotonic() - told > 2:
            say("  still starting (recovering after a crash?)")
            told = time.monotonic()
        time.sleep(0.03)


def _initdb(place: Layout) -> None:
    result = subprocess.run(
        [str(postgres_binary(place, "initdb")), "-D", str(place.postgres_data), *INITDB_OPTIONS],
        capture_output=True, text=True, cwd="/", check=False, **run_as(place),
    )  # type: ignore[call-overload]  # fmt: skip
    if result.returncode:
        shutil.rmtree(place.postgres_data, ignore_errors=True)
        raise EmbeddedError(f"PostgreSQL could not make a cluster in {place.postgres_data}: {result.stderr.strip()}")


def _configure_postgres(place: Layout) -> None:
    """Include deploy/postgres/postgresql.conf as it is (copied: the servers' user may not reach the project)."""
    shutil.copyfile(DEPLOY / "postgres" / "postgresql.conf", place.postgres_data / "market.conf")
    (place.postgres_data / "market.conf").chmod(0o644)
    socket = str(place.sockets).replace("'", "''")
    (place.postgres_data / "postgresql.conf").write_text(
        f"include 'market.conf'\nlisten_addresses = ''\nunix_socket_directories = '{socket}'\nunix_socket_permissions = 0700\n"
    )


def _postgres_answers(place: Layout) -> bool:
    try:
        psycopg.connect(host=str(place.sockets), user="postgres", dbname="postgres", connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True
