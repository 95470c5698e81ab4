"""The cache is killed, comes back with its old files, and hangs, under traders who browse and trade: nobody is to notice."""

import os
import shutil
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median
from threading import Event

import psycopg

from caching.breaker import PAUSE
from onepiece_market import embedded
from tests.drills.report import Row, under_way
from tests.traffic import Answer, Browser, at_work, live, trader
from tests.up import Up
from tests.valkey import Embedded

TRADERS, ROUNDS, PAGES = 8, 4, 15
Samples = defaultdict[tuple[str, str], list[float]]  # by how the cache is, and who asks
BEFORE, AWAY, AFTER = 4.0, 5.0, 5.0  # seconds of load: with the cache, without it, with it again
LATE = 2.0  # seconds after which nothing old may be shown
BACK = 2 * PAUSE  # seconds until every process has asked whether the cache is back
PRICES = count(100_000)  # above every price: each gives the whole board at an address that nobody has asked for


def run() -> list[Row]:
    """Kill and hang the cache of a market that is used, then verify its books."""
    home = Path(tempfile.mkdtemp(prefix="drill"))
    os.environ["DJANGO_SETTINGS_MODULE"] = "onepiece_market.settings"
    up, cache = Up(home), Embedded(home)
    up.start()
    try:
        up.status()
        traders = [trader(up.url, f"trader{n}") for n in range(TRADERS)]
        rows = [*killed(up, cache, traders), *hung(up, cache, traders)]
        lost = sum(any(answer.shows_a_stranger for answer in one.answers) for one in traders)
        return [*rows, Row(f"traders who were logged out, of {TRADERS}", lost, 0, "", []), books(up)]
    finally:
        up.stop()
        shutil.rmtree(home, ignore_errors=True)


def killed(up: Up, cache: Embedded, traders: list[Browser]) -> list[Row]:
    """Kill the cache under load, rename somebody by SQL meanwhile, and start it again with its old files."""
    under_way("the cache is killed under load, and comes back")
    (star, name), *others = sql(
        up, "SELECT id, name FROM characters WHERE is_tradeable ORDER BY market_cap DESC, id DESC LIMIT 20"
    )
    visitors = {path: Browser(up.url) for path in ("/", f"/characters/{star}/")}
    loads = [partial(live, one, [pk for pk, _ in others], seed) for seed, one in enumerate(traders)]
    with at_work([*loads, *(partial(watch, visitor, path) for path, visitor in visitors.items())]):
        time.sleep(BEFORE)
        with cache.killed():
            gone = time.monotonic()
            time.sleep(AWAY / 2)
            sql(up, f"UPDATE characters SET name = 'Renamed' WHERE id = {star}")
            renamed = time.monotonic()
            time.sleep(AWAY / 2)
        back = time.monotonic()
        time.sleep(AFTER)
    answers = [answer for browser in (*traders, *visitors.values()) for answer in browser.answers]
    shown = [answer for visitor in visitors.values() for answer in visitor.answers if answer.asked > renamed]
    return [*failures(answers, gone, back), *staleness(shown, name, renamed, back)]


def failures(answers: list[Answer], gone: float, back: float) -> list[Row]:
    """Return what went wrong, and how long pages took without the cache."""
    trades = sum("Bought 1" in answer.text or "Sold 1" in answer.text for answer in answers)
    away = [answer.took * 1000 for answer in answers if gone < answer.asked < back]
    broken = [answer for answer in answers if answer.is_error]
    return [
        Row(f"killed: errors in {len(answers)} answers, {trades} orders filled", len(broken), 0, "", []),
        Row(f"killed: answers in {AWAY:g} s without the cache", len(away), 100, "", [], at_least=True),
        Row("killed: slowest of them", max(away), 2000, "ms", away),
    ]


def staleness(shown: list[Answer], name: str, renamed: float, back: float) -> list[Row]:
    """Return how many answers showed the old name, and until when."""
    old = [answer.asked for answer in shown if f"{name}<" in answer.text or "Renamed<" not in answer.text]
    late = [asked for asked in old if asked > back + LATE]
    away = max([0.0, *(asked - renamed for asked in old if asked < back)])
    again = max([0.0, *(asked - back for asked in old)])
    return [
        Row(f"killed: old names {LATE:g} s after the cache was back, in {len(shown)} pages", len(late), 0, "", []),
        Row("killed: last old name after the renaming, while the cache is away", away, LATE, "s", []),
        Row("killed: last old name after the cache was back", again, LATE, "s", []),
    ]


def hung(up: Up, cache: Embedded, traders: list[Browser]) -> list[Row]:
    """Stop the cache from answering, and compare the board with what it takes when it is killed, turn by turn."""
    under_way("the cache hangs and is killed, turn by turn")
    people, took = {"a trader": traders[0], "a visitor": Browser(up.url)}, Samples(list)
    for turn in range(ROUNDS):
        board(people, took, "flushed", before=cache.flush)
        board(people, took, "cached", times=2)
        for how, away in (("hung", cache.hung), ("killed", cache.killed))[:: 1 if turn % 2 else -1]:
            with away():
                board(people, took, f"{how} just now")
                board(people, took, how)
            time.sleep(BACK)
            for one in traders:
                one.get("/portfolio/")
    every = [ms for (how, _), found in took.items() if how.startswith("hung") for ms in found]
    first = took["hung just now", "a trader"][::PAGES]
    return [
        Row("hung: slowest first page", max(first), 300, "ms", first),
        Row(f"hung: slowest of {len(every)} pages", max(every), 300, "ms", every),
        *(compared(who, took) for who in people),
    ]


def compared(who: str, took: Samples) -> Row:
    """Return the median of the board beside the normal one."""
    hung, cached, flushed, killed = (median(took[how, who]) for how in ("hung", "cached", "flushed", "killed"))
    text = f"hung: {who}'s board, {hung:.1f} ms; normal: {killed:.1f} ms, all of it from PostgreSQL, the cache killed"
    ratio = hung / killed * 100
    return Row(f"{text} (flushed before each: {flushed:.1f} ms; cached: {cached:.1f} ms)", ratio, 120, "%", took["hung", who])


def board(people: dict[str, Browser], took: Samples, how: str, before: Callable[[], None] = lambda: None, times: int = 1) -> None:
    """Note the milliseconds of the board, at addresses that nobody has asked for: of the last time that each is asked."""
    for _ in range(PAGES):
        for who, browser in people.items():
            address = f"/?max_price={next(PRICES)}"
            for _ in range(times):
                before()
                answer = browser.get(address)
            took[how, who].append(answer.took * 1000)


def watch(visitor: Browser, path: str, ended: Event) -> None:
    """Look at one page all the time, without a session."""
    while not ended.wait(0.05):
        visitor.get(path)


def books(up: Up) -> Row:
    """Verify every berry."""
    try:
        up.manage("verify_ledger")
        status = 0
    except subprocess.CalledProcessError as error:
        status = error.returncode
    return Row("exit status of verify_ledger", status, 0, "", [status])


def sql(up: Up, statement: str) -> list[tuple[int, str]]:
    """Run a statement as market_owner."""
    place = embedded.layout(up.home)
    with psycopg.connect(host=str(place.sockets), user="market_owner", dbname="onepiece_market", autocommit=True) as owner:
        cursor = owner.execute(statement)
        return cursor.fetchall() if cursor.description else []
