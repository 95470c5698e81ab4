"""The site in a real browser, on the market that `up` starts: every page by axe, and whole visits."""

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from django.conf import settings
from django.urls import resolve
from playwright.sync_api import Browser, ConsoleMessage, Error, Page, Route, expect

from tests.browser import THEMES, WIDTHS, chromium, executable, open_page
from tests.test_pages import routes
from tests.up import Up

pytestmark = [
    pytest.mark.skipif(not settings.EMBEDDED_POSTGRES, reason="meets the market that `up` starts"),
    pytest.mark.skipif(executable() is None and "CI" not in os.environ, reason="no Chromium found: set CHROMIUM to its path"),
]
SECRET = "a-long-way-to-laugh-tale"
ARTEFACTS = settings.MARKET_HOME / "screenshots"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
STRANGER = (
    "/", "/?q=zolo", "/?q=xyzzyq", "/?sort=bounty", "/?min_price=abc", "/characters/1/", "/characters/2/", "/crews/", "/crews/1/",
    "/compare/", "/compare/?a=1&b=2", "/leaderboard/", "/fair/", "/try/", "/signup/", "/login/", "/recover/", "/reset/",
    "/nowhere/", "/crews/?sort=bounty", "/crews/?sort=name", "/characters/23/", "/reset/sent/", "/admin/login/",
)  # fmt: skip
STATUS = {"/nowhere/": 404, "/?min_price=abc": 400}  # of the pages below and above that are refusals
TRADER = (
    "/", "/characters/2/", "/portfolio/", "/history/", "/leaderboard/", "/fair/", "/account/", "/account/codes/",
    "/account/delete/", "/account/email/", "/account/password/", "/account/elsewhere/", "/logout/",
)  # fmt: skip
GUEST = ("/portfolio/", "/history/", "/fair/", "/account/", "/account/delete/", "/logout/")
STAFF = (
    "/admin/", "/admin/characters/character/", "/admin/characters/character/?q=zoro", "/admin/characters/character/1/change/",
    "/admin/characters/character/add/", "/admin/crews/crew/", "/admin/crews/crew/1/change/", "/admin/trading/user/",
    "/admin/characters/import/add/", "/admin/crews/change/", "/admin/characters/character/1/history/",
    "/admin/characters/import/", "/admin/crews/crew/add/", "/admin/crews/crew/1/history/", "/admin/trading/user/1/change/",
    "/admin/auth/group/", "/monitoring/cache/",
)  # fmt: skip

NOT_LOOKED_AT = {  # the route's name: why no page above is its
    "prices": "JSON for programs.",
    "suggest": "A fragment: it is looked at in the pages with a search box.",
    "preview": "A fragment: it is looked at in the quote page.",
    "trade": "An order is a POST: a refused one is looked at below.",
    "poster": "A drawing: the quote page shows it.",
    "share": "A picture for other sites.",
    "data_json": "A download.",
    "ledger_csv": "A download.",
    "healthz": "For load balancers.",
    "readyz": "For load balancers.",
    "password_reset_confirm": "Its address holds a secret that was sent by mail.",
}
RISEN, FALLEN = 2, 1  # characters whose prices moved
MOVED = f"""
from datetime import timedelta
from django.db.models import F
from django.utils import timezone
from characters.models import Character, Listing
for pk, change in (({RISEN}, 12.5), ({FALLEN}, -12.5)):  # since they were listed: the worker reckons the same
    listed = {{"listed_at": timezone.now() - timedelta(days=8), "listed_price": F("listed_price") / (1 + change / 100)}}
    Listing.objects.using("owner").filter(pk=pk).update(**listed)
    Character.objects.using("owner").filter(pk=pk).update(weekly_change=change)
"""

SHOWN = {  # page: what is seen on it in both themes and at both widths
    "/": ("ol.rules", "tr.character .face", "td.spark-cell svg", ".change.up", ".change.down"),
    "/crews/": ("tr.crew .mark",),
    f"/characters/{RISEN}/": ("svg.wanted", "figure.chart svg", ".change.up"),
    "/characters/23/": ("svg.wanted", "p.no-chart"),
}
VISIBLE = """found => found.some(
  e => e.checkVisibility({opacityProperty: true, visibilityProperty: true}) && e.getBoundingClientRect().height > 0)"""


