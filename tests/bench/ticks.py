"""What a tick costs: by rows of order flow, by characters that change, and by listings that exist.

Two databases of one server, the small one a copy of the large one before it grew: the same 1,000 characters with the same 30 days
of hourly prices change in both.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

from tests.bench.market import market, more_characters
from tests.drills.report import Row

ROUNDS, HISTORY = 7, 720
SMALL = "few_listings"
FLOW = """
INSERT INTO order_flow (user_id, trade_id, character_id, votes, created_at)
SELECT n, gen_random_uuid(), (SELECT min(id) FROM characters) + n %% %(characters)s, 1 + n %% 50 - 25 * (n %% 2), now()
FROM generate_series(1, %(rows)s) n
"""
PAST = """
INSERT INTO price_ticks (character_id, ticked_at, price, fundamental, demand, votes)
SELECT l.character_id, now() - h * interval '1 hour', l.fundamental, l.fundamental, 0, 0
FROM listings l CROSS JOIN generate_series(1, %s) h
"""


def run() -> list[Row]:
    """Make both databases, and measure side by side."""
    with market(more=712), _small():
        more_characters(713, 100_000)
        sides = {
            "1k rows": ("owner", 1_000, 300), "10k rows": ("owner", 10_000, 300), "100k rows": ("owner", 100_000, 300),
            "few": (SMALL, 1_000, 1_000), "many": ("owner", 1_000, 1_000), "10k changed": ("owner", 10_000, 10_000),
        }  # fmt: skip
        took: dict[str, list[float]] = {name: [] for name in sides}
        for _ in range(ROUNDS):
            for name, side in sides.items():
                took[name].append(_tick(*side))
    return _rows(took)


def _rows(took: dict[str, list[float]]) -> list[Row]:
    def ratio(name: str, to: str, by: float = 1) -> list[float]:
        return [a / b / by for a, b in zip(took[name], took[to], strict=True)]

    figures = [
        ("a tick of 1,000 flow rows over 300 characters of 100,000", took["1k rows"], 1000, "ms"),
        ("a flow row: 100,000 against 10,000, same 300 characters", ratio("100k rows", "10k rows", 10), 1.3, "x"),
        ("a changed character: 10,000 against 1,000 of 100,000", ratio("10k changed", "many", 10), 1.3, "x"),
        ("1,000 changed of 100,000 listings against 1,000 of 1,000", ratio("many", "few"), 1.3, "x"),
    ]
    return [Row(what, median(samples), bar, unit, samples) for what, samples, bar, unit in figures]


def _tick(alias: str, rows: int, characters: int) -> float:
    """Put flow in and tick; return how many ms the tick took, commit included."""
    from django.db import connections, transaction

    with connections[alias].cursor() as cursor:
        with transaction.atomic(using=alias):
            cursor.execute("SET LOCAL ROLE market_system")
            cursor.execute(FLOW, {"rows": rows, "characters": characters})
        cursor.execute("VACUUM ANALYZE order_flow, characters, listings, price_ticks")
        started = time.perf_counter()
        cursor.execute("SELECT tick_market() ->> 'flow_rows'")
        took = (time.perf_counter() - started) * 1000
        assert cursor.fetchone() == (str(rows),)
        return took


@contextmanager
def _small() -> Iterator[None]:
    """Copy the market as it is now into a database of its own, for as long as the block lasts."""
    from django.db import connections

    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT make_price_partitions(now() - interval '31 days', now())")
        cursor.execute(PAST, [HISTORY])
    config = connections["owner"].settings_dict
    connections.close_all()
    connections.settings["maintenance"] = {**config, "NAME": "postgres"}
    connections.settings[SMALL] = {**config, "NAME": SMALL}
    with connections["maintenance"].cursor() as cursor:
        cursor.execute(f'CREATE DATABASE {SMALL} TEMPLATE "{config["NAME"]}"')
    yield
    connections[SMALL].close()
