"""Faces, marks and posters: valid, alike everywhere, different for everybody, small, and drawn only when they changed."""

import csv
import gzip
import re
import struct
import uuid
import zlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from django.db import connection
from django.templatetags.static import static
from django.test import Client
from django.test.utils import CaptureQueriesContext

from characters import posters, raster
from characters.drawing import SPRITES, STATIC, copies, drawings
from characters.emblems import emblem, marks
from characters.faces import FEATURES, MEN, WOMEN, face, face_of_stranger, looks
from characters.lettering import berries, em, fit, printable
from characters.loading import DATA
from characters.models import BountyEvent, Character
from characters.palette import PALETTE
from characters.posters import ROOM, Sheet, poster_svg, share_png, sheet
from onepiece_market import pictures
from tests.factories import CharacterFactory, CrewFactory, UserFactory
from trading.orders import ParsedOrder
from trading.services import place_order

SVG = "{http://www.w3.org/2000/svg}"
AWKWARD = {
    "100 letters": "Wm" * 50,
    "many words": ("of the Seven Seas " * 6).strip()[:100],
    "markup": "<script>&\"'</text><b>",
    "a number as an entity": "&#0;&lt;",
    "control characters": "Bell\x07 and \x0b tab\t line\n",
    "noncharacters": "\ufffe\uffff",
    "emoji": "🏴‍☠️ Captain 👩‍👩‍👧",
    "right to left": "مرحبا שלום",
    "Japanese": "モンキー・D・ルフィ" * 5,
    "combining": "Zo\u0301\u0301\u0301ro",
    "spaces": "   ",
    "astral": "𝕷𝖚𝖋𝖋𝖞",
}


def somebody(name: str, crew: str = "", *, epithet: str = "", bounty: int | None = 1000) -> Any:
    """Return whoever can be drawn, without a database."""
    return SimpleNamespace(id=1, name=name, crew_name=crew, epithet=epithet, bounty=bounty)


def cast(file: str) -> list[dict[str, str]]:
    """Return the rows of one of the tables that the market is loaded from."""
    with (DATA / file).open(encoding="utf-8", newline="") as table:
        return list(csv.DictReader(table))


def different(drawn: Iterable[object]) -> float:
    """Return which share of the drawings is unlike all others."""
    seen = list(map(str, drawn))
    return sum(seen.count(one) == 1 for one in seen) / len(seen)