class Market(NamedTuple):
    """A running market and its staff account."""

    url: str
    password: str


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    up = Up(tmp_path_factory.mktemp("browser"))
    password = re.search(r"shown once\): (\S+)", up.start("--admin", "boss"))
    assert password
    up.manage("shell", "--command", MOVED)
    yield Market(up.url, password[1])
    up.stop()


@pytest.fixture(scope="module")
def browser(market: Market) -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def stranger(browser: Browser, market: Market) -> Page:
    return open_page(browser, market.url)


@pytest.fixture(scope="module")
def trader(browser: Browser, market: Market) -> Page:
    """Return the page of a trader who was a guest, with one position."""
    page = open_page(browser, market.url)
    become_guest(page)
    buy(page, "zoro", 4)
    keep_account(page, "trader")
    return page


@pytest.fixture(scope="module")
def guest(browser: Browser, market: Market) -> Page:
    page = open_page(browser, market.url)
    become_guest(page)
    return page


@pytest.fixture(scope="module")
def boss(browser: Browser, market: Market) -> Page:
    page = open_page(browser, market.url)
    page.goto("/admin/login/")
    page.get_by_label("Username").fill("boss")
    page.get_by_label("Password").fill(market.password)
    page.get_by_role("button", name="Log in").click()
    return page


def become_guest(page: Page) -> None:
    """Press the one button of the first visit."""
    page.goto("/")
    page.get_by_role("button", name="Try with ฿100,000").first.click()


def keep_account(page: Page, name: str) -> None:
    """Sign up as the guest one is."""
    page.goto("/signup/")
    page.get_by_label("Username").fill(name)
    for field in page.locator("input[type=password]").all():
        field.fill(SECRET)
    page.get_by_role("button", name=re.compile("Sign up|Keep")).click()
    expect(page.locator(".notice").first).to_be_visible()


def buy(page: Page, words: str, quantity: int) -> None:
    """Search, open the first result, and buy."""
    page.goto(f"/?q={words}")
    page.locator(".character a.name").first.click()
    page.get_by_label("Quantity").fill(str(quantity))
    page.get_by_role("button", name=re.compile("^(Place|Buy)")).click()
    expect(page.locator(".notice").first).to_contain_text("Bought")


def faults(page: Page, *, layout_only: bool = False) -> list[str]:
    """Return axe's violations on the page as it stands, one sentence each."""
    rules: dict[str, Any] = {"type": "tag", "values": RULES}
    if layout_only:
        rules = {"type": "rule", "values": ["color-contrast", "target-size", "scrollable-region-focusable", "meta-viewport"]}
    if not page.evaluate("typeof window.axe === 'object'"):
        page.evaluate(AXE_SCRIPT)
    found = page.evaluate("options => axe.run(document, options)", {"runOnly": rules, "resultTypes": ["violations"]})
    return [f"{v['id']}: {node['html'][:120]} {node['failureSummary']}" for v in found["violations"] for node in v["nodes"]]


def sideways(page: Page) -> int:
    """Return by how many pixels the page is wider than the window."""
    return int(page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))


def moving(page: Page, motion: Any) -> int:
    """Return how many elements of the page change slowly, for those who want motion or less of it."""
    page.emulate_media(reduced_motion=motion)
    slow = (
        "e => { const s = getComputedStyle(e);"
        " return parseFloat(s.transitionDuration) > 0 || s.animationName !== 'none' || s.scrollBehavior !== 'auto'; }"
    )
    return int(page.evaluate(f"[...document.querySelectorAll('*')].filter({slow}).length"))


