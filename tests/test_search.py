"""The search: what fans type finds whom they mean. `uv run pytest tests/test_search.py -s` prints the recall of both halves.

The labelled queries were written before the search was tuned, and only on the half `build`; `held` says how good it is.
"""

import csv
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from characters.board import BoardQuery
from characters.loading import DATA, read_table
from characters.models import Character
from characters.search import Match, Tier, matches
from characters.selectors import Page, board, suggestions
from characters.services import write_characters, write_crews
from crews.models import Crew
from tests.factories import CharacterFactory, CrewFactory

pytestmark = pytest.mark.django_db

BAR = {1: 0.90, 3: 0.98}
HALVES = ("build", "held")
Found = Callable[[str], list[str]]


class Query(NamedTuple):
    """What somebody typed, and who was meant: one of these."""

    text: str
    meant: frozenset[str]


class Recall(NamedTuple):
    """The share of queries whose first answer, or one of the first three, was meant."""

    at1: float
    at3: float

    @property
    def holds(self) -> bool:
        """Whether both reach the bar."""
        return self.at1 >= BAR[1] and self.at3 >= BAR[3]


def labelled() -> list[dict[str, str]]:
    """Return the file's rows."""
    with (Path(__file__).parent / "search_queries.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def queries(half: str) -> list[Query]:
    """Return the queries of one half."""
    return [Query(row["query"], frozenset(row["expected"].split("|"))) for row in labelled() if row["half"] == half]


def found(text: str) -> list[Match]:
    """Search as the board does, names only."""
    return matches(BoardQuery(q=text), ("name",), 10)


def names(text: str, **filters: object) -> list[str]:
    """Return the names that the board shows for a search, spellings last."""
    page = board(BoardQuery(q=text, **filters))
    return [row.name for row in [*page.rows, *page.similar]]


def recall(half: str, search: Found = names) -> Recall:
    """Search for every query of a half."""
    ranks = []
    for query in queries(half):
        shown = search(query.text)
        ranks.append(next((n for n, name in enumerate(shown) if name in query.meant), 99))
    return Recall(sum(rank < 1 for rank in ranks) / len(ranks), sum(rank < 3 for rank in ranks) / len(ranks))


def load_bundled() -> None:
    """Load the data that comes with the market, as the site's own role."""
    write_crews(read_table(DATA / "crews.csv"), "default")
    write_characters(read_table(DATA / "characters.csv"), "default")


@pytest.fixture
def bundled() -> None:
    """Begin with the data that comes with the market."""
    load_bundled()


def tier(text: str) -> Tier:
    """Return how the first answer was found."""
    return found(text)[0].tier


# --- the labelled queries


def test_the_held_half_reaches_the_bar(bundled: None) -> None:
    for half in HALVES:
        print(f"\n{half}: {len(queries(half))} queries, {recall(half)}", end="")  # noqa: T201  shown by -s
    assert recall("held").holds


def test_without_the_search_for_spellings_the_bar_is_missed(bundled: None) -> None:
    assert not recall("held", lambda text: [match.values[0] for match in found(text) if match.tier < Tier.SPELLING]).holds


def test_without_aliases_and_search_terms_the_bar_is_missed(bundled: None) -> None:
    Character.objects.update(aliases=[])
    assert not recall("held").holds
    load_bundled()
    Character.objects.update(terms="")
    assert not recall("held").holds


def test_there_are_enough_queries_for_enough_characters() -> None:
    rows = labelled()
    meant = {name for row in rows for name in row["expected"].split("|")}
    assert len(rows) == len({row["query"] for row in rows}) >= 640
    assert len({row["expected"] for row in rows if "|" not in row["expected"]}) >= 200
    assert meant <= {row["name"] for row in read_table(DATA / "characters.csv").rows.values()}
    assert min(len(queries(half)) for half in HALVES) >= 300


def test_the_half_of_a_query_follows_from_its_text() -> None:
    """The first byte of its SHA-256: nobody chose which failures to look at."""
    for row in labelled():
        assert row["half"] == HALVES[hashlib.sha256(row["query"].encode()).digest()[0] % 2], row


# --- one ranking


def test_names_come_before_other_names_before_parts_before_words_before_spellings() -> None:
    CharacterFactory(name="Brandt", bounty=10**9)
    CharacterFactory(name="Somebody Else", description="Once a brand was burnt into her arm.", bounty=10**10)
    CharacterFactory(name="Firebrand Jo", aliases=["Brand New"], bounty=10**8)
    CharacterFactory(name="Old Joe", aliases=["Brand"], bounty=10**11)
    CharacterFactory(name="Brand", bounty=1)
    CharacterFactory(name="Brnad", bounty=10**12)
    order = [(match.values[0], match.tier) for match in found("brand")]
    assert order == [
        ("Brand", Tier.NAME),
        ("Old Joe", Tier.OTHER_NAME),
        ("Brandt", Tier.PART_OF_NAME),
        ("Firebrand Jo", Tier.PART_OF_NAME),
        ("Somebody Else", Tier.WORDS),
        ("Brnad", Tier.SPELLING),
    ]


def test_words_that_stand_side_by_side_come_before_better_columns_before_richer_characters() -> None:
    CharacterFactory(name="Apart", description="A hat lies on the straw.", bounty=10**12)
    CharacterFactory(name="Column", terms="old hat maker, sleeps on straw indoors", bounty=10**6)
    CharacterFactory(name="Phrase", description="Wears a straw hat.", bounty=1)
    assert names("straw hat") == ["Phrase", "Column", "Apart"]


def test_a_name_that_begins_so_comes_before_another_name_that_does_before_words_in_the_middle() -> None:
    CharacterFactory(name="Jo of Red Hay", bounty=10**12)
    CharacterFactory(name="Jo", aliases=["Red Harp"], bounty=10**9)
    CharacterFactory(name="Red Hawk", bounty=10**6)
    assert names("red ha") == ["Red Hawk", "Jo", "Jo of Red Hay"]


def test_parts_of_a_name_that_stand_side_by_side_come_first() -> None:
    CharacterFactory(name="Jo Red Long Hair", bounty=10**12)
    CharacterFactory(name="Jo Red Hair", bounty=1)
    assert names("red hair") == ["Jo Red Hair", "Jo Red Long Hair"]


def test_equals_come_in_the_order_of_their_market_cap() -> None:
    for name, bounty in (("Ohara One", 10), ("Ohara Two", 10**9), ("Ohara Six", 10**6)):
        CharacterFactory(name=name, bounty=bounty)
    assert names("ohara") == ["Ohara Two", "Ohara Six", "Ohara One"]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("boa", "Boa Hancock"), ("red hair", "Shanks"), ("king", "King"), ("neko", "Nekomamushi"), ("dragon", "Monkey D. Dragon")],
)
def test_a_name_does_not_drown_among_those_that_contain_it(bundled: None, typed: str, meant: str) -> None:
    assert names(typed)[0] == meant


