"""A market of the issue before, with a trader's money in it, is opened by the code of today."""

import re
import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from tests.browser import chromium, open_page
from tests.drills.report import Row
from tests.drills.start import Market

BEFORE = "829e6ed"  # Cached reads: near the cost of a raw GET, fresh by proof
SECRET = "a-long-way-to-laugh-tale"


def run() -> list[Row]:
    """Trade in yesterday's market, stop it, start today's on the same home, sell there, verify every berry."""
    folder = Path(tempfile.mkdtemp(prefix="drill"))
    old, new = Market(folder, BEFORE), Market(folder)
    with chromium() as browser:
        old.start()
        page = enter(browser, old, "signup")
        trade(page, "buy", 4)
        before, left = cash(page), old.stop()
        took = new.start()
        page = enter(browser, new, "login")
        lost = abs(cash(page) - before)
        trade(page, "sell", 2)
    ledger = new.manage("verify_ledger")
    left += new.stop()
    shutil.rmtree(folder)
    return [
        Row("today's first start on yesterday's home", took, 90, "s", [took]),
        Row("berries that the trader lost by the upgrade", lost, 0, "berries", [lost]),
        Row("exit status of verify_ledger after a sale", ledger.returncode, 0, "", [ledger.returncode]),
        Row("processes left after Ctrl-C", left, 0, "", [left]),
    ]


def enter(browser: Browser, market: Market, how: str) -> Page:
    """Sign up or log in."""
    page = open_page(browser, f"http://127.0.0.1:{market.port}")
    page.goto(f"/{how}/")
    page.get_by_label("Username").fill("yesterday")
    for field in page.locator("main input[type=password]").all():
        field.fill(SECRET)
    page.locator("main").get_by_role("button", name=re.compile("Sign up|Log in")).click()
    expect(page.get_by_text("yesterday").first).to_be_attached()
    return page


def trade(page: Page, side: str, quantity: int) -> None:
    """Trade the first character."""
    page.goto(f"/characters/1/?action={side}&quantity={quantity}")
    page.get_by_role("button", name=re.compile("^Place order|^Buy|^Sell")).click()
    expect(page.locator(".notice").first).to_contain_text("fee")


def cash(page: Page) -> float:
    """Return the cash that the portfolio shows, in berries."""
    page.goto("/portfolio/")
    return float(page.locator("data#cash").get_attribute("value") or "nan")
