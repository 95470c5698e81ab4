"""Traders without a browser: each keeps cookies, follows redirects, sends forms, and remembers every answer."""

import random
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from html import unescape
from http.cookiejar import CookieJar
from threading import Event, Thread
from typing import NamedTuple

SECRET = "a-long-way-to-laugh-tale"
BROWSED = ("/", "/?sort=bounty", "/portfolio/", "/leaderboard/", "/history/", "/search/suggest/?q=luf")
HIDDEN = re.compile(r'<input type="hidden"[^>]* name="(\w+)" value="([^"]*)"')


class Answer(NamedTuple):
    """When it was asked for, how long it took (s), its status (0: no connection), where it led, its text."""

    asked: float
    took: float
    status: int
    path: str
    text: str

    @property
    def is_error(self) -> bool:
        """Whether the site failed; a refusal is no failure."""
        return self.status == 0 or self.status >= 500

    @property
    def shows_a_stranger(self) -> bool:
        """Whether whoever asked was not logged in."""
        return self.path.startswith("/login/") or ">Log in</a>" in self.text


class Browser:
    """One browser."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        self.answers: list[Answer] = []

    def get(self, path: str, fields: dict[str, str] | None = None) -> Answer:
        """Ask for a page; with fields, post them."""
        data = urllib.parse.urlencode(fields).encode() if fields else None
        started = time.monotonic()
        try:
            with self.opener.open(urllib.request.Request(self.url + path, data, {"Origin": self.url}), timeout=20) as page:
                found = (page.status, urllib.parse.urlsplit(page.url).path, page.read().decode())
        except urllib.error.HTTPError as error:
            found = (error.code, path, error.read().decode())
        except OSError as error:
            found = (0, path, repr(error))
        self.answers.append(Answer(started, time.monotonic() - started, *found))
        return self.answers[-1]

    def send(self, path: str, to: str, **fields: str) -> Answer:
        """Open a page and send its form."""
        hidden = {name: unescape(value) for name, value in HIDDEN.findall(self.get(path).text)}
        return self.get(to, hidden | fields)


def trader(url: str, name: str) -> Browser:
    """Return a browser that has just signed up. Its answers are those since."""
    browser = Browser(url)
    answer = browser.send("/signup/", "/signup/", username=name, password1=SECRET, password2=SECRET)
    assert answer.status == 200, answer
    assert not answer.shows_a_stranger
    browser.answers.clear()
    return browser


def live(browser: Browser, characters: list[int], seed: int, ended: Event) -> None:
    """Browse and trade until told to end."""
    dice = random.Random(seed)
    while not ended.is_set():
        browser.get(dice.choice(BROWSED))
        quote = f"/characters/{dice.choice(characters)}/"
        browser.send(quote, f"{quote}trade/", action=dice.choice(("buy", "buy", "sell")), quantity="1")


@contextmanager
def at_work(work: Iterable[Callable[[Event], object]]) -> Iterator[None]:
    """Let all of them work, each in a thread of its own, until the block ends: then each is told to."""
    ended = Event()
    threads = [Thread(target=one, args=(ended,)) for one in work]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()
