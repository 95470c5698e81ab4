"""`manage.py cache_stats`: how well each cached read does."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from redis import RedisError

from caching import stats
from caching.queries import counted, table
from caching.server import state

HEAD = f"{'read':<18}{'hits':>10}{'misses':>9}{'hit rate':>10}{'loads':>8}{'ms a load':>11}{'bytes':>9}{'waits':>7}{'past':>6}"


class Command(BaseCommand):
    """Print one line a row of caching/queries.py, and the state of the server."""

    help = (
        "Show hits, misses, loads and waits of every cached read, and the memory of the cache. "
        "What the columns say, and what to do, is on /monitoring/cache/."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take whether to print what there is instead."""
        parser.add_argument("--table", action="store_true", help="print the table of cached reads as README has it")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print. Raises CommandError when the cache does not answer."""
        if options["table"]:
            self.stdout.write(table())
            return
        try:
            counts, server = stats.totals(counted()), state()
        except RedisError as error:
            raise CommandError(f"The cache does not answer ({error}). Pages are served from PostgreSQL meanwhile.") from error
        self.stdout.write(HEAD)
        for row, of in counts.items():
            rate = "-" if of.rate is None else f"{of.rate:.1%}"
            ms = "-" if of.load_ms is None else f"{of.load_ms:.2f}"
            size = "-" if of.bytes_a_hit is None else f"{of.bytes_a_hit:.0f}"
            self.stdout.write(
                f"{row:<18}{of.hits:>10,}{of.misses:>9,}{rate:>10}{of.loads:>8,}{ms:>11}{size:>9}{of.waits:>7,}{of.bypasses:>6,}"
            )
        self.stdout.write(
            f"{server.version}: {server.used_mb:.1f} MB of {server.max_mb:.0f} MB, {server.keys:,} keys, "
            f"{server.evicted:,} evicted, {server.waiting} notes in the outbox"
        )
        if server.late:
            self.stderr.write(f"A note has waited for {server.late.total_seconds():.0f} s: start manage.py run_worker.")