def inspect(page: Page, name: str) -> list[str]:
    """Return all that is wrong with a page as it stands, in both themes and at both widths; keep a picture of each."""
    page.set_viewport_size(WIDTHS["desktop"])
    page.emulate_media(color_scheme="light")
    found = faults(page)
    found += [f"{count} elements move for those who want no motion"] if (count := moving(page, "reduce")) else []
    for width, size in WIDTHS.items():
        page.set_viewport_size(size)
        for theme in THEMES:
            page.emulate_media(color_scheme=theme)
            if (width, theme) != ("desktop", "light"):  # that was looked at in full
                found += [f"{width}, {theme}: {fault}" for fault in faults(page, layout_only=True)]
            page.screenshot(path=ARTEFACTS / f"{name}-{width}-{theme}.png")
        found += [f"{width}: {sideways(page)} px sideways"] if sideways(page) > 0 else []
    page.set_viewport_size({"width": 320, "height": 640})
    found += [f"320 px: {sideways(page)} px sideways"] if sideways(page) > 0 else []
    page.set_viewport_size(WIDTHS["desktop"])
    return found


def look_at(page: Page, path: str, whose: str) -> list[str]:
    """Return all that is wrong with the page at an address, and all that it says on the console."""
    found: list[str] = []
    refused = path in STATUS  # Chromium reports the page's own status as an error

    def heard(message: ConsoleMessage) -> None:
        if message.type == "error" and not (refused and message.location["url"] == page.url):
            found.append(f"console: {message.text} ({message.location['url']})")

    def broke(error: Error) -> None:
        found.append(f"script: {error}")

    page.on("console", heard)
    page.on("pageerror", broke)
    answer = page.goto(path)
    assert answer
    assert answer.status == STATUS.get(path, 200)
    found += inspect(page, f"{whose}-{re.sub(r'\W+', '-', path).strip('-') or 'board'}")
    page.remove_listener("console", heard)
    page.remove_listener("pageerror", broke)
    return found


@pytest.fixture(scope="module", autouse=True)
def artefacts() -> Path:
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    return ARTEFACTS


@pytest.mark.parametrize("path", STRANGER)
def test_a_strangers_page_has_no_fault(stranger: Page, path: str) -> None:
    assert look_at(stranger, path, "stranger") == []


@pytest.mark.parametrize("path", TRADER)
def test_a_traders_page_has_no_fault(trader: Page, path: str) -> None:
    assert look_at(trader, path, "trader") == []


@pytest.mark.parametrize("path", GUEST)
def test_a_guests_page_has_no_fault(guest: Page, path: str) -> None:
    assert look_at(guest, path, "guest") == []


def test_a_refused_order_has_no_fault(trader: Page) -> None:
    trader.goto("/characters/1/?quantity=999999")
    trader.get_by_role("button", name="Place order").click()
    expect(trader.get_by_role("alert").first).to_be_visible()
    assert inspect(trader, "trader-refused-order") == []


@pytest.mark.parametrize(("path", "name"), [("/signup/", "no spaces"), ("/login/", "nobody")])
def test_a_refused_form_has_no_fault(stranger: Page, path: str, name: str) -> None:
    stranger.goto(path)
    stranger.get_by_label("Username").fill(name)
    for field in stranger.locator("main input[type=password]").all():
        field.fill("short")
    stranger.locator("main form").get_by_role("button").first.click()
    expect(stranger.locator("main .errorlist").first).to_be_visible()
    assert inspect(stranger, f"stranger-refused-{path.strip('/')}") == []


def test_recovery_codes_shown_once_have_no_fault(trader: Page) -> None:
    trader.goto("/account/codes/")
    trader.get_by_label(re.compile("[Pp]assword")).fill(SECRET)
    trader.locator("main").get_by_role("button").first.click()
    expect(trader.locator("main code, main li").first).to_be_visible()
    assert inspect(trader, "trader-codes-shown") == []


@pytest.mark.parametrize("bounty", ["5000000", "1_000"])
def test_the_preview_of_an_import_has_no_fault(boss: Page, bounty: str) -> None:
    sheet = f"name,description,bounty,chapter\nA New Face,At sea.,{bounty},1100\n"
    boss.goto("/admin/characters/import/add/")
    boss.locator("input[type=file]").set_input_files(
        {"name": "faces.csv", "mimeType": "text/csv", "buffer": sheet.encode()}
    )  # fmt: skip
    boss.locator("main, #content").get_by_role("button", name=re.compile("would do", re.IGNORECASE)).first.click()
    expect(boss.get_by_text("A New Face" if bounty.isdigit() else "line 2").first).to_be_visible()
    assert inspect(boss, f"staff-import-{bounty}") == []


