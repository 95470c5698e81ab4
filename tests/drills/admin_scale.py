"""The staff's desk at 200 and at 1,000,000 characters: queries and milliseconds of each page, and what an export costs."""

import os
import re
import shutil
import tempfile
import time
import tracemalloc
from statistics import median
from typing import Any

from tests.drills.report import Row

CREWS, CHARACTERS = 40_000, int(os.environ.get("DRILL_CHARACTERS", "1000000"))
ROUNDS = 5
SLOWEST = 500  # ms: what a person does not call waiting
FILL = {
    "crews": "INSERT INTO crews (name, captain) SELECT 'Crew ' || n, 'Captain ' || n FROM generate_series(%s, %s) n",
    "characters": """INSERT INTO characters (name, crew_id, epithet, aliases, description, bounty, first_chapter)
        SELECT 'Pirate ' || md5(n::text) || ' ' || n, CASE WHEN n %% 10 > 0 THEN (SELECT min(id) FROM crews) + n %% 60 END,
               'Epithet ' || n %% 5000, ARRAY['Alias ' || n], 'Somebody at sea.',
               CASE WHEN n %% 2 = 0 THEN n * 1000 END, CASE WHEN n %% 3 > 0 THEN n %% 1100 + 1 END
        FROM generate_series(%s, %s) n""",
}


def run() -> list[Row]:
    """Make a market of 200 characters, ask, make it one of a million, ask again."""
    home = tempfile.mkdtemp(prefix="drill")
    os.environ |= {"MARKET_HOME": home, "DJANGO_SETTINGS_MODULE": "onepiece_market.settings"}
    try:
        client = _market()
        _fill("crews", 1, 60)
        _fill("characters", 1, 200)
        few = {url: _ask(client, url)[0] for url in _pages()}
        _fill("crews", 61, CREWS)
        _fill("characters", 201, CHARACTERS)
        many = {url: _ask(client, url) for url in _pages()}
        return [*_rows(few, many), *_export(client)]
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _market() -> Any:
    """Start a market of its own and log a superuser in."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.test import Client

    from onepiece_market import servers
    from trading.models import User

    servers.ensure()
    call_command("migrate", verbosity=0)
    call_command("collectstatic", verbosity=0, interactive=False)
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(User.objects.db_manager("owner").create_superuser("boss"))
    return client


def _fill(table: str, first: int, last: int) -> None:
    from django.db import connections

    with connections["owner"].cursor() as cursor:
        for start in range(first, last + 1, 50_000):
            cursor.execute(FILL[table], [start, min(start + 49_999, last)])
        cursor.execute("VACUUM ANALYZE characters, crews, bounty_events, changes, listings")


def _pages() -> list[str]:
    from characters.models import Character
    from characters.work import WORK
    from crews.models import Crew

    characters, crews = "/admin/characters/character/", "/admin/crews/crew/"
    one, crew = Character.objects.earliest("id").pk, Crew.objects.earliest("id").pk
    choice = "/admin/autocomplete/?app_label=characters&model_name=character&field_name=crew&term="
    queries = ("", "o=-1", "q=pirate", "q=epithet 77", "q=5f3", "crew=crew 5", "has_bounty=no", "is_active__exact=0")
    return [
        "/admin/", *(f"{characters}?{q}" for q in queries), *(f"{characters}?work={work.key}" for work in WORK),
        f"{characters}{one}/change/", f"{characters}{one}/history/", f"{characters}add/", crews, f"{crews}?q=crew 7",
        f"{crews}{crew}/change/", f"{choice}", f"{choice}crew 7", "/admin/crews/change/", "/admin/characters/import/",
        "/admin/trading/user/", "/admin/trading/account/",
    ]  # fmt: skip


def _ask(client: Any, url: str) -> tuple[list[str], list[float]]:
    """Return the SQL of a page and the milliseconds of some rounds."""
    from django.db import connections
    from django.test.utils import CaptureQueriesContext

    client.get(url)
    samples = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        with CaptureQueriesContext(connections["default"]) as site, CaptureQueriesContext(connections["owner"]) as owner:
            assert client.get(url).status_code == 200, url
        samples.append((time.perf_counter() - started) * 1000)
    return [query["sql"] for query in (*site.captured_queries, *owner.captured_queries)], samples


def _rows(few: dict[str, list[str]], many: dict[str, tuple[list[str], list[float]]]) -> list[Row]:
    rows = []
    for url, (statements, samples) in many.items():
        rows.append(Row(f"{url}: {len(statements)} queries, ms", median(samples), SLOWEST, "ms", samples))
        if len(statements) != len(few.get(url, statements)):
            rows.append(Row(f"{url}: queries, {len(few[url])} at 200", len(statements), len(few[url]), "", []))
    every = [text for statements, _ in many.values() for text in statements]
    counts = [text for text in every if "COUNT(" in text.upper() and not re.search(r"LIMIT \d+\) subquery$", text)]
    return [*rows, Row("counts without a limit, of all pages", len(counts), 0, "", [])]


def _export(client: Any) -> list[Row]:
    """Export everything as CSV, and 100,000 rows as XLSX, with the most memory that Python held."""
    from itertools import islice

    from characters.exporting import HEADERS, rows
    from characters.sheets import write_csv, write_xlsx

    found = []
    for what, bar in (("CSV", 120), ("XLSX", 120)):
        tracemalloc.start()
        started = time.perf_counter()
        if what == "CSV":
            size = sum(len(piece) for piece in write_csv(HEADERS["characters"], islice(rows("characters"), 100_000)))
        else:
            with tempfile.TemporaryFile() as file:
                write_xlsx(HEADERS["characters"], islice(rows("characters"), 100_000), file)
                size = file.tell()
        seconds, peak = time.perf_counter() - started, tracemalloc.get_traced_memory()[1] / 1e6
        tracemalloc.stop()
        found += [
            Row(
                f"export of 100,000 characters as {what} ({size / 1e6:.0f} MB), with memory traced", seconds, bar, "s", [seconds]
            ),
            Row(f"memory of that export, peak ({what})", peak, 64, "MB", [peak]),
        ]
    return found