def pixels(png: bytes) -> tuple[int, int, bytes]:
    """Decode a PNG as far as its size and its filtered rows."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    place, data, size = 8, b"", (0, 0)
    while place < len(png):
        length, kind = struct.unpack(">I4s", png[place : place + 8])
        body = png[place + 8 : place + 8 + length]
        assert zlib.crc32(kind + body) == struct.unpack(">I", png[place + 8 + length : place + 12 + length])[0]
        size = struct.unpack(">II", body[:8]) if kind == b"IHDR" else size
        data += body if kind == b"IDAT" else b""
        place += length + 12
    return *size, zlib.decompress(data)


def test_the_tables_speak_of_characters_and_crews_that_exist() -> None:
    assert looks().keys() <= {row["name"] for row in cast("characters.csv")}
    assert marks().keys() <= {row["name"] for row in cast("crews.csv")}
    assert len(looks()) >= 100


@pytest.mark.parametrize("people", [MEN, WOMEN])
def test_whatever_the_lot_can_draw_is_in_the_sprite(people: dict[str, tuple[str, ...]]) -> None:
    assert people.keys() == set(FEATURES)
    for feature, choices in people.items():
        assert {f"{feature}-{choice}" for choice in choices if choice} <= drawings().keys()


def test_every_face_and_mark_is_made_of_parts_and_colours_that_exist() -> None:
    colours = set(PALETTE.values())
    for row in cast("characters.csv"):
        ground, *parts = face(row["name"], row["crew"])
        assert {part.id for part in (ground, *parts)} <= drawings().keys(), row["name"]
        assert {colour for part in parts for colour in part[1:]} <= colours | {""}
    for crew in [*marks(), *(f"Crew {n}" for n in range(500))]:
        assert {part.id for part in emblem(crew)} <= drawings().keys(), crew


def test_the_sprites_are_well_formed_and_without_styles() -> None:
    for sprite in SPRITES:
        root = ET.parse(STATIC / sprite).getroot()
        inside = {element.tag.removeprefix(SVG) for element in root.iter()}
        assert inside <= {"svg", "defs", "g", "path", "circle", "ellipse"}, inside
        ids = [element.get("id") for element in root.iter() if element.get("id")]
        assert len(ids) == len(set(ids))
        assert not [e for e in root.iter() if "style" in e.attrib or any(name.startswith("on") for name in e.attrib)]


@pytest.mark.parametrize(
    ("name", "part", "red"),
    [
        ("Monkey D. Luffy", "mark-cheek", "#8c3a28"),
        ("Roronoa Zoro", "eyes-scar", "#8c3a28"),
        ("Shanks", "mark-claws", "#a03a28"),
        ("Sabo", "mark-burn", "#a8432f"),
        ("Monkey D. Dragon", "mark-tattoo", "#a02a1a"),
        ("Eustass Kid", "mark-stitches", "#5a2a1e"),
    ],
)
def test_whoever_is_scarred_on_his_left_is_so_on_the_viewers_right(name: str, part: str, red: str) -> None:
    assert part in {drawn.id for drawn in face(name)}
    inked = re.findall(rf'<path d="([^"]*)"[^>]*{red}', drawings()[part].content)
    starts = [float(x) for path in inked for x in re.findall(r"M([0-9.]+)", path)]
    assert starts
    assert min(starts) > 50


def test_a_face_depends_on_nothing_but_name_and_crew() -> None:
    """Hashes of text differ from process to process: what was drawn by lot must not."""
    ids = "bg hair-curls-b head-heart wear-tee brow-arch eyes-sultry nose-dot mouth-cat hair-curls hat-cap"
    assert [part.id for part in face("Somebody Else")] == ids.split()
    assert face("Somebody Else", "A crew")[1:] == face("Somebody Else")[1:]


def test_hardly_two_faces_are_alike() -> None:
    known = [face(row["name"], row["crew"]) for row in cast("characters.csv")]
    assert different(known) >= 0.95
    assert different(tuple(part.id for part in one) for one in known) >= 0.95, "also without colours"
    assert different(face(f"Character {n}") for n in range(2000)) >= 0.95
    assert different(face("the same") for n in range(100)) < 0.95, "the control"


def test_the_members_of_a_crew_share_its_mark_and_ground() -> None:
    zoro, nami, smoker = (sheet(somebody(*who)) for who in (("Zoro", "A"), ("Nami", "A"), ("Smoker", "B")))
    assert zoro.mark == nami.mark != smoker.mark
    assert zoro.face[0] == nami.face[0] != smoker.face[0]
    assert str(copies(zoro.mark)) in poster_svg(somebody("Nami", "A"))
    assert str(copies(zoro.mark)) not in poster_svg(somebody("Nami", "B"))
    assert sheet(somebody("Nobody")).mark == ()
    assert different(emblem(crew) for crew in marks()) == 1
    assert different(emblem(f"Crew {n}") for n in range(40)) >= 0.75


def test_a_trader_does_not_get_the_face_of_the_character_he_names_himself_after() -> None:
    assert face_of_stranger("Monkey D. Luffy") != face("Monkey D. Luffy")
    assert pictures.small_face("Monkey D. Luffy") != pictures.small_face(somebody("Monkey D. Luffy"))


@pytest.mark.parametrize("text", AWKWARD.values(), ids=AWKWARD.keys())
@pytest.mark.parametrize("bounty", [None, 0, 10**15])
def test_any_name_is_drawn_within_the_sheet(text: str, bounty: int | None) -> None:
    svg = poster_svg(somebody(text, crew=text, epithet=text, bounty=bounty))
    root = ET.fromstring(svg)
    assert root.get("role") == "img"
    title = root.find(f"{SVG}title")
    assert title is not None
    assert title.text == sheet(somebody(text, text, epithet=text, bounty=bounty)).title
    lines = list(root.iter(f"{SVG}text"))
    assert "".join(line.text or "" for line in lines).replace(" ", "").startswith(printable(text).upper().replace(" ", ""))
    for line in lines:
        widest = float(line.get("textLength") or em(line.text or "") * float(line.get("font-size", 0)))
        assert widest <= ROOM + 0.1
        assert 410 < float(line.get("y", 0)) < 500
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
        "svg",
        "title",
        "g",
        "path",
        "circle",
        "ellipse",
        "text",
    }
    assert "style=" not in svg.replace("font-style=", "")


def test_without_the_guard_a_control_character_would_break_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posters, "printable", lambda text: text)
    with pytest.raises(ET.ParseError):
        ET.fromstring(poster_svg(somebody(AWKWARD["control characters"])))


def test_long_names_take_more_lines_and_bounties_shrink() -> None:
    assert [line.text for line in fit("NAMI", ROOM, 42, 17)] == ["NAMI"]
    assert len(fit("TRAFALGAR D. WATER LAW THE SURGEON OF DEATH", ROOM, 42, 17)) == 2
    assert fit("", ROOM, 42, 17) == []
    for amount in (1, 10**9, 10**15):
        assert berries(amount, ROOM).width <= ROOM
    assert "".join(letter.part[-1] for letter in berries(1234, ROOM).letters) == "y1a234"


def test_a_poster_says_what_is_known_of_the_bounty() -> None:
    assert sheet(somebody("Nami", bounty=None)).title == "Notice: Nami, no crew, bounty unknown"
    assert sheet(somebody("Nami", bounty=0)).title == "Notice: Nami, no crew, no bounty"
    assert sheet(somebody("Nami", "A", epithet="Cat", bounty=1000)).title == "Wanted: Nami, “Cat”, A, bounty ฿1,000"


def test_fifty_faces_are_small() -> None:
    rows = [somebody(row["name"], row["crew"]) for row in cast("characters.csv")[:50]]
    referred = "".join(str(pictures.small_face(row)) for row in rows)
    in_full = "".join(str(copies(face(row.name, row.crew_name))) for row in rows)
    assert len(gzip.compress(referred.encode())) <= 3000
    assert len(gzip.compress((STATIC / "faces.svg").read_bytes())) <= 14_000
    assert len(gzip.compress((STATIC / "posters.svg").read_bytes())) <= 9000
    assert len(gzip.compress(in_full.encode())) > 3000, "the control"


@pytest.mark.django_db
def test_the_poster_has_an_address_and_costs_one_query(client: Client) -> None:
    luffy = CharacterFactory(name="Luffy & <co>", crew=CrewFactory(), is_active=False)
    with CaptureQueriesContext(connection) as queries:
        response = client.get(f"/characters/{luffy.pk}/poster.svg")
    assert len(queries) == 1
    assert response.status_code == 200, "also of a deactivated character"
    assert response["Content-Type"] == "image/svg+xml"
    assert "public" in response["Cache-Control"]
    assert "Cookie" not in response.get("Vary", "")
    assert "LUFFY & <CO>" in [line.text for line in ET.fromstring(response.content).iter(f"{SVG}text")]


@pytest.mark.django_db
@pytest.mark.parametrize("file", ["poster.svg", "share.png"])
def test_whoever_has_the_drawing_gets_304_and_nothing_is_drawn(
    client: Client, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    address = f"/characters/{CharacterFactory().pk}/{file}"
    etag = client.get(address)["ETag"]
    monkeypatch.setattr(posters, "render_to_string", None)
    with CaptureQueriesContext(connection) as queries:
        response = client.get(address, headers={"If-None-Match": etag})
    assert (response.status_code, response.content, len(queries)) == (304, b"", 1)
    assert response["ETag"] == etag
    posters._share_png.cache_clear()
    with pytest.raises(TypeError):
        client.get(address, headers={"If-None-Match": '"old"'})


@pytest.mark.django_db
@pytest.mark.parametrize("file", ["poster.svg", "share.png"])
def test_nobody_has_no_drawing(client: Client, file: str) -> None:
    assert client.get(f"/characters/999999999/{file}").status_code == 404
    assert client.get(f"/characters/9999999999/{file}").status_code == 404
    assert client.post(f"/characters/1/{file}").status_code == 405


@pytest.mark.django_db
def test_a_new_bounty_is_a_new_poster_and_a_new_price_is_not() -> None:
    luffy = CharacterFactory(bounty=30_000_000)
    before = sheet(somebody(luffy.name, bounty=luffy.bounty)).etag
    luffy.current_price += 1
    assert sheet(somebody(luffy.name, bounty=luffy.bounty)).etag == before
    BountyEvent.objects.create(character=luffy, amount=100_000_000)
    announced = Character.objects.get(pk=luffy.pk)
    assert sheet(somebody(luffy.name, bounty=announced.bounty)).etag != before
    assert len({sheet(somebody("A", bounty=bounty)).etag for bounty in (None, 0, 1)}) == 3


def test_name_and_epithet_are_lettered_on_the_poster() -> None:
    texts = [e.text for e in ET.fromstring(poster_svg(somebody("Nami", epithet="Cat Burglar"))).iter(f"{SVG}text")]
    assert texts == ["NAMI", "“Cat Burglar”"]


def test_name_epithet_and_crew_are_lettered_on_the_share_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posters, "png", str.encode)  # the drawing before it is rastered
    drawn = ET.fromstring(share_png(somebody("Nami", "Arlong Pirates", epithet="Cat Burglar")))
    posters._share_png.cache_clear()
    assert [e.text for e in drawn.iter(f"{SVG}text")][2:] == ["ONE PIECE MARKET", "Nami", "“Cat Burglar”", "Arlong Pirates"]


def test_face_mark_and_bounty_are_drawn_on_poster_and_share_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posters, "png", str.encode)
    nami = somebody("Nami", "Arlong Pirates", bounty=1234)
    poster, share, it = poster_svg(nami), share_png(nami).decode(), sheet(nami)
    posters._share_png.cache_clear()
    assert it.berries
    amount = "".join(f'<g transform="translate({x})">{posters._draw(part)}</g>' for part, x in it.berries.letters)
    for drawn, times in ((str(copies(it.face)), 1), (str(copies(it.mark)), 2), (amount, 2)):
        assert poster.count(drawn) == 1
        assert share.count(drawn) == times


@pytest.mark.parametrize("changed", [{"name": "X"}, {"epithet": "X"}, {"crew": "X"}, {"bounty": 2}])
def test_whatever_stands_on_a_poster_is_in_its_validator(changed: dict[str, Any]) -> None:
    plain = Sheet("Nami", "Cat Burglar", "Straw Hat Pirates", 1)
    assert plain._replace(**changed).etag != plain.etag


@pytest.mark.django_db
def test_the_share_image_is_a_png_of_its_own_for_everybody(client: Client) -> None:
    crew = CrewFactory()
    address = f"/characters/{CharacterFactory(name='Nami', crew=crew).pk}/share.png"
    with CaptureQueriesContext(connection) as queries:
        response = client.get(address)
    assert len(queries) == 1
    assert response["Content-Type"] == "image/png"
    width, height, rows = pixels(response.content)
    assert (width, height, len(rows)) == (1200, 630, 630 * (1200 * 4 + 1))
    assert len(response.content) < 300_000, "what chat apps fetch without asking"


def test_eight_at_once_are_drawn_and_text_is_drawn_with_our_own_fonts() -> None:
    names = ["Nami", "Usopp", *list(AWKWARD.values())[:3]]
    cast = [*(somebody(name, epithet="Twin") for name in names), *(somebody("Nami", epithet=word) for word in ("A", "B", "Zoë"))]
    with ThreadPoolExecutor(8) as pool:
        images = list(pool.map(share_png, cast))
    assert different(images) == 1, "the last three differ in their text only"
    assert {pixels(image)[:2] for image in images} == {(1200, 630)}


@pytest.mark.django_db
@pytest.mark.parametrize("reason", ["it takes too long", "resvg refuses it", "too many at once"])
def test_an_image_that_cannot_be_drawn_is_no_500(client: Client, monkeypatch: pytest.MonkeyPatch, reason: str) -> None:
    if reason == "it takes too long":
        monkeypatch.setattr(raster, "PATIENCE", 0.001)
    elif reason == "resvg refuses it":
        monkeypatch.setattr(posters, "render_to_string", lambda template, context: "<svg")
    else:
        monkeypatch.setattr(raster, "QUEUE", 0)
        monkeypatch.setattr(raster, "AT_ONCE", BoundedSemaphore(1))
        raster.AT_ONCE.acquire()
    response = client.get(f"/characters/{CharacterFactory(name=reason).pk}/share.png")
    assert (response.status_code, response["Retry-After"]) == (503, "60")
    assert "ETag" not in response


@pytest.mark.django_db
def test_a_quote_page_shows_the_poster_and_names_the_image_to_share(client: Client) -> None:
    luffy = CharacterFactory(name='Luffy "Straw" & <co>', crew=CrewFactory(name="Straw Hats"), epithet="Hat")
    page = client.get(luffy.get_absolute_url()).content.decode()
    meta = dict(re.findall(r'<meta (?:property|name)="([a-z:_]+)" content="([^"]*)">', page))
    assert meta["og:image"].startswith(f"http://testserver/characters/{luffy.pk}/share.png?v=")
    assert client.get(meta["og:image"].removeprefix("http://testserver")).status_code == 200
    assert (meta["og:image:width"], meta["og:image:height"]) == ("1200", "630")
    assert meta["og:title"] == "Luffy &#34;Straw&#34; &amp; &lt;co&gt;"
    assert meta["twitter:card"] == "summary_large_image"
    assert "Wanted: Luffy" in meta["og:image:alt"]
    assert "Straw Hats" in meta["description"]
    assert f'<link rel="canonical" href="http://testserver{luffy.get_absolute_url()}">' in page
    assert re.search(r'<svg class="wanted" width="400" height="566"[^>]* role="img"[^>]*>\s*<title>Wanted: Luffy', page)
    assert " style=" not in page


@pytest.mark.django_db
def test_lists_show_faces_that_reserve_their_place(client: Client) -> None:
    crew = CrewFactory()
    CharacterFactory.create_batch(3, crew=crew)
    client.force_login(UserFactory())
    for address in ("/", f"/crews/{crew.pk}/{'-'}/", "/leaderboard/"):
        page = client.get(address, follow=True).content.decode()
        faces = re.findall(r'<svg class="face[^>]*>', page)
        assert faces, address
        assert all('width="40" height="40"' in tag and 'aria-hidden="true"' in tag for tag in faces)
        assert f'<use href="{static("faces.svg")}#head-' in page
        assert " style=" not in page


@pytest.mark.django_db
def test_suggestions_and_the_comparison_show_the_face_that_the_board_shows(client: Client) -> None:
    luffy = CharacterFactory(name="Luffy", crew=CrewFactory())
    drawn = str(pictures.small_face(somebody(luffy.name, luffy.crew.name)))
    for address in ("/", "/search/suggest/?q=luffy", f"/compare/?a={luffy.pk}"):
        assert drawn in client.get(address).content.decode(), address


@pytest.mark.django_db(transaction=True)
def test_a_position_shows_the_face_that_the_board_shows(client: Client) -> None:
    luffy, trader = CharacterFactory(crew=CrewFactory()), UserFactory()
    place_order(trader, luffy.pk, ParsedOrder("buy", 1, None, uuid.uuid4()))
    client.force_login(trader)
    drawn = str(pictures.small_face(somebody(luffy.name, luffy.crew.name)))
    assert drawn in client.get("/portfolio/").content.decode()
    assert drawn in client.get("/").content.decode()
    assert drawn != str(pictures.small_face(somebody(luffy.name))), "the control: without its crew"
