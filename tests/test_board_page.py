"""The board beyond its filters: chips, column heads, the first visit, and charts of bounties."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.core.management import call_command
from django.test import Client

from characters.bounties import Bounty
from characters.charts import HEIGHT, WIDTH, bounty_chart
from characters.models import BountyEvent, Character
from crews.selectors import CrewChoice, biggest_crews, crew_choices
from crews.services import refresh_crew_analytics
from tests.factories import CharacterFactory, CrewFactory, UserFactory
from tests.test_data import SENTENCE_END
from tests.test_pages import Page, add_characters, get

pytestmark = pytest.mark.django_db


def links(page: Page, text: str) -> list[str]:
    """Return where the links with this text lead."""
    return [e.attributes["href"] for e in page.find("a") if text in e.text]


def test_a_chip_sets_a_filter_keeps_the_others_and_becomes_its_own_removal(client: Client) -> None:
    for name, bounty in (("Poor", 1_000_000), ("Rich", 3_000_000_000)):
        CharacterFactory.create(name=name, bounty=bounty)
    page = get(client, "/", sort="name", after="7")
    (cheap,) = links(page, "Up to ฿500")
    page = get(client, cheap)
    assert page.names == ["Poor"]
    assert cheap == "/?sort=name&max_price=500"
    assert not links(page, "Only: Up to")
    (removal,) = links(page, "price to ฿500")
    assert get(client, removal).names == ["Poor", "Rich"]
    (famous,) = links(page, "Billion-berry bounties")
    assert get(client, famous).names == []  # both filters


def test_a_chip_keeps_the_search(client: Client) -> None:
    for name, bounty in (("Nami", 3_000_000_000), ("Nami II", 1), ("Zoro", 1)):
        CharacterFactory.create(name=name, bounty=bounty)
    (cheap,) = links(get(client, "/", q="nami"), "Up to ฿500")
    assert get(client, cheap).names == ["Nami II"]


def test_another_filter_or_order_begins_on_the_first_page(client: Client) -> None:
    last = CharacterFactory.create_batch(3)[-1]
    page = get(client, "/", min_price="5", after=str(last.pk))
    changes = [e.attributes["href"] for e in page.find("a") if e.attributes.get("href", "").startswith("/?")]
    assert len(changes) >= 6  # chips and column heads
    assert not [href for href in changes if "after=" in href]


def test_crews_that_were_never_counted_are_no_chips() -> None:
    assert biggest_crews([CrewChoice(1, "A", None), CrewChoice(2, "B", Decimal(5)), CrewChoice(3, "C", Decimal(7))]) == [
        (3, "C"),
        (2, "B"),
    ]


@pytest.mark.django_db(transaction=True)
def test_the_crews_worth_most_are_chips_once_they_were_counted(client: Client) -> None:
    for n in range(5):
        CharacterFactory.create(bounty=10**8 * (n + 1), crew=CrewFactory.create(name=f"Crew {n}"))
    call_command("refresh_crew_analytics")
    assert [e.text for e in get(client, "/").find("a") if e.text.startswith("Only: Crew")] == [
        f"Only: Crew {n}" for n in (4, 3, 2)
    ]


@pytest.mark.parametrize(
    ("sort", "column", "direction", "again"),
    [
        ("cap", "Market cap", "descending", "/?sort=cap"),
        ("bounty", "Bounty", "descending", "/?sort=bounty"),
        ("name", "Name", "ascending", "/?sort=name"),
        ("price-high", "Price", "descending", "/?sort=price-low"),
        ("price-low", "Price", "ascending", "/?sort=price-high"),
    ],
)
def test_a_column_head_says_its_order_and_sorts_by_it(client: Client, sort: str, column: str, direction: str, again: str) -> None:
    CharacterFactory.create()
    (head,) = [e for e in get(client, "/", sort=sort).find("th") if "aria-sort" in e.attributes]
    assert head.text.startswith(column)
    assert head.attributes["aria-sort"] == direction
    assert links(get(client, "/", sort=sort), column)[0] == again
    assert get(client, again).find("tr", css="character")


def test_a_search_is_in_the_order_of_the_match_and_has_no_column_to_sort_by(client: Client) -> None:
    CharacterFactory.create(name="Nami")
    page = get(client, "/", q="nami")
    assert not [e for e in page.find("th") if "aria-sort" in e.attributes]
    assert not [href for href in links(page, "Price") if "sort" in href]


def test_the_count_is_exact_on_one_page_and_open_ended_before_others(client: Client) -> None:
    add_characters(3, bounty=0)
    assert get(client, "/").find("span", css="count")[0].text == "3"
    add_characters(60, bounty=0)
    assert get(client, "/").find("span", css="count")[0].text == "50+"
    assert "without a known bounty are left out" in get(client, "/", sort="bounty").text


def test_the_first_visit_is_explained_in_three_sentences_and_only_to_strangers(client: Client) -> None:
    character = CharacterFactory.create()
    page = get(client, "/")
    rules = [e.strip() for e in page.find("ol", css="rules")[0].inside if e.strip()]
    for told, rule in zip(("play money", "price", "leaderboard"), rules, strict=True):
        assert told in rule
        assert len(SENTENCE_END.findall(rule)) == 1
    assert page.find("form", action="/try/", method="post")
    quote = get(client, character.get_absolute_url())
    assert quote.find("form", action="/try/")
    assert quote.find("input", name="next", type="hidden", value=character.get_absolute_url())
    client.force_login(UserFactory.create())
    for address in ("/", character.get_absolute_url()):
        assert not get(client, address).find("form", action="/try/"), address


def test_every_fact_of_a_quote_says_the_chapter_that_told_it(client: Client) -> None:
    character = CharacterFactory.create(
        crew=CrewFactory.create(name="Buggy Pirates"), crew_chapter=11, epithet="Star Clown", epithet_chapter=12,
        devil_fruit="Chop-Chop Fruit", devil_fruit_chapter=13, first_chapter=10, aliases=["Bagi"], description="A clown.",
    )  # fmt: skip
    page = get(client, character.get_absolute_url())
    facts = dict(zip((e.text for e in page.find("dt")), (e.text for e in page.find("dd")), strict=True))
    assert {name: facts[name] for name in ("Crew", "Epithet", "Devil fruit", "First seen", "Also known as")} == {
        "Crew": "Buggy Pirates Chapter 11",
        "Epithet": "Star Clown Chapter 12",
        "Devil fruit": "Chop-Chop Fruit Chapter 13",
        "First seen": "Chapter 10",
        "Also known as": "Bagi",
    }
    assert page.find("p", css="prose")[0].text == "A clown."
    character = CharacterFactory.create(epithet="Nobody")
    assert "Nobody chapter to be confirmed" in [e.text for e in get(client, character.get_absolute_url()).find("dd")]


@pytest.mark.django_db(transaction=True)  # the weekly change is written by the owner
def test_a_row_says_crew_bounty_price_change_and_market_cap(client: Client) -> None:
    crew = CrewFactory.create(name="Heart Pirates")
    bepo = CharacterFactory.create(name="Bepo", crew=crew, bounty=9_000_000, epithet="Bear")
    Character.objects.using("owner").filter(pk=bepo.pk).update(weekly_change=12.5)
    page = get(client, "/")
    (row,) = page.find("tr", css="character")
    assert page.after(row, "th")[0].text == "Bepo Bear"
    assert [cell.text for cell in page.after(row, "td")] == [
        "Heart Pirates", "฿9,000,000", "no price moves yet", "฿150.00▲ +12.5 %", "▲ +12.5 %", "฿150.0 M",
    ]  # fmt: skip
    assert page.after(row, "a")[1].attributes["href"] == crew.get_absolute_url()


def test_every_row_keeps_the_place_of_its_price_line(client: Client) -> None:
    add_characters(3, bounty=0)
    page = get(client, "/")
    places = page.find("svg", css="spark")
    assert [(e.attributes["width"], e.attributes["height"]) for e in places] == [("96", "24")] * 3
    assert page.text.count("no price moves yet") == 3


def news(*told: tuple[int | None, int | None]) -> list[Bounty]:
    """Return bounties of (chapter, amount), told one after the other."""
    return [Bounty(amount, chapter, datetime(2026, 1, 1 + n, tzinfo=UTC)) for n, (chapter, amount) in enumerate(told)]


def test_a_chart_has_a_step_for_each_dated_bounty_and_ends_at_the_edge() -> None:
    chart = bounty_chart([news((96, 30), (None, 99), (432, None), (432, 300), (801, 150))])
    assert chart
    (line,) = chart.lines
    assert [(s.chapter, s.amount) for s in line.steps] == [(96, 30), (432, 300), (801, 150)]
    assert (chart.first, chart.last, chart.highest) == (96, 801, 300)
    assert line.steps[1].y < line.steps[2].y < line.steps[0].y < HEIGHT
    assert line.path.endswith(f"H{WIDTH}")


def test_a_chart_of_two_has_common_axes() -> None:
    chart = bounty_chart([news((100, 10)), news((200, 1000))])
    assert chart
    assert chart.lines[0].steps[0].x < chart.lines[1].steps[0].x
    assert chart.lines[0].steps[0].y > chart.lines[1].steps[0].y


@pytest.mark.parametrize("histories", [[], [[]], [news((None, 5))], [news((5, 0))], [news((5, None))]])
def test_there_is_no_chart_without_a_dated_bounty(histories: list[list[Bounty]]) -> None:
    assert bounty_chart(histories) is None


def test_the_bars_of_a_bounty_history_are_shares_of_the_highest(client: Client) -> None:
    character = CharacterFactory.create(bounty=300)
    for n, amount in enumerate((400, 100)):
        BountyEvent.objects.create(character=character, amount=amount, chapter=n + 1)
    page = get(client, character.get_absolute_url())
    assert [float(e.attributes["width"]) for e in page.find("rect", css="fill")] == [25, 100, 75]


def test_the_quote_page_says_why_there_is_no_chart(client: Client) -> None:
    page = get(client, CharacterFactory.create(bounty=None).get_absolute_url())
    assert page.find("p", css="no-chart")
    assert not page.find("figure")


@pytest.mark.django_db(transaction=True)  # the view is refreshed by its owner
def test_the_list_of_crews_is_as_long_as_one_can_look_through_and_holds_the_chosen_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crews.selectors.MOST_CHOICES", 2)
    small, large, middle = (CrewFactory(name=name) for name in ("Small", "Large", "Middle"))
    for crew, bounty in ((small, 10**6), (large, 10**9), (middle, 10**8)):
        CharacterFactory(crew=crew, bounty=bounty)
    refresh_crew_analytics()
    assert [crew.name for crew in crew_choices()] == ["Large", "Middle"]
    assert [crew.name for crew in crew_choices(small.pk)] == ["Large", "Small"]