def test_taking_a_change_back_has_no_fault(boss: Page) -> None:
    boss.goto("/admin/crews/change/")
    boss.get_by_role("link", name="Undo").first.click()
    assert inspect(boss, "staff-revert") == []


@pytest.mark.parametrize("path", STAFF)
def test_a_page_of_the_desk_has_no_fault(boss: Page, path: str) -> None:
    assert look_at(boss, path, "staff") == []


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("theme", THEMES)
def test_drawings_and_rules_of_the_game_are_visible(stranger: Page, width: str, theme: str) -> None:
    stranger.set_viewport_size(WIDTHS[width])
    stranger.emulate_media(color_scheme=theme)
    for path, places in SHOWN.items():
        stranger.goto(path)
        assert [place for place in places if not stranger.locator(place).evaluate_all(VISIBLE)] == []


def test_the_account_of_a_trader_has_no_fault_at_the_desk(boss: Page, trader: Page) -> None:
    boss.goto("/admin/trading/user/?q=trader")
    boss.get_by_role("link", name="trader", exact=True).click()
    boss.get_by_role("link", name="Cash, positions and ledger").click()
    expect(boss.get_by_role("region", name="Ledger")).to_contain_text("Roronoa Zoro")
    assert inspect(boss, "staff-account") == []


@pytest.mark.parametrize("path", ["/admin/characters/character/add/", "/admin/crews/crew/add/"])
def test_a_form_of_the_desk_with_errors_has_no_fault(boss: Page, path: str) -> None:
    boss.goto(path)
    boss.locator("input[name=_save]").first.click()
    expect(boss.locator(".errornote")).to_be_visible()
    assert inspect(boss, f"staff-refused-{path.split('/')[3]}") == []


def test_a_look_leaves_a_picture_at_each_width_in_each_theme(stranger: Page) -> None:
    pictures = [ARTEFACTS / f"stranger-nowhere-{width}-{theme}.png" for width in WIDTHS for theme in THEMES]
    for picture in pictures:
        picture.unlink(missing_ok=True)
    look_at(stranger, "/nowhere/", "stranger")
    assert [picture.stat().st_size > 1000 for picture in pictures] == [True] * 4


def test_axe_sees_a_fault(stranger: Page) -> None:
    stranger.goto("/")
    stranger.evaluate("document.querySelector('#main').append(document.createElement('button'), document.createElement('img'))")
    assert {fault.split(":")[0] for fault in faults(stranger)} >= {"image-alt", "button-name"}


def style(page: Page, rules: str) -> None:
    """Add rules to a page, past its policy."""
    page.evaluate("rules => { const s = new CSSStyleSheet(); s.replaceSync(rules); document.adoptedStyleSheets = [s]; }", rules)


def test_a_fault_of_one_theme_at_one_width_is_seen_there_and_only_there(stranger: Page) -> None:
    stranger.goto("/login/")
    rules, spots = "", [f"{width}-{theme}" for width in WIDTHS for theme in THEMES]
    for spot, limit in zip(spots, ["min-width: 1000px"] * 2 + ["max-width: 400px"] * 2, strict=True):
        add = f"main => main.insertAdjacentHTML('beforeend', '<p class={spot}>Hard to read</p>')"
        stranger.locator("#main").evaluate(add)
        scheme = f"(prefers-color-scheme: {spot.partition('-')[2]}) and ({limit})"
        rules += f"@media {scheme} {{ .{spot} {{ color: #444; background: #333 }} }}"
    style(stranger, rules)
    said = re.compile(r"(.*)color-contrast: <p class=\"([a-z-]+)\">.*", re.DOTALL)
    found = [match and match.groups() for match in map(said.fullmatch, inspect(stranger, "spots"))]
    assert found == list(zip(["", "desktop, dark: ", "phone, light: ", "phone, dark: "], spots, strict=True))


