"""From a clone to a served page: a cold start, a warm one, the memory held, and what Ctrl-C leaves behind."""

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path

import psutil

from tests.drills.report import Row

PATHS = ("/", "/?q=luffy", "/?q=zollo", "/crews/", "/crews/1/", "/characters/1/", "/leaderboard/", "/signup/", "/admin/login/")
HEAD = Path(__file__).resolve().parents[2]


class Market:
    """One clone with a home and a package cache of its own."""

    def __init__(self, folder: Path, commit: str = "HEAD") -> None:
        self.clone, self.home = folder / commit, folder / "home"
        subprocess.run(["git", "clone", "-q", "--no-checkout", str(HEAD), str(self.clone)], check=True)
        subprocess.run(["git", "-C", str(self.clone), "checkout", "-q", commit], check=True)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("MARKET_", "DATABASE_", "REDIS_", "UV_", "VIRTUAL_ENV"))}
        self.environment = kept | {"MARKET_HOME": str(self.home), "UV_CACHE_DIR": str(folder / "cache")}

    def start(self) -> float:
        """Run the README's command; return the seconds until a page is served."""
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        started = time.monotonic()
        command = f"pip install -q uv && exec uv run manage.py up --port {self.port}"
        with (self.home.parent / "log").open("ab") as log:
            self.process = subprocess.Popen(
                ["bash", "-c", command], cwd=self.clone, env=self.environment, start_new_session=True, stdout=log, stderr=log
            )
        while True:
            try:
                self.get("/")
                return time.monotonic() - started
            except OSError:
                if self.process.poll() is not None or time.monotonic() - started > 300:
                    raise
                time.sleep(0.02)

    def get(self, path: str) -> None:
        """Read one page."""
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        opener.open(f"http://127.0.0.1:{self.port}{path}", timeout=20).read()

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of this market beside it."""
        command = ["uv", "run", "-q", "manage.py", *arguments]
        return subprocess.run(command, cwd=self.clone, env=self.environment, capture_output=True, text=True, check=False)

    def processes(self) -> list[psutil.Process]:
        """Return everything that belongs to this market: the command's children, and both servers with theirs."""
        servers = (self.home / "servers").resolve()
        mine = [p for p in psutil.process_iter() if any(str(f) in " ".join(_arguments(p)) for f in (servers, self.clone))]
        tree = [*mine, *(psutil.Process(self.process.pid).children(recursive=True) if self.process.poll() is None else [])]
        return list({p.pid: p for one in tree for p in (one, *one.children(recursive=True))}.values())

    def stop(self) -> int:
        """Press Ctrl-C; return how many processes are left."""
        os.killpg(self.process.pid, signal.SIGINT)
        self.process.wait(30)
        return len([p for p in self.processes() if p.status() != psutil.STATUS_ZOMBIE])


def _arguments(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


def run() -> list[Row]:
    """Start cold, walk, weigh, stop; start warm three times."""
    folder = Path(tempfile.mkdtemp(prefix="drill"))
    market = Market(folder)
    cold = market.start()
    past = float(re.findall(r"Simulating .* \(([0-9]+) s;", (folder / "log").read_text())[0])
    for path in PATHS * 20:
        market.get(path)
    weight = sum(p.memory_full_info().pss for p in market.processes()) / 1e6
    left = market.stop()
    warm = []
    for _ in range(3):
        warm.append(market.start())
        left += market.stop()
    shutil.rmtree(folder)
    return [
        Row("first start to served page, empty package cache", cold, 90, "s", [cold]),
        Row("of these for the simulated past", past, 20, "s", [past]),
        Row("second start to served page, slowest of three", max(warm), 6, "s", warm),
        Row("memory of all processes after a walk (PSS)", weight, 700, "MB", [weight]),
        Row("processes left after Ctrl-C", left, 0, "", [left]),
    ]
