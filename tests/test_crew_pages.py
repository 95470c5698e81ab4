"""Crews in numbers: bars, orders, and a sum one can check."""

import re
from decimal import Decimal

import pytest
from django.core.management import call_command
from django.test import Client

from characters.models import Character
from crews.models import Crew
from crews.selectors import analytics_time
from onepiece_market.jinja import small_mark, when
from tests.factories import CharacterFactory, CrewFactory
from tests.test_pages import Page, get

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def fleet() -> None:
    """Make three crews of which each leads in another column."""
    for name, bounties in (("Rich", [9_000_000, 9_000_000]), ("Many", [1_000_000] * 5), ("Dear", [16_000_000])):
        crew = CrewFactory.create(name=name)
        for bounty in bounties:
            CharacterFactory.create(crew=crew, bounty=bounty)
    CrewFactory.create(name="Empty")
    call_command("refresh_crew_analytics")


def listed(page: Page) -> list[str]:
    """Return the names of the crews in order."""
    return [e.text for e in page.find("a", css="name")]


@pytest.mark.parametrize(
    ("sort", "names"),
    [
        ("cap", ["Rich", "Many", "Dear", "Empty"]),
        ("bounty", ["Rich", "Dear", "Many", "Empty"]),
        ("price", ["Dear", "Rich", "Many", "Empty"]),
        ("members", ["Many", "Rich", "Dear", "Empty"]),
        ("name", ["Dear", "Empty", "Many", "Rich"]),
    ],
)
def test_crews_are_sorted_by_each_column_and_say_so(client: Client, fleet: None, sort: str, names: list[str]) -> None:
    CharacterFactory.create_batch(0)
    page = get(client, "/crews/", sort=sort)
    assert listed(page) == names
    (head,) = [e for e in page.find("th") if "aria-sort" in e.attributes]
    assert page.find("a", href=f"?sort={sort}", aria_current="true")
    assert head.attributes["aria-sort"] == ("ascending" if sort == "name" else "descending")


def test_the_longest_bar_of_a_column_is_its_leader_and_an_empty_crew_has_none(client: Client, fleet: None) -> None:
    page = get(client, "/crews/")
    widths = [float(e.attributes["width"]) for e in page.find("rect", css="fill")]
    rows = [widths[i : i + 4] for i in range(0, len(widths), 4)]  # cap, bounty, price, members of each crew
    assert [max(column) for column in zip(*rows, strict=True)] == [100] * 4
    assert rows[0][0] == 100
    assert rows[-1] == [0, 0, 0, 0]


def test_captain_and_mark_of_a_crew_are_in_the_list_and_on_its_page(client: Client, fleet: None) -> None:
    Crew.objects.filter(name="Rich").update(captain="Uncle Gold")
    crew = Crew.objects.get(name="Rich")
    page, own = get(client, "/crews/"), get(client, crew.get_absolute_url())
    (row,) = [e for e in page.find("tr", css="crew") if e.text.startswith("Rich")]
    assert page.after(row, "td")[0].text == "Uncle Gold"
    assert own.find("p", css="byline")[0].text == "Captain: Uncle Gold"
    assert len(page.find("svg", css="mark")) == 4
    for address in ("/crews/", crew.get_absolute_url()):
        assert str(small_mark("Rich")) in client.get(address).content.decode(), address


def test_the_bars_of_the_members_are_shares_of_the_highest_bounty(client: Client) -> None:
    crew = CrewFactory.create()
    for bounty in (300, 100, 200, None):
        CharacterFactory.create(crew=crew, bounty=bounty)
    page = get(client, crew.get_absolute_url())
    widths = [float(e.attributes["width"]) for e in page.find("rect", css="fill")]
    assert widths[::2] == widths[1::2] == [100, 66.7, 33.3, 0]  # on the desktop and on the phone


def test_the_sum_of_many_members_is_cut_short_and_says_how_many_it_leaves_out(client: Client) -> None:
    crew = CrewFactory.create()
    CharacterFactory.create_batch(42, crew=crew, bounty=5)
    line = get(client, crew.get_absolute_url()).find("p", css="addition")[0].text
    assert line == "The sum, to check: 5 " + "+ 5 " * 39 + "+ 2 more = ฿210"


def test_the_sum_of_the_members_is_written_out(client: Client) -> None:
    crew = CrewFactory.create(name="Straw Hat Pirates", captain="Luffy")
    for name, bounty in (("Luffy", 3_000), ("Zoro", 1_111), ("Nami", 366), ("Nobody", None)):
        CharacterFactory.create(name=name, bounty=bounty, crew=crew)
    page = get(client, crew.get_absolute_url())
    line = page.find("p", css="addition")[0].text
    assert line.startswith("The sum, to check: 3,000 + 1,111 + 366 = ฿4,477")
    added, total = line.split("=")
    assert sum(int(n.replace(",", "")) for n in re.findall(r"[\d,]*\d", added)) == int(
        page.find("data", id="total-bounty")[0].attributes["value"]
    )
    assert "฿4,477" in total
    assert "1 without a known bounty adds nothing" in line
    assert page.find("a", href=f"/characters/{crew.characters.get(name='Luffy').pk}/luffy/")[0].text == "Luffy"


def test_market_caps_add_up_as_they_are_written(client: Client) -> None:
    """Rounded to a tenth of a billion they did not: a reader who adds them up must get the total."""
    call_command("load_characters", verbosity=0)
    call_command("refresh_crew_analytics", verbosity=0)
    crew = Crew.objects.get(name="Big Mom Pirates")
    page = get(client, crew.get_absolute_url())
    [total] = page.find("data", id="total-cap")
    caps = [cell.text for cell in page.find("td", css="number") if cell.text.endswith(" M")]
    *column, last = [Decimal(cap.strip("฿M ").replace(",", "")) for cap in caps]
    assert len(column) == crew.characters.count()
    assert last == sum(column) == Decimal(total.attributes["value"]) / 1_000_000
    assert caps[-1] in [tile.text for tile in page.find("dd")]


def test_the_list_says_when_its_numbers_were_counted(client: Client, fleet: None) -> None:
    """Who came aboard by SQL is on the crew's own page at once, and in the list from the next refresh on."""
    counted = analytics_time()
    assert counted
    assert f"Counted on {when(counted)}. A crew's own page counts its members as of now." in get(client, "/crews/").text


@pytest.mark.parametrize(
    ("score", "mood"),
    [(0.5, "glowing +0.50"), (0.2, "warm +0.20"), (0.0, "even 0.00"), (-0.2, "cool −0.20"), (-0.7, "stormy −0.70")],
)
def test_a_mood_is_said_in_a_word_and_a_number(client: Client, score: float, mood: str) -> None:
    character = CharacterFactory.create()
    Character.objects.using("owner").filter(pk=character.pk).update(sentiment_score=score)
    assert [e.text for e in get(client, character.get_absolute_url()).find("span", css="mood")] == [mood]


def test_an_empty_crew_leads_on(client: Client) -> None:
    page = get(client, CrewFactory.create(name="Ghosts", captain="Somebody who is not there").get_absolute_url())
    assert page.find("h2")[0].text == "Nobody on board"
    assert [e.attributes["href"] for e in page.find("a", css="button")] == ["/crews/", "/"]


def test_the_bundled_crews_add_up(client: Client) -> None:
    call_command("load_characters", verbosity=0)
    crew = Crew.objects.get(name="Straw Hat Pirates")
    assert "= ฿8,816,001,000" in get(client, crew.get_absolute_url()).find("p", css="addition")[0].text