def test_every_route_is_looked_at_or_says_why_not() -> None:
    pages = {resolve(path.partition("?")[0]).url_name for path in (*STRANGER, *TRADER, *GUEST, *STAFF) if path != "/nowhere/"}
    seen = {name for name in pages if name in routes()}
    seen |= {"quote"} if any(path.startswith("/characters/") for path in STRANGER) else set()
    seen |= {"crew"} if "/crews/1/" in STRANGER else set()
    assert seen & NOT_LOOKED_AT.keys() == set()
    assert seen | NOT_LOOKED_AT.keys() == routes()


def test_a_file_that_is_missing_is_seen(stranger: Page) -> None:
    stranger.route("**/faces*.svg", lambda route: route.abort())
    stranger.route("**/market*.css", lambda route: route.abort())
    assert [fault for fault in look_at(stranger, "/crews/", "broken") if fault.startswith("console")]
    stranger.unroute_all()


def test_a_page_that_is_too_wide_is_seen(stranger: Page) -> None:
    stranger.goto("/")
    stranger.evaluate("document.querySelector('#main').insertAdjacentHTML('beforeend', '<hr width=\"2000\">')")
    assert sideways(stranger) > 0


def overlaps(page: Page, selector: str) -> int:
    """Return by how many pixels the contents of these elements stick out of them, at most."""
    return int(
        page.evaluate("s => Math.max(...[...document.querySelectorAll(s)].map(e => e.scrollWidth - e.clientWidth))", selector)
    )


def test_on_a_phone_a_search_with_close_spellings_keeps_its_columns(browser: Browser, market: Market) -> None:
    page = open_page(browser, market.url, "phone")
    page.goto("/?q=swordsman")
    expect(page.get_by_role("rowheader", name="The closest spellings")).to_be_visible()
    box, row = page.locator("table.board").bounding_box(), page.locator("tr.character").first.bounding_box()
    assert box
    assert row
    assert row["width"] == pytest.approx(box["width"], abs=4)


def test_on_a_phone_a_suggested_name_is_not_broken_into_syllables(browser: Browser, market: Market) -> None:
    page = open_page(browser, market.url, "phone")
    page.goto("/")
    page.get_by_role("searchbox").press_sequentially("zoro")
    name = page.locator("#suggestions .name").first
    expect(name).to_have_text("Roronoa Zoro")
    box = name.bounding_box()
    assert box
    assert box["height"] < 30  # one line
    epithet, crew = (
        page.locator("#suggestions .epithet").first.bounding_box(),
        page.locator("#suggestions .muted").first.bounding_box(),
    )
    assert epithet
    assert crew
    assert epithet["x"] + epithet["width"] <= crew["x"]


def test_the_largest_total_of_a_crew_stays_in_its_column(stranger: Page) -> None:
    stranger.set_viewport_size(WIDTHS["desktop"])
    stranger.goto("/crews/")
    assert overlaps(stranger, ".crews td") <= 0


def test_a_form_of_the_desk_begins_with_its_first_field(boss: Page) -> None:
    boss.goto("/admin/characters/character/add/")
    expect(boss.get_by_label("Name:")).to_be_focused()


def test_enter_chooses_nobody_while_a_crew_is_looked_for(boss: Page) -> None:
    boss.goto("/admin/characters/character/add/")
    boss.locator(".select2-selection").first.click()
    expect(boss.locator(".select2-results__option").nth(3)).to_be_visible()  # the first crews of all
    waiting: list[Route] = []

    def hold(route: Route) -> None:
        waiting.append(route)

    boss.route(re.compile("/autocomplete/"), hold)
    with boss.expect_request(re.compile("term=straw.*p")):
        boss.locator(".select2-search__field").press_sequentially("straw hat p")
    boss.keyboard.press("Enter")
    expect(boss.locator(".select2-selection__rendered").first).to_contain_text("Type a part")  # nothing is chosen
    waiting[-1].continue_()
    boss.unroute(re.compile("/autocomplete/"))
    expect(boss.locator(".select2-results__option")).to_have_text(["Straw Hat Pirates"])
    boss.keyboard.press("Enter")
    expect(boss.locator(".select2-selection__rendered").first).to_contain_text("Straw Hat Pirates")