@pytest.mark.parametrize(
    "typed",
    [
        "straw hat",
        "strawhat",
        "Straw-Hat",
        "STRAW  HAT",
        "ｓｔｒａｗ hat",
        "străw hát",
        "straw.hat",
        "straw_hat",
        "s t r a w h a t",
    ],
)
def test_separators_case_accents_and_width_do_not_matter(bundled: None, typed: str) -> None:
    assert (names(typed)[0], tier(typed)) == ("Monkey D. Luffy", Tier.OTHER_NAME)


@pytest.mark.parametrize(
    "typed", ["monkey d luffy", "MonkeyDLuffy", "Monkey D. Luffy", "monkey-d-luffy", "ＭＯＮＫＥＹ　Ｄ．ＬＵＦＦＹ"]
)
def test_a_name_is_its_name_however_it_is_put_together(bundled: None, typed: str) -> None:
    assert (names(typed)[0], tier(typed)) == ("Monkey D. Luffy", Tier.NAME)


@pytest.mark.parametrize("typed", ["ルフィ", "るふぃ", "ﾙﾌｨ", "モンキー・D・ルフィ", "麦わらのルフィ"])
def test_japanese_is_found_in_either_script_and_width(bundled: None, typed: str) -> None:
    assert names(typed)[0] == "Monkey D. Luffy"


