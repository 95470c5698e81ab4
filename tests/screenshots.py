"""Make the README's pictures: `uv run python -m tests.screenshots`. A market of its own, a guest who trades, a browser."""

import re
import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.browser import chromium, open_page
from tests.drills.start import HEAD, Market

FOLDER = HEAD / ".readme"
PICTURES = (
    ("board", "/", "desktop", "light"),
    ("quote", "/characters/2/", "desktop", "dark"),
    ("portfolio", "/portfolio/", "phone", "light"),
    ("crew", "/crews/1/", "phone", "dark"),
)
BOUGHT = {1: 3, 2: 12, 5: 9, 9: 20}  # character: shares


def main() -> None:
    """Photograph the committed state of the site."""
    folder = Path(tempfile.mkdtemp(prefix="pictures"))
    market = Market(folder)
    market.start()
    FOLDER.mkdir(exist_ok=True)
    with chromium() as browser:
        for name, path, width, theme in PICTURES:
            photograph(browser, f"http://127.0.0.1:{market.port}", FOLDER / f"{name}.png", path, width, theme)
    market.stop()
    shutil.rmtree(folder)


def photograph(browser: Browser, url: str, file: Path, path: str, width: str, theme: str) -> None:
    """Take one picture; the board is shown as a stranger meets it, the rest as a guest with positions."""
    page = open_page(browser, url, width, theme)
    page.goto("/")
    if path != "/":
        page.get_by_role("button", name="Try with ฿100,000").first.click()
        for character, quantity in BOUGHT.items():
            page.goto(f"/characters/{character}/?quantity={quantity}")
            page.get_by_role("button", name=re.compile("^Place order|^Buy")).click()
            expect(page.locator(".notice").first).to_contain_text("fee")
    page.goto(path)
    page.screenshot(path=file)
    page.context.close()
    print(file.relative_to(HEAD))


if __name__ == "__main__":
    main()
