"""`manage.py up`: from a clone to a running market."""

import logging
import secrets
import signal
import socket
import threading
import time
from argparse import ArgumentParser
from functools import partial
from io import StringIO
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connections
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from characters.models import Character
from onepiece_market.companions import companion
from trading.models import LedgerEntry, MarketRules, MarketTick, User

WORKERS = 2
THREADS = 4
TICK = 10  # seconds
PAST = {"traders": 120, "days": 21, "seed": 1997}  # of a new market: made in seconds, and the same for everybody


def _end(server: Any, *_: Any) -> None:
    """End the server. A handler that interrupts granian's own Event.set would wait for itself: a thread sets it."""
    server.interrupt_signal = True
    threading.Thread(target=server.main_loop_interrupt.set).start()


class Command(BaseCommand):
    """Start everything and serve until Ctrl-C. Servers run already: manage.py found or started them."""

    help = "Start servers, migrate, load the characters, and serve the market."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the address to serve on, and the name of a staff account to make."""
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--admin", metavar="NAME", help="make this staff account; its password is shown once")
        parser.add_argument("--no-simulation", action="store_true", help="let a new market begin without a simulated past")

    def handle(self, *args: Any, **options: Any) -> None:
        """Bring the database up to date, then serve."""
        host, port = options["host"], options["port"]
        self._claim(host, port)
        call_command("check", databases=["default", "owner"], stdout=StringIO())
        self.stdout.write("Bringing the database up to date")
        call_command("migrate", verbosity=0, interactive=False)
        call_command("collectstatic", verbosity=0, interactive=False)
        if not Character.objects.using("owner").exists():  # later the characters are the staff's: a renamed one stays renamed
            call_command("load_characters", stdout=self.stdout, stderr=self.stderr)
        if options["admin"]:
            self._make_admin(options["admin"])
        if not MarketTick.objects.using("owner").exists():
            self._open_market(simulated=not options["no_simulation"])
        with connections["owner"].cursor() as cursor:
            cursor.execute("SELECT make_price_partitions(now(), now())")  # a tick without one fails
        connections.close_all()
        with companion("run_worker", "--tick-seconds", str(TICK), "--until-stdin-closes"):
            self._serve(host, port)
        self.stdout.write("Stopped.")

    def _open_market(self, *, simulated: bool) -> None:
        """Prepare a market before its first tick: whose votes count, and a past where nobody has traded yet."""
        if settings.EMBEDDED_POSTGRES:
            # On one's own machine nobody makes accounts by the dozen to pump a price, and who tries the market wants to see his
            # orders move it today, not in a week. Later the rule is whatever staff make it.
            MarketRules.objects.using("owner").update(min_account_days=0, min_trading_days=0)
        if simulated and not LedgerEntry.objects.using("owner").exclude(kind="opening").exists():
            self._simulate()

    def _simulate(self) -> None:
        """Give the market a past, and say so. Without one it opens all the same."""
        started = time.monotonic()
        self.stdout.write("Simulating {days} days of trading by {traders} traders, marked as such".format(**PAST), ending="")
        self.stdout.flush()
        try:
            call_command("simulate_trading", **PAST, stdout=StringIO())
        except CommandError as error:
            self.stdout.write(f": left out. {error}")
        else:
            self.stdout.write(f" ({time.monotonic() - started:.0f} s; --no-simulation leaves it out)")

    def _claim(self, host: str, port: int) -> None:
        """Make sure that the port is free. Raises CommandError."""
        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            with socket.socket(family, socket.SOCK_STREAM) as test:
                test.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                test.bind((host, port))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or "ports go from 0 to 65535"
            raise CommandError(f"Cannot serve on {host}:{port}: {reason}. Choose another with --port or --host.") from error

    def _make_admin(self, name: str) -> None:
        if User.objects.using("owner").filter(username=name).exists():
            self.stdout.write(f"The account {name} exists already; its password is unchanged.")
            return
        password = secrets.token_urlsafe(12)
        User.objects.db_manager("owner").create_superuser(name, password=password)
        self.stdout.write(f"Staff account {name}, password (shown once): {password}")

    def _serve(self, host: str, port: int) -> None:
        """Serve with granian until a signal ends it."""
        logging.getLogger("_granian").setLevel(logging.WARNING)
        server = Granian(
            "onepiece_market.wsgi:application",
            address=host,
            port=port,
            interface=Interfaces.WSGI,
            workers=WORKERS,
            blocking_threads=THREADS,
            respawn_failed_workers=True,
            workers_kill_timeout=10,
            log_level=LogLevels.warning,
        )
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # SIGHUP: a closed terminal
            server.on_startup(partial(signal.signal, number, partial(_end, server)))
        server.on_startup(lambda: self._announce(host, port))
        server.serve()
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # an impatient second Ctrl-C must not leave servers behind

    def _announce(self, host: str, port: int) -> None:
        shown = f"[{host}]" if ":" in host else host
        if settings.EMBEDDED_POSTGRES:
            self.stdout.write(f"Data is in {settings.MARKET_HOME}; deleting that folder is a factory reset.")
        self.stdout.write(f"One Piece Market is open at http://{shown}:{port} (Ctrl-C closes it)")
        self.stdout.flush()