@pytest.mark.parametrize("typed", ["!!!", "・", "  ' ", "’", "\u0301", "の"])
def test_a_search_for_nothing_finds_nobody(bundled: None, typed: str) -> None:
    assert board(BoardQuery(q=typed)) == Page([], similar=[])


def test_filters_hold_in_every_tier() -> None:
    crew = CrewFactory()
    for name in ("Brook", "Brookside Jo", "Brok"):
        CharacterFactory(name=name, crew=crew, bounty=4_000_000)
        CharacterFactory(name=f"{name} II", bounty=4_000_000_000)
    assert sorted(names("brook", crew=crew.pk)) == ["Brok", "Brook", "Brookside Jo"]
    assert sorted(names("brook", max_price=200)) == ["Brok", "Brook", "Brookside Jo"]
    assert sorted(names("brook", max_bounty=4_000_000)) == ["Brok", "Brook", "Brookside Jo"]
    assert sorted(names("brook", min_price=200)) == ["Brok II", "Brook II", "Brookside Jo II"]
    assert sorted(names("brook", min_bounty=4_000_001)) == ["Brok II", "Brook II", "Brookside Jo II"]


def test_a_renamed_crew_is_found_under_its_new_name_only() -> None:
    crew = CrewFactory(name="Spade Pirates")
    CharacterFactory(name="Ace", crew=crew)
    assert (names("spade"), names("whitebeard")) == (["Ace"], [])
    Crew.objects.filter(pk=crew.pk).update(name="Whitebeard Pirates")
    assert (names("spade"), names("whitebeard")) == ([], ["Ace"])


@pytest.mark.parametrize("typed", ["green hair swordsman", "the swordsman with green hair", "green haired swordsman"])
def test_a_swordsman_is_found_by_his_hair(bundled: None, typed: str) -> None:
    assert names(typed)[:1] == ["Roronoa Zoro"]


def test_search_terms_are_found_and_not_shown(client: Client) -> None:
    character = CharacterFactory(name="Kozuki Hiyori", terms="komurasaki")
    assert names("komurasaki") == ["Kozuki Hiyori"]
    assert "omurasaki" not in client.get(character.get_absolute_url()).content.decode()


def test_a_search_costs_one_query(bundled: None) -> None:
    for text in ("luffy", "zzzz", "the", "straw hat cook", "lufy"):
        with CaptureQueriesContext(connection) as captured:
            board(BoardQuery(q=text))
        assert len(captured) == 1


# --- did you mean, and suggestions


def test_a_misspelt_name_is_guessed_and_linked(client: Client, bundled: None) -> None:
    luffy = Character.objects.get(name="Monkey D. Luffy")
    text = client.get("/", {"q": "lufy"}).content.decode()
    assert f'Did you mean <a href="{luffy.get_absolute_url()}">Monkey D. Luffy</a>?' in text
    assert board(BoardQuery(q="lufy")).rows == []


def test_a_name_typed_right_is_not_questioned(client: Client, bundled: None) -> None:
    assert "Did you mean" not in client.get("/", {"q": "luffy"}).content.decode()
    assert board(BoardQuery(q="luffy")).meant is None


