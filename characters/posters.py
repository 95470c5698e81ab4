"""The WANTED poster of a character: what stands on it, the file of its own, and the image for those who share a link."""

import hashlib
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple, Protocol

from django.template.loader import render_to_string
from markupsafe import Markup

from characters.drawing import PEN, SPRITES, STATIC, Part, copies
from characters.emblems import MARKS, emblem
from characters.faces import LOOKS, face
from characters.lettering import Line, Setting, berries, fit, printable
from characters.palette import crew_colour
from characters.raster import png

HERE = Path(__file__).parent
TEMPLATES = sorted((HERE / "jinja2" / "characters").glob("*.svg"))
SHARE_WIDTH, SHARE_HEIGHT = 1200, 630
ROOM = 316  # berries and names stand between the burnt edges of a sheet 400 wide


class Wanted(Protocol):
    """Whoever can be drawn: a row of the board, a quote."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def epithet(self) -> str: ...  # noqa: D102
    @property
    def crew_name(self) -> str | None: ...  # noqa: D102
    @property
    def bounty(self) -> int | None: ...  # noqa: D102


class Sheet(NamedTuple):
    """What stands on a poster. bounty: None if unknown, 0 if there is none. Equal sheets are equal drawings."""

    name: str
    epithet: str
    crew: str
    bounty: int | None

    @property
    def title(self) -> str:
        """The poster in a sentence, for those who do not see it."""
        head = "Wanted" if self.bounty else "Notice"
        epithet = f", “{self.epithet}”" if self.epithet else ""
        return f"{head}: {self.name}{epithet}, {self.crew or 'no crew'}, {self.price}"

    @property
    def price(self) -> str:
        """The bounty in words."""
        return "bounty unknown" if self.bounty is None else f"bounty ฿{self.bounty:,}" if self.bounty else "no bounty"

    @property
    def face(self) -> tuple[Part, ...]:
        """The portrait."""
        return face(self.name, self.crew)

    @property
    def mark(self) -> tuple[Part, ...]:
        """The mark of the crew, nothing without a crew."""
        return emblem(self.crew) if self.crew else ()

    @property
    def ground(self) -> str:
        """The colour of the crew."""
        return crew_colour(self.crew)

    @property
    def name_lines(self) -> list[Line]:
        """The name in capitals."""
        return fit(self.name.upper(), ROOM, largest=42, smallest=17)

    @property
    def epithet_lines(self) -> list[Line]:
        """The epithet in quotation marks, in one line."""
        return fit(f"“{self.epithet}”", ROOM, largest=21, smallest=0) if self.epithet else []

    @property
    def berries(self) -> Setting | None:
        """The bounty in our own letters."""
        return berries(self.bounty, ROOM) if self.bounty else None

    @property
    def large_name(self) -> list[Line]:
        """The name for the share image, beside the poster."""
        return fit(self.name, 580, largest=76, smallest=40)

    @property
    def etag(self) -> str:
        """The validator of every drawing of this sheet."""
        values = "\0".join((edition(), *map(str, self)))
        return f'"{hashlib.sha256(values.encode()).hexdigest()[:16]}"'


def sheet(character: Wanted) -> Sheet:
    """Return what stands on a character's poster. The price does not: a poster is the same from tick to tick."""
    return Sheet(printable(character.name), printable(character.epithet), printable(character.crew_name or ""), character.bounty)


def poster_svg(character: Wanted) -> str:
    """Return the poster as a file that stands alone."""
    return render_to_string("characters/poster.svg", {"sheet": sheet(character), "draw": _draw, "pen": PEN})


def share_png(character: Wanted) -> bytes:
    """Return the image that chat apps and social networks show beside a link: 1200 by 630, a PNG."""
    return _share_png(sheet(character))


@lru_cache(maxsize=32)
def _share_png(drawn: Sheet) -> bytes:
    context = {"sheet": drawn, "draw": _draw, "pen": PEN}
    return png(render_to_string("characters/share.svg", context))


def _draw(*parts: Part | str) -> Markup:
    return copies(Part(part) if isinstance(part, str) else part for part in parts)


@cache
def edition() -> str:
    """Return a digest of all that drawings are made of besides their values."""
    modules = (HERE / f"{name}.py" for name in ("drawing", "emblems", "faces", "lettering", "palette", "posters", "raster"))
    files = (*(STATIC / sprite for sprite in SPRITES), *TEMPLATES, LOOKS, MARKS, *modules)
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
