"""Commands that run beside the site while `up` runs, and end with it."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

PATIENCE = 10  # seconds until who does not end is killed
LOOK = 0.2  # seconds between two looks whether it still runs
PAUSE = 1  # second before it is started again


@contextmanager
def companion(*command: str) -> Iterator[None]:
    """Run a manage.py command, again whenever it ends, until the block ends.

    It holds the other end of a pipe: when we are killed it reads the end, and ends, too. It is no member of our group:
    Ctrl-C reaches us, and we end it.
    """
    ended = threading.Event()
    keeper = threading.Thread(target=_keep, args=(command, ended), daemon=True)
    keeper.start()
    try:
        yield
    finally:
        ended.set()
        keeper.join()


def _keep(command: tuple[str, ...], ended: threading.Event) -> None:
    """Start, watch and end: one thread does all three, so that nothing is started that nobody ends."""
    while not ended.is_set():
        process = _start(command)
        while process.poll() is None and not ended.wait(LOOK):
            pass
        _end(process)
        ended.wait(PAUSE)


def _start(command: tuple[str, ...]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "manage.py", *command], cwd=settings.BASE_DIR, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End it if it still runs, and let go of its pipe."""
    process.terminate()
    try:
        process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