def test_behind_true_matches_stand_five_spellings_at_most_and_only_close_ones() -> None:
    CharacterFactory(name="Brakko")
    assert names("brook") == ["Brakko"]  # the control: better than nobody
    CharacterFactory(name="Brook")
    for letter in "acefgh":
        CharacterFactory(name=f"Broo{letter}")
    page = board(BoardQuery(q="brook"))
    assert [row.name for row in page.rows] == ["Brook"]
    assert len(page.similar) == 5
    Character.objects.filter(name__startswith="Broo").exclude(name="Brook").update(is_active=False)
    assert names("brook") == ["Brook"]


def test_where_many_are_found_by_their_words_nobody_else_is_meant(client: Client) -> None:
    CharacterFactory.create_batch(4, description="He is brok and never mended.")
    CharacterFactory(name="Brook")
    assert "Did you mean" not in client.get("/", {"q": "brok"}).content.decode()


def test_words_found_in_a_description_leave_room_for_a_guess(client: Client) -> None:
    CharacterFactory(name="Franky", description="He is brok and never mended.")
    CharacterFactory(name="Brook")
    text = client.get("/", {"q": "brok"}).content.decode()
    assert names("brok") == ["Franky", "Brook"]
    assert "Did you mean" in text
    assert "The closest spellings" in text


def test_suggestions_are_at_most_eight_links_with_crew_and_price(client: Client, bundled: None) -> None:
    response = client.get("/search/suggest/", {"q": "charlotte"})
    text = response.content.decode()
    assert text.count("<li>") == text.count("<a ") == 8
    assert "Big Mom Pirates" in text
    assert "฿" in text
    assert "<html" not in text
    assert response["Cache-Control"] == "public, max-age=30"


@pytest.mark.parametrize("typed", ["", " ", "!!!", "qxzvqxzv", "x" * 101])
def test_nothing_to_suggest_is_an_empty_answer(client: Client, bundled: None, typed: str) -> None:
    response = client.get("/search/suggest/", {"q": typed})
    assert (response.status_code, response.content) == (200, b"")
    assert client.get("/search/suggest/", {"q": "luf"}).content != b""  # the control
    assert client.get("/search/suggest/", {"q": "a\0b"}).status_code == 400


def test_suggestions_are_escaped(client: Client) -> None:
    CharacterFactory(name="<b>Bepo</b>")
    assert "&lt;b&gt;Bepo&lt;/b&gt;" in client.get("/search/suggest/", {"q": "bepo"}).content.decode()


def test_suggestions_cost_one_query_and_none_for_nothing(bundled: None) -> None:
    with CaptureQueriesContext(connection) as captured:
        assert suggestions("") == []
        assert suggestions("luf")[0].name == "Monkey D. Luffy"
    assert len(captured) == 1
    assert "FROM search_characters(" in captured[0]["sql"]


def test_a_typing_mistake_is_suggested() -> None:
    CharacterFactory(name="Monkey D. Luffy")
    assert [row.name for row in suggestions("lufy")] == ["Monkey D. Luffy"]


@pytest.mark.parametrize("address", ["/", "/crews/"])
def test_both_search_boxes_ask_for_suggestions_in_order(client: Client, bundled: None, address: str) -> None:
    text = client.get(address).content.decode()
    assert text.count('hx-get="/search/suggest/"') == 1
    assert 'hx-trigger="input changed delay:150ms"' in text
    assert 'hx-sync="this:queue last"' in text


def test_nobody_who_was_deactivated_is_suggested() -> None:
    CharacterFactory(name="Ohara One", is_tradeable=False)
    CharacterFactory(name="Ohara Two", is_active=False)
    assert [row.name for row in suggestions("ohara")] == ["Ohara One"]


@pytest.mark.parametrize("typed", ["qqxzzyqq", "xyzzyq", "asdfgh", "lorem ipsum dolor"])
def test_nonsense_finds_nobody(bundled: None, typed: str) -> None:
    assert names(typed) == []


def test_what_is_hardly_alike_would_be_found_without_its_limit(bundled: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control."""
    monkeypatch.setattr("characters.selectors.FAR", 0)
    assert names("qqxzzyqq") != []
