"""What a fan, a member of staff and a learner tripped over: each once, each mended."""

import uuid
from pathlib import Path

import pytest
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections
from django.test import Client

from characters.bounties import bounty_history
from characters.models import BountyEvent, Character
from crews.models import Change, Crew, CrewAnalytics
from tests.factories import CharacterFactory, CrewFactory, UserFactory
from tests.market import tick
from tests.test_admin import change, form_at
from tests.test_pages import Page, get
from trading.models import User
from trading.orders import ParsedOrder
from trading.services import place_order

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def fan() -> User:
    return UserFactory()


@pytest.fixture
def browser(fan: User) -> Client:
    client = Client()
    client.force_login(fan)
    return client


@pytest.fixture
def desk() -> Client:
    client = Client()
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    return client


def ticket(**changed: str) -> dict[str, str]:
    return {"action": "buy", "quantity": "1", "price": "", "trade_id": str(uuid.uuid4()), **changed}


@pytest.mark.parametrize("field", ["is_active", "is_tradeable"])
def test_a_holder_is_told_that_a_character_is_not_traded_not_that_he_is_staff(browser: Client, fan: User, field: str) -> None:
    nami = CharacterFactory(name="Nami")
    place_order(fan, nami.pk, ParsedOrder("buy", 1, None, uuid.uuid4()))
    Character.objects.using("owner").filter(pk=nami.pk).update(**{field: False})
    text = get(browser, nami.get_absolute_url()).text
    assert "Nami is not traded at the moment" in text
    assert "your shares stay yours" in text
    assert "Staff accounts" not in text


def test_a_search_offers_no_order_that_it_does_not_keep(client: Client) -> None:
    CharacterFactory(name="Nami")
    options = [e.text for e in get(client, "/", q="nami").find("option") if e.text != "Any crew"]
    assert options == ["Best match"]


def test_the_preview_knows_the_cap(browser: Client) -> None:
    cheap = CharacterFactory(bounty=0)  # 10.00: a full vote is 500 shares, the cap 10,000, more than 100,000 can buy
    dear = CharacterFactory(bounty=4_000_000)  # 100.00: a full vote is 50 shares, the cap 1,000
    connections["owner"].cursor().execute("UPDATE market_rules SET position_cap = 5")
    try:
        for character, most in ((cheap, 2500), (dear, 250)):
            for quantity, codes in ((most, []), (most + 1, ["position_cap"])):
                page = get(browser, f"/characters/{character.pk}/preview/", action="buy", quantity=str(quantity))
                assert [e.attributes["data-code"] for e in page.elements if "data-code" in e.attributes] == codes
    finally:
        connections["owner"].cursor().execute("UPDATE market_rules SET position_cap = 20")


def test_an_order_sent_twice_says_that_it_was_not_repeated(browser: Client) -> None:
    nami = CharacterFactory()
    same = ticket(quantity="7")
    said = [Page(browser.post(f"/characters/{nami.pk}/trade/", same, follow=True)).text for _ in range(2)]
    assert "was filled before; it was not repeated" not in said[0]
    assert "was filled before; it was not repeated" in said[1]


def test_the_token_does_not_stay_in_the_address(browser: Client) -> None:
    nami = CharacterFactory()
    sent = {**ticket(quantity="7"), "csrfmiddlewaretoken": "secret"}
    response = browser.get(nami.get_absolute_url(), sent)
    assert (response.status_code, response["Location"]) == (302, f"{nami.get_absolute_url()}?action=buy&quantity=7")


def test_the_address_of_an_order_leads_back_to_the_character(browser: Client) -> None:
    nami = CharacterFactory()
    assert browser.get(f"/characters/{nami.pk}/trade/")["Location"] == nami.get_absolute_url()


@pytest.mark.parametrize("bounty", ["-1", str(10**15 + 1), str(2**63)])
def test_a_bounty_out_of_bounds_is_a_sentence_in_the_form(desk: Client, bounty: str) -> None:
    fields = {**form_at(desk, "/admin/characters/character/add/").values, "name": "Bigb", "description": "x", "bounty": bounty}
    response = desk.post("/admin/characters/character/add/", fields)
    assert response.status_code == 200
    assert "berries" in response.content.decode() or "9223372036854775807" in response.content.decode()
    assert not Character.objects.filter(name="Bigb").exists()
    assert not BountyEvent.objects.exists()


