"""PostgreSQL 18 and Valkey 9 from PyPI wheels, for whoever names no servers of his own.

All processes of one MARKET_HOME share one pair of servers. Each process that uses them holds a shared lock
on the file `lease`; whoever lets go last stops them. `servers.lock` is held while starting and while stopping.
A process that dies drops its lock with its life, so a crash leaves nothing that the next start cannot clean up.
"""

import atexit
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from onepiece_market.embedded.folders import prepare_folders
from onepiece_market.embedded.layout import EmbeddedError, Layout, Say, layout, postgres_binary, wheels
from onepiece_market.embedded.postgres import DEPLOY, start_postgres
from onepiece_market.embedded.processes import postgres_pid, stop, valkey_pid
from onepiece_market.embedded.valkey import start_valkey

__all__ = [
    "DEPLOY", "EmbeddedError", "Layout", "Say", "alone", "layout", "lease", "postgres_binary", "postgres_pid", "stop",
    "valkey_pid", "wheels",
]  # fmt: skip


def lease(home: Path, say: Say = lambda _: None) -> Callable[[], None]:
    """Start the servers of this MARKET_HOME, or join those that run. Return the function that lets go of them.

    Blocks while another process starts or stops them. Letting go twice is harmless; a process that exits lets go.
    Raises EmbeddedError.
    """
    place = layout(home)
    try:
        place.home.mkdir(parents=True, exist_ok=True)
        with alone(place):
            held = (place.home / "lease").open("w")
            fcntl.flock(held, fcntl.LOCK_SH)
            prepare_folders(place)
            start_postgres(place, say)
            start_valkey(place, say)
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
    with suppress(FileNotFoundError), alone(place):
        held.close()
        with (place.home / "lease").open("w") as last:
            try:
                fcntl.flock(last, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            stop(place)


@contextmanager
def alone(place: Layout) -> Iterator[None]:
    """Keep other processes from starting, stopping or preparing these servers meanwhile: holds servers.lock."""
    with (place.home / "servers.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
