"""`manage.py run_worker` in a process that can be killed."""

import random
import subprocess
import sys
import threading

from tests.drills.start import HEAD


class Worker:
    """One worker. A context manager: it ends with its block."""

    def __init__(self) -> None:
        self.killed = 0  # how often
        self.start()

    def start(self) -> None:
        """Start it; wait until it works."""
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "run_worker", "--until-stdin-closes"],
            cwd=HEAD, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout
        assert "relays" in self.process.stdout.readline()

    def kill_soon(self) -> threading.Thread:
        """Kill it within 30 ms, and start another; return the thread that does."""
        thread = threading.Timer(random.uniform(0, 0.03), self._restart)
        thread.start()
        return thread

    def _restart(self) -> None:
        self.process.kill()
        self.process.communicate()
        self.killed += 1
        self.start()

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *error: object) -> None:
        self.process.communicate(timeout=30)  # the end of its input is the end of its work
