"""Two characters side by side: chosen by link or by name, and who is ahead in what."""

from decimal import Decimal

import pytest
from django.test import Client

from characters.compare import ahead
from characters.models import BountyEvent, Character
from characters.selectors import quote
from tests.factories import CharacterFactory, CrewFactory
from tests.test_pages import Element, Page, get, statements

pytestmark = pytest.mark.django_db


def announce(character: Character, chapter: int) -> None:
    """Announce a character's bounty once more, with its chapter."""
    BountyEvent.objects.using("default").bulk_create([BountyEvent(character=character, amount=character.bounty, chapter=chapter)])


@pytest.fixture
def luffy() -> Character:
    """Return a character with a dated bounty history."""
    crew = CrewFactory.create(name="Straw Hat Pirates")
    luffy = CharacterFactory.create(name="Monkey D. Luffy", bounty=9_000_000, crew=crew, aliases=["Straw Hat"], first_chapter=1)
    announce(luffy, 96)
    return luffy


@pytest.fixture
def zoro() -> Character:
    """Return a character who is behind the other in everything."""
    return CharacterFactory.create(name="Roronoa Zoro", bounty=4_000_000, first_chapter=3)


def codes(page: Page) -> list[str]:
    """Return the codes of the refusals on a page."""
    return [e.attributes["data-code"] for e in page.elements if "data-code" in e.attributes]


def row(page: Page, label: str) -> list[Element]:
    """Return the cells of one line of the comparison."""
    at = next(i for i, e in enumerate(page.elements) if e.tag == "th" and e.text == label)
    return [e for e in page.elements[at + 1 :] if e.tag == "td"][:2]


def test_two_characters_stand_side_by_side_and_the_better_value_is_said_in_a_word(
    client: Client, luffy: Character, zoro: Character
) -> None:
    page = get(client, "/compare/", a=str(luffy.pk), b=str(zoro.pk))
    assert page.find("h1")[0].text == "Monkey D. Luffy and Roronoa Zoro"
    assert [cell.text for cell in row(page, "Price")] == ["฿150.00 ★ higher", "฿100.00"]
    assert [cell.text for cell in row(page, "First seen")] == ["Chapter 1 ★ earlier", "Chapter 3"]
    assert [cell.text for cell in row(page, "Crew")] == ["Straw Hat Pirates", "none"]
    turned = get(client, "/compare/", a=str(zoro.pk), b=str(luffy.pk))
    assert [cell.text for cell in row(turned, "Bounty")] == [
        "฿4,000,000 chapter to be confirmed", "฿9,000,000 ★ higher chapter 96",
    ]  # fmt: skip


def test_the_chapter_that_told_a_bounty_stands_beside_it(client: Client, luffy: Character, zoro: Character) -> None:
    for amount, chapter in ((5_000_000, 96), (9_000_000, 213), (9_000_000, None)):
        BountyEvent.objects.create(character=luffy, amount=amount, chapter=chapter)
    page = get(client, "/compare/", a=str(luffy.pk), b=str(zoro.pk))
    assert row(page, "Bounty")[0].text == "฿9,000,000 ★ higher chapter 213"


@pytest.mark.django_db(transaction=True)  # the weekly change is written by the owner
def test_change_market_cap_and_devil_fruit_are_compared(client: Client, luffy: Character, zoro: Character) -> None:
    Character.objects.filter(pk=luffy.pk).update(devil_fruit="Gum-Gum Fruit")
    Character.objects.using("owner").filter(pk=zoro.pk).update(weekly_change=12.5)
    page = get(client, "/compare/", a=str(luffy.pk), b=str(zoro.pk))
    assert [cell.text for cell in row(page, "Market cap")] == ["฿150.0 M ★ higher", "฿100.0 M"]
    assert [cell.text for cell in row(page, "Devil fruit")] == ["Gum-Gum Fruit", "none known"]
    assert [cell.text for cell in row(page, "In 7 days")] == ["– 0.0 %", "▲ +12.5 % ★ higher"]
    assert get(client, zoro.get_absolute_url()).find("span", css="price-change")[0].text == "▲ +12.5 % in 7 days"


def test_whoever_leads_in_everything_does_so_on_either_side(luffy: Character, zoro: Character) -> None:
    found = {pk: quote(pk) for pk in (luffy.pk, zoro.pk)}
    leader, other = found[luffy.pk]._replace(weekly_change=12.5), found[zoro.pk]
    assert {fact: side.better for fact, side in ahead(leader, other).items()} == dict.fromkeys(
        ("price", "weekly_change", "market_cap", "bounty", "first_chapter"), 0
    )
    assert {side.better for side in ahead(other, leader).values()} == {1}


def test_nobody_is_ahead_where_values_are_equal_or_unknown(client: Client) -> None:
    a, b, unknown = (CharacterFactory.create(bounty=bounty) for bounty in (4_000_000, 4_000_000, None))
    assert not get(client, "/compare/", a=str(a.pk), b=str(b.pk)).find("span", css="better")
    page = get(client, "/compare/", a=str(a.pk), b=str(unknown.pk))
    assert [cell.text for cell in row(page, "Bounty")] == ["฿4,000,000 chapter to be confirmed", "unknown"]


