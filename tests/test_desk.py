"""The staff's desk: what there is to do, who may do it, and lists that cost the same at any size."""

import re
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import Group
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from characters.models import BountyEvent, Character
from characters.work import WORK
from crews.models import Crew, CrewAnalytics
from onepiece_market.desk.group import make_desk_group
from tests.factories import CharacterFactory, CrewFactory, UserFactory
from tests.money import trade_by_sql
from tests.test_admin import ACCOUNTS, CHARACTERS, CREWS, LISTS, USERS, change, form_at, rows_of, submit
from tests.test_changes import last, revert
from tests.test_imports import act, send

pytestmark = pytest.mark.django_db(transaction=True)

MANY = 20_000
FILL = """
INSERT INTO crews (name, captain) SELECT 'Crew ' || n, 'Captain' FROM generate_series(1, {crews}) n ON CONFLICT DO NOTHING;
INSERT INTO characters (name, crew_id, description, bounty)
SELECT 'Pirate ' || n, (SELECT min(id) FROM crews) + n % {crews}, 'Somebody at sea.', CASE WHEN n % 2 = 0 THEN n * 1000 END
FROM generate_series(1, {characters}) n ON CONFLICT DO NOTHING;
ANALYZE characters, crews
"""


@pytest.fixture
def boss() -> Client:
    """A superuser's browser."""
    client = Client()
    client.force_login(UserFactory(username="boss", is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def clerk() -> Client:
    """The browser of plain staff, who are in the group Desk and no more."""
    make_desk_group()
    nami = UserFactory(username="nami", is_staff=True)
    nami.groups.add(Group.objects.get(name="Desk"))
    client = Client()
    client.force_login(nami)
    return client


def fill(crews: int, characters: int) -> None:
    """Make this many rows, by the database alone."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(FILL.format(crews=crews, characters=characters))


def page(client: Client, url: str) -> str:
    """Return a page that must answer."""
    response = client.get(url, follow=True)
    assert response.status_code == 200, url
    return response.content.decode()


def captured(client: Client, url: str) -> list[str]:
    """Return the SQL of a page, of both roles."""
    with CaptureQueriesContext(connections["default"]) as site, CaptureQueriesContext(connections["owner"]) as owner:
        page(client, url)
    return [query["sql"] for query in (*site.captured_queries, *owner.captured_queries)]


def unbounded_counts(statements: list[str]) -> list[str]:
    """Return the statements that count without a limit."""
    return [text for text in statements if re.search(r"COUNT\(", text, re.I) and not re.search(r"LIMIT \d+\) subquery$", text)]


# --- entering


def test_a_crew_is_entered_with_its_members_their_bounties_and_chapters(clerk: Client) -> None:
    first = {
        "characters-0-name": "Buggy", "characters-0-epithet": "Star Clown", "characters-0-bounty": "15000000",
        "characters-0-chapter": "9", "characters-0-description": "A clown.", "characters-0-aliases": "Bagi, バギー",
        "characters-0-devil_fruit": "Chop-Chop Fruit", "characters-0-first_chapter": "8",
    }  # fmt: skip
    second = {"characters-TOTAL_FORMS": "2", "characters-1-name": "Mohji", "characters-1-description": "A tamer."}
    submit(clerk, f"{CREWS}add/", form_at(clerk, f"{CREWS}add/"), name="Buggy Pirates", captain="Buggy", **first, **second)
    crew = Crew.objects.get()
    columns = ("name", "epithet", "bounty", "aliases", "devil_fruit", "first_chapter", "description")
    assert list(crew.characters.values_list(*columns)) == [
        ("Buggy", "Star Clown", 15_000_000, ["Bagi", "バギー"], "Chop-Chop Fruit", 8, "A clown."),
        ("Mohji", "", None, [], "", None, "A tamer."),
    ]
    assert list(BountyEvent.objects.values_list("amount", "chapter")) == [(15_000_000, 9)]
    change(clerk, crew, **{"characters-0-name": "Cabaji", "characters-0-description": "An acrobat."})
    assert crew.characters.count() == 3
    assert re.findall(r"<li><a href='[^']+'>(\w+)</a>", page(clerk, f"{CREWS}{crew.pk}/change/")) == ["Buggy", "Cabaji", "Mohji"]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"characters-0-name": "Luffy"}, "Character with this Name already exists."),
        ({"characters-0-bounty": "1_000"}, "This must be a whole number from 0"),
        ({"characters-0-bounty": "", "characters-0-chapter": "3"}, "This dates a bounty, but there is none."),
        ({"characters-0-first_chapter": "0"}, "This must be a whole number from 1"),
        ({"characters-0-description": ""}, "This field is required."),
        ({"characters-0-aliases": "a|b"}, "Separate aliases by commas"),
        ({"characters-0-epithet": "a\x07b"}, "This contains a control character."),
        ({"captain": "a\x07b"}, "This contains a control character."),
        ({"name": "Straw Hats"}, "Crew with this Name already exists."),
    ],
)
def test_a_wrong_member_is_a_sentence_and_nothing_is_saved(boss: Client, wrong: dict[str, str], sentence: str) -> None:
    CharacterFactory(name="Luffy", crew=CrewFactory(name="Straw Hats"))
    good = {
        **form_at(boss, f"{CREWS}add/").values, "name": "New", "captain": "Somebody", "characters-0-name": "Member",
        "characters-0-bounty": "5", "characters-0-description": "Typed with care.",
    }  # fmt: skip
    response = boss.post(f"{CREWS}add/", {**good, **wrong, "_save": "Save"})
    assert response.status_code == 200
    assert sentence in response.content.decode()
    assert (Crew.objects.count(), Character.objects.count()) == (1, 1)


def test_a_new_characters_history_begins_with_the_chapter(clerk: Client) -> None:
    form = form_at(clerk, f"{CHARACTERS}add/")
    submit(
        clerk,
        f"{CHARACTERS}add/",
        form,
        name="Nami",
        description="A navigator.\r\n\r\nTwo lines.",
        bounty="16000000",
        chapter="435",
    )
    assert list(BountyEvent.objects.values_list("amount", "chapter")) == [(16_000_000, 435)]
    nami = Character.objects.get()
    assert (nami.bounty, nami.description) == (16_000_000, "A navigator. Two lines.")
    shown = page(clerk, f"{CHARACTERS}{nami.pk}/change/")
    assert "<td>฿16,000,000</td><td>435</td>" in shown
    assert nami.get_absolute_url() in shown  # view on site


def test_characters_are_found_by_alias_crew_and_half_a_name(boss: Client) -> None:
    CharacterFactory(name="Roronoa Zoro", aliases=["Zolo", "ゾロ"], crew=CrewFactory(name="Straw Hat Pirates"))
    CharacterFactory(name="Nami")
    for query in ("zolo", "ゾロ", "oronoa", "straw hat", "ROR"):
        assert rows_of(boss, CHARACTERS, q=query) == ["Roronoa Zoro"], query
    assert rows_of(boss, CHARACTERS, crew="straw") == ["Roronoa Zoro"]
    assert rows_of(boss, CHARACTERS, crew="marines") == []


def test_characters_are_filtered_by_bounty_and_crews_found_by_captain(boss: Client) -> None:
    CharacterFactory(name="Wanted", crew=CrewFactory(name="Roger Pirates", captain="Gol D. Roger"))
    CharacterFactory(name="Unheard of", bounty=None, crew=CrewFactory(name="Marines", captain="Sengoku"))
    CharacterFactory(name="Harmless", bounty=0)
    shown = {value: rows_of(boss, CHARACTERS, has_bounty=value) for value in ("yes", "no", "x")}
    assert shown == {"yes": ["Harmless", "Wanted"], "no": ["Unheard of"], "x": ["Harmless", "Unheard of", "Wanted"]}
    CharacterFactory(name="Lodger", crew=CrewFactory(name="Spade Pirates"))
    assert rows_of(boss, CHARACTERS, crew="pirates") == ["Lodger", "Wanted"]  # the members of every crew that is called so
    assert [rows_of(boss, CREWS, q=text) for text in ("gol roger", "marin", "gol marin")] == [["Roger Pirates"], ["Marines"], []]


def test_the_crews_numbers_follow_what_they_are_made_of_and_nothing_else(boss: Client) -> None:
    first, second = CharacterFactory.create_batch(2, crew=CrewFactory())
    form = form_at(boss, CHARACTERS)
    submit(boss, CHARACTERS, form, **{"form-0-is_active": "", "form-1-is_active": ""})
    assert CrewAnalytics.objects.get(crew=first.crew).member_count == 0
    with CaptureQueriesContext(connections["owner"]) as asked:
        change(boss, second, epithet="Hunter")
    assert len(asked) == 0


def test_the_crews_numbers_follow_every_way_in_and_back(boss: Client) -> None:
    crew = CrewFactory()

    def members() -> int:
        return CrewAnalytics.objects.get(crew=crew).member_count

    change(boss, crew, **{"characters-0-name": "Cabaji", "characters-0-description": "An acrobat."})
    assert members() == 1
    add = f"{CHARACTERS}add/"
    submit(boss, add, form_at(boss, add), name="Mohji", description="A tamer.", crew=str(crew.pk))
    assert members() == 2
    record, _ = send(boss, f"name,crew,description\nRichie,{crew.name},A lion.\n")
    act(boss, record)
    assert members() == 3
    change(boss, Character.objects.get(name="Richie"), crew="")
    assert members() == 2
    revert(boss, last(Character.objects.get(name="Richie")))
    assert members() == 3


def test_a_filter_by_crew_looks_at_no_more_than_a_hundred_crews(boss: Client) -> None:
    fill(120, 200)
    looked = [text for text in captured(boss, f"{CHARACTERS}?crew=crew") if text.startswith('SELECT "crews"."id"')]
    assert [text.endswith("LIMIT 100") for text in looked] == [True], looked


# --- what there is to do


def test_the_start_page_counts_what_each_list_shows(clerk: Client) -> None:
    dated = CharacterFactory(name="Complete", crew=CrewFactory(), crew_chapter=1, first_chapter=1)
    BountyEvent.objects.create(character=dated, amount=4_000_000, chapter=96)
    CharacterFactory(name="Bare", description="", bounty=None)
    CharacterFactory(name="Undated", crew=CrewFactory(), crew_chapter=2, first_chapter=2)
    told = {"crew": CrewFactory(), "crew_chapter": 2, "first_chapter": 2}
    CharacterFactory(name="Shelved", **told, bounty=None, is_tradeable=False, is_active=False)
    expected = {
        "crew": ["Bare"], "description": ["Bare"], "source": ["Bare"], "bounty-source": ["Undated"], "bounty": ["Bare"],
        "not-traded": ["Shelved"], "inactive": ["Shelved"],
    }  # fmt: skip
    assert {work.key: rows_of(clerk, CHARACTERS, work=work.key) for work in WORK} == expected
    shown = dict(re.findall(r'\?work=([\w-]+)">.*?<td class="number">([\d,+]+)</td>', page(clerk, "/admin/"), re.S))
    assert shown == {key: str(len(names)) for key, names in expected.items()}


def test_more_than_a_thousand_is_said_so(boss: Client) -> None:
    fill(3, 1500)
    start = page(boss, "/admin/")
    assert re.search(r'\?work=source">.*?<td class="number">1,000\+</td>', start, re.S)
    assert "about 1,500 characters" in page(boss, CHARACTERS)
    assert "more than 1,000 characters" in page(boss, f"{CHARACTERS}?work=source")
    assert boss.get(f"{CHARACTERS}?p=21").status_code == 302  # no page beyond the first thousand


# --- who may do it


def test_plain_staff_of_the_desk_work_without_being_superusers(clerk: Client) -> None:
    zoro = CharacterFactory(name="Zoro", crew=CrewFactory())
    trader = UserFactory(username="Holder")
    for url in ("/admin/", *(u for u in LISTS if "/group/" not in u), f"{CHARACTERS}{zoro.pk}/history/", f"{CHARACTERS}export/"):
        assert clerk.get(url).status_code == 200, url
    change(clerk, zoro, epithet="Hunter")
    assert zoro.epithet == "Hunter"
    user_page = page(clerk, f"{USERS}{trader.pk}/change/")
    assert f"{ACCOUNTS}{trader.pk}/change/" in user_page
    assert "argon2" not in user_page
    assert "password" not in user_page.split("<main", 1)[1]
    assert clerk.post(f"{USERS}{trader.pk}/change/", {"is_superuser": "on", "_save": "Save"}).status_code == 403
    assert clerk.get("/admin/auth/group/").status_code == 403


def test_the_start_page_tells_each_what_he_may_see(clerk: Client) -> None:
    CharacterFactory(name="Bare", crew=None)
    change(clerk, Character.objects.get(), epithet="Typed")
    send(clerk, "name,colour\nA,red\n", "refused.csv")
    reader = Client()
    reader.force_login(UserFactory(is_staff=True))
    told = ("?work=crew", "refused.csv", "Typed</ins>")
    assert [[text in page(client, "/admin/") for text in told] for client in (clerk, reader)] == [[True] * 3, [False] * 3]


def test_the_group_is_made_once_and_then_belongs_to_the_staff() -> None:
    make_desk_group()
    desk = Group.objects.get(name="Desk")
    assert desk.permissions.filter(codename="change_character").exists()
    desk.permissions.clear()
    make_desk_group()
    assert not desk.permissions.exists()


def test_the_account_page_names_characters_and_pages_the_ledger(boss: Client) -> None:
    trader = UserFactory(username="Holder")
    luffy = CharacterFactory(name="Luffy")
    for _ in range(101):
        assert trade_by_sql(trader.pk, trader.pk, luffy.pk, "buy", 1)["success"]
    url = f"{ACCOUNTS}{trader.pk}/change/"
    first = page(boss, url)
    assert first.count("<td>buy</td><td>Luffy</td>") == 100
    assert "Earlier entries" in first
    second = page(boss, f"{url}?page=2")
    assert second.count("<td>buy</td><td>Luffy</td>") == 1
    assert "<td>100,000.00</td>" in second
    assert len(captured(boss, url)) == len(captured(boss, f"{url}?page=2"))
    assert f"{USERS}{trader.pk}/change/" in first


# --- at any size


@pytest.fixture
def pages() -> list[str]:
    """Every list, searched and filtered, the choice of a crew by typing, and the pages of one row."""
    choice = "/admin/autocomplete/?app_label=characters&model_name=character&field_name=crew&term="
    filters = ("q=pirate", "crew=crew", "has_bounty=no", "is_active__exact=1", "p=20", "o=-1", *(f"work={w.key}" for w in WORK))
    return ["/admin/", *LISTS, *(f"{CHARACTERS}?{f}" for f in filters), f"{CREWS}?q=crew", f"{choice}crew", choice]


def test_lists_ask_the_same_at_200_and_at_20_000(boss: Client, pages: list[str]) -> None:
    fill(60, 200)
    first = [f"{CHARACTERS}{Character.objects.earliest('id').pk}/change/", f"{CREWS}{Crew.objects.earliest('id').pk}/change/"]
    urls = [url for url in [*pages, *first] if "p=20" not in url]
    for url in first:
        page(boss, url)  # content types are read once a process
    few = {url: captured(boss, url) for url in urls}
    fill(60, MANY)
    many = {url: captured(boss, url) for url in [*pages, *first]}
    assert {url: len(statements) for url, statements in many.items() if url in few} == {u: len(s) for u, s in few.items()}
    assert [text for statements in many.values() for text in unbounded_counts(statements)] == []
    assert max(len(statements) for statements in many.values()) <= 16


def test_an_unbounded_count_is_seen() -> None:
    """Negative control."""
    bounded = "SELECT COUNT(*) FROM (SELECT 1 FROM characters LIMIT 1001) subquery"
    assert unbounded_counts(['SELECT COUNT(*) AS "__count" FROM "characters"', bounded]) == [
        'SELECT COUNT(*) AS "__count" FROM "characters"'
    ]


@pytest.fixture
def planned() -> Iterator[None]:
    """Let the planner have nothing but indexes to choose from: a test table is too small for it to want one."""
    with connections["default"].cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        yield
        cursor.execute("RESET enable_seqscan")


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("", "characters_name_key"), ("work=crew", "idx_characters_no_crew"), ("work=source", "idx_characters_no_chapter"),
        ("work=description", "idx_characters_no_description"), ("work=not-traded", "idx_characters_not_traded"),
        ("work=inactive", "idx_characters_inactive"), ("q=zoro", "idx_characters_search"),
        ("q=zoro", "idx_characters_spelling"),
    ],
)  # fmt: skip
def test_the_list_is_served_by_an_index(boss: Client, planned: None, query: str, index: str) -> None:
    fill(3, 2000)
    (listed,) = (
        text for text in captured(boss, f"{CHARACTERS}?{query}") if "ORDER BY" in text and '"characters"."epithet"' in text
    )
    with connections["default"].cursor() as cursor:
        cursor.execute(f"EXPLAIN {listed}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert index in plan, plan
