"""What a first visit costs a browser: bytes, layout shift, largest paint on a CPU four times slower; and the first trade."""

import shutil
import statistics
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.browser import WIDTHS, chromium, open_page
from tests.drills.report import Row
from tests.drills.start import Market

PAGES = {"board": "/", "quote": "/characters/1/"}
ROUNDS = 5
OBSERVE = """
window.shift = 0; window.paint = 0;
new PerformanceObserver(list => list.getEntries().forEach(e => { if (!e.hadRecentInput) window.shift += e.value }))
    .observe({type: 'layout-shift', buffered: true});
new PerformanceObserver(list => list.getEntries().forEach(e => { window.paint = e.startTime }))
    .observe({type: 'largest-contentful-paint', buffered: true});
"""
SETTLED = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => requestIdleCallback(done))))"


def run() -> list[Row]:
    """Visit each page five times at each width, every time as a stranger with an empty cache."""
    folder = Path(tempfile.mkdtemp(prefix="drill"))
    market = Market(folder)
    market.start()
    with chromium() as browser:
        rows = [
            row
            for name, path in PAGES.items()
            for width in WIDTHS
            for row in measure(browser, f"http://127.0.0.1:{market.port}", path, width, f"{name}, {width}")
        ]
        traded = first_trade(browser, f"http://127.0.0.1:{market.port}")
    left = market.stop()
    shutil.rmtree(folder)
    rows.append(Row("landing to the first filled trade as a guest, 3 clicks", traded, 20, "s", [traded]))
    return [*rows, Row("processes left after Ctrl-C", left, 0, "", [left])]


def first_trade(browser: Browser, url: str) -> float:
    """Return the seconds that a script needs: a character, Try, Place order."""
    page = open_page(browser, url)
    started = time.monotonic()
    page.goto("/")
    page.locator(".character a.name").first.click()
    page.get_by_role("button", name="Try with ฿100,000").first.click()
    page.get_by_role("button", name="Place order").click()
    expect(page.locator(".notice").first).to_contain_text("Bought 1")
    return time.monotonic() - started


def measure(browser: Browser, url: str, path: str, width: str, what: str) -> list[Row]:
    """Return bytes, layout shift and largest paint of one page."""
    visits = [visit(browser, url, path, width) for _ in range(ROUNDS)]
    size, shift, paint = ([float(value) for value in column] for column in zip(*visits, strict=True))
    return [
        Row(f"{what}: transferred, all files", max(size), 60 * 1024, "bytes", size),
        Row(f"{what}: layout shift", max(shift), 0, "", shift),
        Row(f"{what}: largest paint at 4x CPU, median of {ROUNDS}", statistics.median(paint), 1200, "ms", paint),
    ]


def visit(browser: Browser, url: str, path: str, width: str) -> tuple[float, float, float]:
    """Open one page with an empty cache; return bytes over the wire, layout shift, and largest paint in ms."""
    page = open_page(browser, url, width)
    chrome = page.context.new_cdp_session(page)
    received: list[float] = []
    chrome.on("Network.loadingFinished", lambda event: received.append(event["encodedDataLength"]))
    chrome.send("Network.enable")
    chrome.send("Emulation.setCPUThrottlingRate", {"rate": 4})
    page.add_init_script(OBSERVE)
    page.goto(path, wait_until="networkidle")
    page.evaluate(SETTLED)
    shift, paint = page.evaluate("[window.shift, window.paint]")
    page.context.close()
    return sum(received), shift, paint
