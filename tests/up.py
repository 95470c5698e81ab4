"""`manage.py up` in a home of its own, for the tests that meet the site as a visitor does."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from threading import Thread

import psutil
from django.conf import settings


class Up:
    """One home, and the command running in it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.process: subprocess.Popen[str] | None = None

    def start(self, *arguments: str, simulated: bool = False) -> str:
        """Start, wait for the address, return what was said. simulated: a new market gets a past."""
        past = [] if simulated else ["--no-simulation"]
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "up", "--port", str(self.port), *past, *arguments],
            env=os.environ | {"MARKET_HOME": str(self.home)}, cwd=settings.BASE_DIR, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        said = ""
        assert self.process.stdout
        for line in self.process.stdout:
            said += line
            if "is open at" in line:
                Thread(target=self.process.stdout.read, daemon=True).start()  # a full pipe would stop the workers
                return said
        raise AssertionError(said)

    def manage(self, *arguments: str) -> None:
        """Run another command beside it."""
        command = [sys.executable, "manage.py", *arguments]
        subprocess.run(command, env=os.environ | {"MARKET_HOME": str(self.home)}, cwd=settings.BASE_DIR, check=True)

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://127.0.0.1:{self.port}"

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
        return self._children("up")

    def companions(self) -> list[psutil.Process]:
        """Return the processes that relay what is written to the cache: one, once it is up."""
        return self._children("run_worker")

    def companion(self, but: int = 0) -> psutil.Process:
        """Return the one that is not of this pid, waiting until there is one."""
        deadline = time.monotonic() + 20
        while not (found := [p for p in self.companions() if p.pid != but]):
            assert time.monotonic() < deadline
        return found[0]

    def _children(self, command: str) -> list[psutil.Process]:
        assert self.process
        return [p for p in psutil.Process(self.process.pid).children() if command in _arguments(p)]

    def stop(self) -> int:
        """Press Ctrl-C: the signal goes to the whole group."""
        assert self.process
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(30)


def _arguments(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:  # it has just ended
        return []
