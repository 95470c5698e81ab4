"""A market of its own for a bench: the servers, the characters that come with the market, and 100,000 more."""

import io
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

MORE = 100_000
FILL = """
INSERT INTO characters (name, crew_id, description, bounty)
SELECT 'Pirate ' || n, (SELECT min(id) FROM crews) + n %% 20, 'Somebody at sea.', n * 1000 FROM generate_series(%s, %s) n
"""


@contextmanager
def market() -> Iterator[None]:
    """Make it, for this process and for those that it starts; throw it away at the end."""
    home = tempfile.mkdtemp(prefix="bench")
    os.environ |= {"MARKET_HOME": home, "DJANGO_SETTINGS_MODULE": "onepiece_market.settings"}
    import django

    django.setup()
    from django.db import connections

    from onepiece_market import servers

    release = servers.ensure()
    try:
        _fill()
        yield
    finally:
        connections.close_all()
        release()
        shutil.rmtree(home, ignore_errors=True)


def _fill() -> None:
    from django.core.management import call_command
    from django.db import connections

    from caching.relay import relay

    call_command("migrate", verbosity=0)
    call_command("load_characters", stdout=io.StringIO())
    with connections["owner"].cursor() as cursor:
        for start in range(1, MORE + 1, 50_000):
            cursor.execute(FILL, [start, min(start + 49_999, MORE)])
        cursor.execute("VACUUM ANALYZE")
    while relay():
        pass
