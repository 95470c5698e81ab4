"""The site in a process of its own, served as `manage.py up` serves it: `python -m tests.bench.server PORT`."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from http.client import HTTPException

from tests.bench.wrk import Page
from tests.drills.start import HEAD

PATIENCE = 30  # seconds until a page is served, and until all has ended


class Server:
    """One server with settings of its own. A context manager: it ends with its block."""

    def __init__(self, settings: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.server", str(self.port)],
            cwd=HEAD, env=os.environ | {"DJANGO_SETTINGS_MODULE": settings}, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
        )  # fmt: skip

    def __enter__(self) -> "Server":
        """Wait until a page is served."""
        until = time.monotonic() + PATIENCE
        while True:
            try:
                Page(self.port, {}).get()
                return self
            except (OSError, HTTPException):
                if self.process.poll() is not None or time.monotonic() > until:
                    self.__exit__()
                    raise
                time.sleep(0.1)

    def __exit__(self, *error: object) -> None:
        self.process.communicate(timeout=PATIENCE)  # the end of its input is the end of its work


def main() -> None:
    """Serve until the input ends."""
    import django

    django.setup()
    from onepiece_market.management.commands.up import Command

    threading.Thread(target=_follow, daemon=True).start()
    Command()._serve("127.0.0.1", int(sys.argv[1]))


def _follow() -> None:
    os.read(0, 1)  # past sys.stdin: its lock would be held when granian forks its workers, who close it
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