@pytest.mark.parametrize(
    ("width", "theme", "scripts"),
    [("desktop", "light", True), ("desktop", "dark", False), ("phone", "dark", True), ("phone", "light", False)],
)
def test_the_whole_visit(browser: Browser, market: Market, width: str, theme: str, scripts: bool) -> None:
    page = open_page(browser, market.url, width, theme, java_script_enabled=scripts)
    become_guest(page)
    buy(page, "roronoa+zolo", 4)
    page.goto("/portfolio/")
    row = page.locator("tr", has_text="Roronoa Zoro")
    expect(row.locator("data.quantity")).to_have_attribute("value", "4")
    row.get_by_role("link", name=re.compile("^Sell half")).click()
    expect(page.get_by_label("Quantity")).to_have_value("2")
    page.get_by_role("button", name=re.compile("^(Place|Sell)")).click()
    expect(page.locator(".notice").first).to_contain_text("Sold 2")
    page.goto("/history/")
    expect(page.locator("tr.trade")).to_have_count(2)  # the purchase, the sale
    name = f"fan_{width}_{theme}"
    keep_account(page, name)
    page.goto("/portfolio/")
    expect(page.locator("tr", has_text="Roronoa Zoro").locator("data.quantity")).to_have_attribute("value", "2")
    expect(page.get_by_text(name).first).to_be_attached()


def test_from_landing_to_the_first_trade_in_four_interactions_and_twenty_seconds(browser: Browser, market: Market) -> None:
    page = open_page(browser, market.url)
    started = time.monotonic()
    page.goto("/")
    page.locator(".character a.name").first.click()
    page.get_by_role("button", name="Try with ฿100,000").first.click()
    page.get_by_role("button", name=re.compile("^(Place|Buy)")).click()
    expect(page.locator(".notice").first).to_contain_text("Bought 1")
    assert time.monotonic() - started < 20


# --- the keyboard, the themes, and what needs a script


# Null at the end of the page, else the element if its outline is thin or hardly differs from what is under it (WCAG 1.4.11).
UNSEEN = """() => {
  const on = document.activeElement;
  if (on === document.body) return null;
  const shown = on.matches('.side input') ? on.nextElementSibling : on, style = getComputedStyle(shown);
  let under = shown.parentElement;
  while (under && getComputedStyle(under).backgroundColor === 'rgba(0, 0, 0, 0)') under = under.parentElement;
  const light = colour => {
    const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3)
      .map(v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const [a, b] = [style.outlineColor, getComputedStyle(under || document.body).backgroundColor].map(light).sort((x, y) => y - x);
  const drawn = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 && !/, 0\\)$/.test(style.outlineColor);
  on.dataset.reached = '1';
  return drawn && (a + .05) / (b + .05) >= 3 ? '' : on.outerHTML.slice(0, 120);
}"""
UNREACHED = """() => [...document.querySelectorAll('a[href], button, input:not([type=hidden], [type=radio]), select, summary')]
  .filter(e => e.checkVisibility() && !e.dataset.reached).map(e => e.outerHTML.slice(0, 120))"""


def unseen_on_the_way(page: Page) -> list[str]:
    """Return what the keyboard reaches without showing it, and what it does not reach."""
    found = []
    for _ in range(400):
        page.keyboard.press("Tab")
        unseen = page.evaluate(UNSEEN)
        if unseen is None:
            break
        found += [unseen] if unseen else []
    return found + [f"not reached: {element}" for element in page.evaluate(UNREACHED)]


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("path", ["/", "/characters/2/", "/portfolio/", "/crews/1/"])
def test_the_keyboard_reaches_everything_and_is_seen_wherever_it_goes(trader: Page, path: str, theme: str) -> None:
    trader.emulate_media(color_scheme=theme)
    trader.goto(path)
    assert unseen_on_the_way(trader) == []


@pytest.mark.parametrize("outline", ["none", "1px solid black", "3px solid transparent", "3px solid #eee"])
def test_a_keyboard_that_is_hardly_seen_is_noticed(stranger: Page, outline: str) -> None:
    stranger.emulate_media(color_scheme="light")
    stranger.goto("/try/")
    style(stranger, f"main :focus-visible {{ outline: {outline} !important }}")
    assert unseen_on_the_way(stranger)


