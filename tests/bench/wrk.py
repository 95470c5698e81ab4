"""Requests a second, as wrk counts them, of pages that all came whole."""

import json
import shutil
import subprocess
from http.client import HTTPConnection, HTTPMessage
from pathlib import Path
from typing import NamedTuple

CONNECTIONS = 8
SCRIPT = Path(__file__).with_suffix(".lua")
WHOLE = 0.98  # of the page's bytes an answer has at least: Django pads what it compresses by up to 100 bytes at random
Headers = dict[str, str]


class Page(NamedTuple):
    """A page to ask for, as browsers do."""

    port: int
    headers: Headers

    def get(self) -> tuple[HTTPMessage, bytes]:
        """Return what is answered. Raises RuntimeError unless that is 200."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("GET", "/", headers=self._sent)
        with connection.getresponse() as response:
            body = response.read()
        connection.close()
        if response.status != 200:
            raise RuntimeError(f"The board on port {self.port} answers {response.status}.")
        return response.headers, body

    def rate(self, seconds: float) -> float:
        """Return requests a second. Raises RuntimeError if one of them was not answered with the whole page."""
        _, body = self.get()
        headers = [f"-H{name}: {value}" for name, value in self._sent.items()]
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}", f"-s{SCRIPT}", *headers, f"http://127.0.0.1:{self.port}/"]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        counted = json.loads(said.splitlines()[-1])
        if counted["errors"] or counted["bytes"] < WHOLE * len(body) * counted["requests"]:
            raise RuntimeError(f"Not every answer of port {self.port} was the page of {len(body)} bytes: {counted}")
        return float(counted["requests"] / counted["microseconds"] * 1e6)

    @property
    def _sent(self) -> Headers:
        return {"Accept-Encoding": "gzip", **self.headers}


def require() -> None:
    """Raise SystemExit where there is no wrk."""
    if not shutil.which("wrk"):
        raise SystemExit("This bench drives the site with wrk, which is not here: apt-get install wrk")