def test_names_lead_to_the_address_of_the_comparison(client: Client, luffy: Character, zoro: Character) -> None:
    response = client.get("/compare/", {"a_name": "straw hat", "b_name": "zoro"})
    assert (response.status_code, response["Location"]) == (302, f"/compare/?a={luffy.pk}&b={zoro.pk}")
    response = client.get("/compare/", {"a_name": "Monkey D. Luffy", "b_name": ""})
    assert response["Location"] == f"/compare/?a={luffy.pk}"
    assert client.get("/compare/", {"a_name": "", "b_name": " "})["Location"] == "/compare/"


def test_one_side_alone_is_shown_and_asks_for_the_other(client: Client, luffy: Character) -> None:
    page = get(client, "/compare/", a=str(luffy.pk))
    assert page.find("span", css="pick")[0].text == "Pick another character above"
    assert page.find("input", name="a_name")[0].attributes["value"] == luffy.name
    assert get(client, "/compare/").find("h2")[0].text == "Who is worth more?"


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({"a": "x"}, 400, "invalid_id"),
        ({"a": "１"}, 400, "invalid_id"),
        ({"a": "-1"}, 400, "invalid_id"),
        ({"a": "9" * 30}, 400, "invalid_id"),
        ({"a": "999999999"}, 404, "unknown_character"),
        ({"a_name": "x" * 101}, 400, "name_too_long"),
        ({"a_name": "xqzwvk"}, 404, "unknown_name"),
        ({"a_name": "roronoaa zolo"}, 404, "unknown_name"),
        ({"a_name": "& | !"}, 404, "unknown_name"),
    ],
)
def test_a_side_that_cannot_be_read_says_so_and_keeps_what_was_typed(
    client: Client, zoro: Character, asked: dict[str, str], status: int, code: str
) -> None:
    page = get(client, "/compare/", status, b=str(zoro.pk), **asked)
    assert codes(page) == [code]
    box = page.find("input", name="a_name")[0]
    assert box.attributes["value"] == asked.get("a_name", "")
    assert page.find("div", id=box.attributes["aria-describedby"])[0].text
    assert box.attributes["aria-invalid"] == "true"
    assert "autofocus" in box.attributes
    assert zoro.name in page.find("table")[0].text  # the other side is still there


def test_a_nul_is_refused(client: Client) -> None:
    assert client.get("/compare/?a_name=%00").status_code == 400


def test_a_name_that_fits_several_offers_them_beside_the_side_that_is_known(client: Client, luffy: Character) -> None:
    CharacterFactory.create(name="Charlotte Pudding")
    katakuri = CharacterFactory.create(name="Charlotte Katakuri")
    page = get(client, "/compare/", 422, a_name="charlotte", b=str(luffy.pk))
    assert codes(page) == ["ambiguous_name"]
    (choice,) = [e for e in page.find("a") if e.text == "Charlotte Katakuri"]
    assert choice.attributes["href"] == f"?a={katakuri.pk}&b={luffy.pk}"
    assert get(client, "/compare/" + choice.attributes["href"]).find("h1")[0].text == "Charlotte Katakuri and Monkey D. Luffy"


def test_nobody_is_compared_with_himself(client: Client, luffy: Character) -> None:
    page = get(client, "/compare/", 422, a=str(luffy.pk), b=str(luffy.pk))
    assert codes(page) == ["same_character"]
    assert page.find("input", name="b_name")[0].attributes["value"] == luffy.name


def test_the_lines_of_both_are_drawn_in_one_chart(client: Client, luffy: Character, zoro: Character) -> None:
    page = get(client, "/compare/", a=str(luffy.pk), b=str(zoro.pk))
    assert len(page.find("g", css="line")) == 1
    assert "Roronoa Zoro, no dated bounty" in page.text
    announce(zoro, 435)
    page = get(client, "/compare/", a=str(luffy.pk), b=str(zoro.pk))
    assert len(page.find("g", css="line")) == 2
    assert "no dated bounty" not in page.text


def test_a_name_costs_one_query_and_no_other(client: Client, luffy: Character, zoro: Character) -> None:
    by_id = statements(lambda: client.get("/compare/", {"a": luffy.pk, "b": zoro.pk}))
    by_name = statements(lambda: client.get("/compare/", {"a_name": "xqzwvk", "b": zoro.pk}))
    assert (len(by_id), len(by_name)) == (4, 3)  # a character costs 2; an unknown name one search


def test_the_quote_page_leads_to_the_comparison(client: Client, luffy: Character) -> None:
    assert get(client, luffy.get_absolute_url()).find("a", href=f"/compare/?a={luffy.pk}")
    assert Decimal(150) == luffy.current_price


def test_the_navigation_leads_to_the_comparison(client: Client) -> None:
    assert any(e.attributes.get("href") == "/compare/" and e.text == "Compare" for e in get(client, "/").find("a"))
