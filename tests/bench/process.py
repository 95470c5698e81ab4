"""Programs of a bench in processes of their own. One line asks, one line answers: JSON both ways.

`python -m tests.bench.process MODULE MAKE` calls MAKE in tests.bench.MODULE, and what that returns for every line asked.
"""

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from tests.drills.start import HEAD


class Process:
    """One program, seen from the bench. A context manager: it ends with its block."""

    def __init__(self, module: str, make: str, settings: str = "onepiece_market.settings") -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.process", module, make],
            cwd=HEAD, env=os.environ | {"DJANGO_SETTINGS_MODULE": settings},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def ask(self, *words: Any) -> Any:
        """Ask and wait for the answer. Raises RuntimeError with the last line of what it said before it died."""
        self.send(*words)
        return self.answer()

    def send(self, *words: Any) -> None:
        """Ask; the answer is fetched later."""
        assert self.process.stdin
        with suppress(BrokenPipeError):  # `answer` says why
            print(json.dumps(words), file=self.process.stdin, flush=True)

    def answer(self) -> Any:
        """Return the next answer. Raises RuntimeError."""
        assert self.process.stdout
        assert self.process.stderr
        if line := self.process.stdout.readline():
            return json.loads(line)
        raise RuntimeError((self.process.stderr.read().strip().splitlines() or ["it ended"])[-1])

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *error: object) -> None:
        self.process.communicate()  # the end of its input is the end of its work


def main() -> None:
    """Answer until the input ends."""
    import django

    django.setup()
    module, make = sys.argv[1:]
    answer: Callable[..., Any] = getattr(importlib.import_module(f"tests.bench.{module}"), make)()
    for line in sys.stdin:
        print(json.dumps(answer(*json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
