"""/monitoring/cache/: what staff see of the cached reads."""

import re
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db.models.functions import Now
from django.test import Client

from caching import client as guarded
from caching import prices, queries, standings, stats
from caching.breaker import Breaker
from caching.models import Outbox
from tests.factories import CharacterFactory, UserFactory
from tests.test_pages import Page, get

pytestmark = pytest.mark.django_db(transaction=True)
PLACE = "/monitoring/cache/"


@pytest.fixture
def staff() -> Client:
    """A browser of somebody on the staff."""
    client = Client()
    client.force_login(UserFactory(is_staff=True))
    return client


@pytest.fixture(autouse=True)
def _from_zero() -> None:
    stats._counts.clear()


def figures(page: Page) -> dict[str, list[str]]:
    """Return the cells of each row."""
    cells, names = [cell.text for cell in page.find("td")], [head.text.split()[0] for head in page.find("th", scope="row")]
    width = len(cells) // len(names)
    return {name: cells[number * width : (number + 1) * width] for number, name in enumerate(names)}


def test_staff_see_every_read_with_its_figures(staff: Client) -> None:
    zoro = CharacterFactory(name="Zoro")
    for _ in range(4):
        queries.QUOTE(zoro.pk)
    page = get(staff, PLACE)
    rows = figures(page)
    assert list(rows) == list(queries.counted())
    rate, _, hits, misses, past, loads, ms, size, waits = rows["QUOTE"]
    assert (rate, hits, misses, past, loads, waits) == ("75.0 %", "3", "1", "0", "1", "0")
    assert float(ms) > 0
    assert int(size) > 100
    assert rows["CREW_PROFILE"][0] == "–"
    assert "closed" in page.text
    assert " MB of " in page.text


def test_each_row_has_a_bar_for_every_minute_with_reads(staff: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stats, "this_minute", lambda: 30_000_000)  # the minute does not end in between
    queries.TOP_CHARACTERS(3)
    queries.TOP_CHARACTERS(3)
    bar, narrow = get(staff, PLACE).find("rect", css="fill")
    assert bar.attributes == narrow.attributes  # the same bar, where the table has no room for the column
    assert bar.attributes["x"] == str((stats.MINUTES - 1) * 4)  # now is on the right
    assert float(bar.attributes["height"]) == 12.5  # half of 21, and 2 that are always there


@pytest.mark.parametrize("who", [None, {"is_guest": True}, {}])
def test_nobody_else_sees_it(who: dict[str, bool] | None) -> None:
    client = Client()
    if who is not None:
        client.force_login(UserFactory(**who))
    answer = client.get(PLACE)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/admin/login/")


def test_what_a_phone_has_no_column_for_stands_below_the_name(staff: Client) -> None:
    zoro = CharacterFactory()
    queries.QUOTE(zoro.pk)
    queries.QUOTE(zoro.pk)
    stats.note("CREW_PROFILE", waits=2, bypasses=3)
    below = dict(zip(queries.counted(), (row.text for row in get(staff, PLACE).find("span", css="narrow")), strict=True))
    assert re.fullmatch(r"1 load of [\d.]+ ms, \d+ bytes", below["QUOTE"])
    assert below["CREW_PROFILE"] == "2 waits, 3 past the cache"
    assert below["TOP_CHARACTERS"] == ""


def test_every_column_and_every_figure_of_the_server_is_explained(staff: Client) -> None:
    page = get(staff, PLACE)
    terms = " ".join(term.text for term in page.find("dt")).lower()
    shown = {head.text for head in page.find("th", scope="col")} - {"Read", "Hit rate", f"Last {stats.MINUTES} minutes"}
    assert {column for column in shown if column.lower() not in terms} == set()


def test_figures_that_nobody_took_are_shown_as_none(staff: Client) -> None:
    standings.standings(3)
    standings.standings(3)
    zoro = CharacterFactory()
    prices.prices([zoro.pk])
    prices.prices([zoro.pk])
    rows = figures(get(staff, PLACE))
    assert rows["STANDINGS"][-2] == rows["PRICES"][-2] == "–"  # neither is one value: there are no bytes of it
    assert float(rows["PRICES"][-3]) > 0


@pytest.mark.parametrize(("seconds", "late"), [(1, False), (60, True)])
def test_staff_are_told_that_no_worker_runs(staff: Client, seconds: int, late: bool) -> None:
    CharacterFactory()
    Outbox.objects.using("owner").update(at=Now() - timedelta(seconds=seconds))
    told = [notice.attributes.get("data-code") for notice in get(staff, PLACE).find("p", css="error")]
    assert told == (["worker_away"] if late else [])
    said = StringIO()
    call_command("cache_stats", stdout=StringIO(), stderr=said)
    assert ("start manage.py run_worker" in said.getvalue()) is late


def test_while_the_cache_is_away_the_page_says_so(staff: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    breaker = Breaker()
    breaker.is_open = True
    monkeypatch.setattr(guarded, "BREAKER", breaker)
    page = get(staff, PLACE)
    assert page.find("p", css="error")[0].attributes["data-code"] == "cache_away"
    assert not page.find("table")
    assert "What to do" in page.text


def test_the_page_costs_the_same_however_much_is_cached(staff: Client, django_assert_num_queries: Callable[[int], Any]) -> None:
    for number in range(1, 40):
        queries.TOP_CHARACTERS(number)
    with django_assert_num_queries(1):  # who it is; the outbox is asked as market_owner
        staff.get(PLACE)