def test_the_crews_pages_follow_the_desk(desk: Client, client: Client) -> None:
    add = "/admin/crews/crew/add/"
    desk.post(add, {**form_at(desk, add).values, "name": "Sun Pirates", "captain": "Fisher Tiger"})
    assert "Sun Pirates" in get(client, "/crews/").text
    crew = Crew.objects.get(name="Sun Pirates")
    add = "/admin/characters/character/add/"
    desk.post(add, {**form_at(desk, add).values, "name": "Arlong", "description": "x", "crew": str(crew.pk)})
    assert CrewAnalytics.objects.get(crew=crew).member_count == 1


def test_a_dissolved_crew_keeps_its_page(client: Client) -> None:
    kid = CharacterFactory(crew=CrewFactory(name="Kid Pirates", is_active=False))
    page = get(client, kid.get_absolute_url())
    for link in (e.attributes["href"] for e in page.find("a") if "/crews/" in e.attributes.get("href", "")):
        assert client.get(link).status_code == 200


def test_an_unbound_reader_is_told_the_remedy_in_sql() -> None:
    with pytest.raises(Exception, match=r"SET LOCAL market\.user_id"), connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.execute("SELECT * FROM accounts")


def test_what_the_readme_names_is_there() -> None:
    readme = (Path(settings.BASE_DIR) / "README.md").read_text(encoding="utf-8")
    promises = (Path(settings.BASE_DIR) / "tests" / "promises.txt").read_text(encoding="utf-8")
    assert "uv run --group lint lint-imports" in readme
    for word in (word for line in promises.splitlines() if not line.startswith("#") for word in line.split()):
        if word.startswith(("tests/", ".ci/")):
            assert (Path(settings.BASE_DIR) / word).exists(), word


def test_a_devil_fruit_finds_its_eater(client: Client) -> None:
    CharacterFactory(name="Luffy", devil_fruit="Gum-Gum Fruit (Gomu Gomu no Mi)")
    ace = CharacterFactory(name="Ace")
    assert get(client, "/", q="gomu gomu").names == ["Luffy"]
    Character.objects.filter(pk=ace.pk).update(devil_fruit="Flame-Flame Fruit")
    assert get(client, "/", q="flame-flame").names == ["Ace"]


def test_a_range_the_wrong_way_round_is_said_to_be_so(client: Client) -> None:
    CharacterFactory(name="Nami")
    page = get(client, "/", status=400, min_price="500", max_price="10")
    assert "the range is the wrong way round" in page.text
    assert page.names == ["Nami"]
    assert "wrong way" not in get(client, "/", min_price="10", max_price="10").text


@pytest.mark.parametrize(("following", "place"), [("/crews/", "/crews/"), ("//evil.example", "/"), ("https://evil.example", "/")])
def test_signing_up_leads_back_to_where_one_came_from(client: Client, following: str, place: str) -> None:
    fields = {"username": "robin", "password1": "Grand-Line-77!x", "password2": "Grand-Line-77!x"}
    assert client.post(f"/signup/?next={following}", fields)["Location"] == place


def test_a_bounty_without_a_chapter_is_not_dated_by_the_day_it_was_typed(client: Client) -> None:
    nami = CharacterFactory()
    assert "Chapter to be confirmed" in get(client, nami.get_absolute_url()).text


def test_a_form_that_is_refused_says_which_fields_and_links_them(desk: Client) -> None:
    url = "/admin/characters/character/add/"
    page = Page(desk.post(url, {**form_at(desk, url).values, "name": "Testa", "bounty": "many"}))
    links = {e.text: e.attributes["href"] for e in page.find("a") if e.attributes.get("href", "").startswith("#id_")}
    assert links == {"Description": "#id_description", "Bounty": "#id_bounty"}
    assert "Nothing was saved" in page.text


def test_a_change_of_one_field_has_one_button_to_undo_it(desk: Client) -> None:
    nami = CharacterFactory(name="Nami")
    for changed, buttons in ({"epithet": "A"}, 1), ({"epithet": "B", "devil_fruit": "C"}, 3):
        change(desk, nami, **changed)
        undo = Change.objects.filter(row_id=nami.pk, before__isnull=False).first()
        assert undo
        page = get(desk, f"/admin/crews/change/{undo.pk}/revert/")
        forms = page.find("button") + page.find("input", type="submit")
        assert len([e for e in forms if "Undo" in e.text + e.attributes.get("value", "")]) == buttons


def test_bounties_that_the_chart_leaves_out_are_counted(client: Client) -> None:
    law = CharacterFactory(name="Law", bounty=None)
    for amount, chapter in ((1000, 10), (2000, None), (3000, None), (4000, 40)):
        BountyEvent.objects.create(character=law, amount=amount, chapter=chapter)
    assert "2 of 4 bounties are not drawn" in get(client, law.get_absolute_url()).text
    nami = CharacterFactory(name="Nami", bounty=None)
    BountyEvent.objects.create(character=nami, amount=1000, chapter=10)
    assert "not drawn" not in get(client, nami.get_absolute_url()).text


