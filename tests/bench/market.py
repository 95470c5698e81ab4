"""A market of its own for a bench: the servers, the characters that come with the market, and 100,000 more."""

import io
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from tests.drills.report import under_way

MORE = 100_000
FILL = """
INSERT INTO characters (name, crew_id, description, bounty)
SELECT 'Pirate ' || n, (SELECT min(id) FROM crews) + n %% 20, 'Somebody at sea.', n * 1000 FROM generate_series(%s, %s) n
"""


@contextmanager
def market(more: int = MORE) -> Iterator[None]:
    """Make it, for this process and for those that it starts; throw it away at the end."""
    with empty_market():
        under_way(f"a market of {more:,} characters more")
        _fill(more)
        yield


@contextmanager
def empty_market() -> Iterator[None]:
    """Make one without characters."""
    home = tempfile.mkdtemp(prefix="bench")
    os.environ |= {"MARKET_HOME": home, "DJANGO_SETTINGS_MODULE": "onepiece_market.settings"}
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connections

    from onepiece_market import servers

    release = servers.ensure()
    try:
        call_command("migrate", verbosity=0)
        yield
    finally:
        connections.close_all()
        release()
        shutil.rmtree(home, ignore_errors=True)


def more_characters(first: int, last: int) -> None:
    """Add pirates with these numbers."""
    from django.db import connections

    with connections["owner"].cursor() as cursor:
        for start in range(first, last + 1, 50_000):
            cursor.execute(FILL, [start, min(start + 49_999, last)])
        cursor.execute("VACUUM ANALYZE")


def _fill(more: int) -> None:
    from django.core.management import call_command

    from caching.relay import forget_what_a_restart_revived, relay

    call_command("load_characters", stdout=io.StringIO())
    more_characters(1, more)
    forget_what_a_restart_revived()
    while relay():
        pass