def test_the_keyboard_skips_to_the_content(stranger: Page) -> None:
    stranger.goto("/")
    stranger.keyboard.press("Tab")
    stranger.keyboard.press("Enter")
    expect(stranger.locator("#main")).to_be_focused()


def test_suggestions_are_reached_and_left_by_keys(stranger: Page) -> None:
    stranger.goto("/crews/")
    box, first = stranger.get_by_label("Search characters"), stranger.locator("#suggestions a").first
    box.press_sequentially("zolo")
    expect(first).to_contain_text("Roronoa Zoro")
    box.press("ArrowDown")
    expect(first).to_be_focused()
    first.press("Escape")
    expect(box).to_be_focused()
    expect(first).to_be_hidden()
    box.press_sequentially(" ")
    expect(first).to_be_visible()
    box.press("ArrowDown")
    first.press("Enter")
    expect(stranger.locator("h1")).to_have_text("Roronoa Zoro")


def test_one_click_copies_the_link_to_share(browser: Browser, market: Market) -> None:
    page = open_page(browser, market.url, permissions=["clipboard-read", "clipboard-write"])
    page.goto("/characters/2/")
    page.get_by_role("link", name="Share").click()
    expect(page.get_by_role("link", name="Link copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == page.url


def test_the_preview_follows_what_is_typed(trader: Page) -> None:
    trader.goto("/characters/2/")
    trader.get_by_label("Quantity").fill("9")
    expect(trader.locator("#preview")).to_contain_text("9 ×")


def test_a_quantity_is_typed_over_and_the_preview_needs_no_button(trader: Page) -> None:
    trader.goto("/characters/2/")
    trader.get_by_label("Quantity").click()
    trader.keyboard.type("10")
    expect(trader.get_by_label("Quantity")).to_have_value("10")
    expect(trader.locator("#preview")).to_contain_text("10 ×")
    expect(trader.get_by_role("button", name="Preview")).to_be_hidden()


def test_without_a_script_there_is_a_button_for_the_preview(browser: Browser, market: Market) -> None:
    page = open_page(browser, market.url, java_script_enabled=False)
    become_guest(page)
    page.goto("/characters/2/")
    page.get_by_label("Quantity").fill("7")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#preview")).to_contain_text("7 ×")


def test_a_filter_that_is_empty_is_no_part_of_the_address(stranger: Page) -> None:
    stranger.goto("/")
    stranger.get_by_text("Filter and sort").click()
    stranger.get_by_label("Price to").fill("500")
    stranger.get_by_role("button", name="Apply").click()
    stranger.wait_for_url(re.compile("max_price=500"))
    assert stranger.url.endswith("/?sort=cap&max_price=500")
    stranger.go_back()
    expect(stranger.get_by_label("Search characters")).to_be_enabled()


def test_the_dark_theme_is_dark(stranger: Page) -> None:
    shown = {}
    stranger.goto("/")
    for theme in THEMES:
        stranger.emulate_media(color_scheme=theme)
        colour = stranger.evaluate("getComputedStyle(document.body).backgroundColor")
        shown[theme] = sum(map(int, re.findall(r"\d+", colour)[:3]))
    assert shown["dark"] < 200 < 500 < shown["light"]


def test_what_moves_does_so_only_for_those_who_want_that(stranger: Page) -> None:
    stranger.goto("/try/")
    assert moving(stranger, "no-preference") > 0
    assert moving(stranger, "reduce") == 0
    stranger.evaluate("document.documentElement.classList.add('smooth')")
    style(stranger, "html.smooth { scroll-behavior: smooth }")
    assert inspect(stranger, "moving") == ["1 elements move for those who want no motion"]


def test_a_long_change_leaves_undo_in_reach_on_the_start_page(boss: Page) -> None:
    boss.set_viewport_size(WIDTHS["desktop"])
    boss.goto("/admin/characters/character/3/change/")
    boss.get_by_label("Description").fill("A long description that somebody typed. " + "It goes on and on. " * 10)
    boss.get_by_role("button", name="Save", exact=True).first.click()
    boss.goto("/admin/")
    boss.get_by_role("link", name="Undo").first.click()
    boss.get_by_role("button", name="Undo this change").click()
    expect(boss.locator(".messagelist")).to_contain_text("again")