def test_nobody_else_is_meant_where_one_character_has_all_the_words(client: Client) -> None:
    CharacterFactory(name="Monkey D. Luffy", aliases=["Straw Hat"])
    CharacterFactory(name="Sanji", terms="straw hat cook")
    text = get(client, "/", q="straw hat cook").text
    assert "Sanji" in text
    assert "Did you mean" not in text


def test_a_quantity_that_is_not_typed_yet_is_no_mistake(browser: Client) -> None:
    nami = CharacterFactory(name="Nami")
    empty, wrong = (browser.get(f"/characters/{nami.pk}/preview/", {"action": "buy", "quantity": q}) for q in ("", "x"))
    assert "Enter a quantity" in empty.content.decode()
    assert "problem" not in empty.content.decode()
    assert "problem" in wrong.content.decode()


def test_who_logs_out_is_told_so(browser: Client) -> None:
    assert "You are logged out." in browser.post("/logout/", follow=True).content.decode()


def test_a_ticket_says_whom_it_is_about(browser: Client) -> None:
    nami = CharacterFactory(name="Nami")
    assert [e.text for e in get(browser, nami.get_absolute_url()).find("h2", id="ticket-title")] == ["Trade Nami"]


LINE = "bounty_events-0-{}"


def news(desk: Client, who: Character, **typed: str) -> Page:
    """Type news of a bounty into the form and press Save; return the page that follows."""
    url = f"/admin/characters/character/{who.pk}/change/"
    form = form_at(desk, url).values
    page = Page(desk.post(url, {**form, **{LINE.format(name): value for name, value in typed.items()}}, follow=True))
    tick()
    who.refresh_from_db()
    return page


def box(page: Page) -> str:
    """Return what ticking the box of this page confirms."""
    (found,) = page.find("input", name=LINE.format("is_sure"))
    return found.attributes["value"]


def test_a_chapter_confirmed_later_moves_nothing_and_stands_where_it_belongs(desk: Client, client: Client) -> None:
    luffy = CharacterFactory(name="Luffy", bounty=None)
    for amount, chapter in ((400_000_000, None), (500_000_000, 801), (3_000_000_000, 1053)):
        BountyEvent.objects.create(character=luffy, amount=amount, chapter=chapter)
    tick()
    luffy.refresh_from_db()
    price = luffy.current_price
    news(desk, luffy, amount="400,000,000", chapter="601")
    assert (luffy.bounty, luffy.current_price) == (3_000_000_000, price)
    history = [(b.amount, b.chapter) for b in bounty_history(luffy.pk)]
    assert history == [(3_000_000_000, 1053), (500_000_000, 801), (400_000_000, 601)]


def test_a_chapter_without_an_amount_does_not_make_a_bounty_unknown(desk: Client) -> None:
    shanks = CharacterFactory(name="Shanks", bounty=4_048_900_000)
    assert "Enter the bounty" in news(desk, shanks, chapter="1100").text
    assert shanks.bounty == 4_048_900_000
    asked = news(desk, shanks, is_unknown="on")
    assert "bounty ฿4,048,900,000 → unknown, price ฿3,181.55 → ฿25.00" in asked.text
    assert shanks.bounty == 4_048_900_000
    news(desk, shanks, is_unknown="on", is_sure=box(asked))
    assert shanks.bounty is None


def test_a_bounty_is_confirmed_by_who_has_seen_what_it_moves_and_nothing_else_is(desk: Client) -> None:
    zoro = CharacterFactory(name="Zoro", bounty=1_111_000_000)
    asked = news(desk, zoro, amount="1112000000")
    assert "Zoro: bounty ฿1,111,000,000 → ฿1,112,000,000, price ฿1,666.58 → ฿1,667.33" in asked.text
    for forged in ("on", "", box(asked)):  # the last confirms another amount
        news(desk, zoro, amount="11120000000", is_sure=forged)
        assert zoro.bounty == 1_111_000_000
    news(desk, zoro, amount="1112000000", is_sure=box(asked))
    assert zoro.bounty == 1_112_000_000


def test_an_order_that_is_filled_leads_to_the_portfolio(browser: Client) -> None:
    nami = CharacterFactory(name="Nami <&>")
    page = Page(browser.post(f"/characters/{nami.pk}/trade/", ticket(), follow=True))
    assert [e.text for e in page.find("a", href="/portfolio/")] == ["Portfolio", "See your portfolio"]
    assert "Bought 1 × Nami <&>" in page.text
