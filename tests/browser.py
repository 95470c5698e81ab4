"""A real browser: Debian's Chromium, or the one that CHROMIUM names, driven by Playwright."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WIDTHS = {"desktop": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}
THEMES = ("light", "dark")


def executable() -> str | None:
    """Return the path of a Chromium, None if there is none."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Lend a browser. Its event loop belongs to this thread meanwhile: Django's ORM refuses to work beside it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=list(FLAGS))
        yield browser
        browser.close()


def open_page(browser: Browser, url: str, width: str = "desktop", theme: str = "light", **options: Any) -> Page:
    """Return a page of a visitor whom nobody knows yet. Relative addresses start at `url`."""
    context = browser.new_context(
        base_url=url, viewport=WIDTHS[width], color_scheme=theme, has_touch=width == "phone", reduced_motion="reduce", **options
    )
    context.set_default_timeout(10_000)
    return context.new_page()
