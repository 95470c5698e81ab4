"""How drawings are put together from the parts in static/*.svg, as references to those files or standing alone."""

import re
from collections.abc import Callable, Iterable
from functools import cache
from typing import NamedTuple

from django.conf import settings
from markupsafe import Markup

from characters.palette import INK, PALETTE

STATIC = settings.BASE_DIR / "onepiece_market" / "static"
SPRITES = ("faces.svg", "posters.svg")  # lists of characters need the first one only
PART = re.compile(r'^<g id="([a-z0-9-]+)">(.*)</g>$', re.MULTILINE)
PEN = Markup('stroke="{}" stroke-width="2.6" stroke-linejoin="round" stroke-linecap="round"').format(INK)


class Part(NamedTuple):
    """One drawing of a sprite with its two colours."""

    id: str
    fill: str = ""
    color: str = ""

    @property
    def paint(self) -> Markup:
        """The attributes that colour it."""
        fill = Markup(' fill="{}"').format(self.fill) if self.fill else Markup("")
        return fill + (Markup(' color="{}"').format(self.color) if self.color else Markup(""))


type Draw = Callable[..., Markup]  # takes parts, returns SVG


class Drawing(NamedTuple):
    """What a sprite holds under one id."""

    sprite: str
    content: Markup


def coloured(value: str) -> Part:
    """Read a part as the tables name it: `hat-straw straw red` is a drawing and up to two colours of the palette."""
    part, *colours = value.split()
    return Part(part, *(PALETTE[colour] for colour in colours))


def references(address: Callable[[str], str], parts: Iterable[Part]) -> Markup:
    """Draw the parts by reference to the sprites at these addresses: small, for pages."""
    uses = ((f"{address(drawings()[part.id].sprite)}#{part.id}", part.paint) for part in parts)
    return Markup("").join(Markup('<use href="{}"{}/>').format(target, paint) for target, paint in uses)


def copies(parts: Iterable[Part]) -> Markup:
    """Draw the parts in full, for files that must stand alone."""
    return Markup("").join(Markup("<g{}>{}</g>").format(part.paint, drawings()[part.id].content) for part in parts)


@cache
def drawings() -> dict[str, Drawing]:
    """Return all drawings by id."""
    found = ((sprite, *match) for sprite in SPRITES for match in PART.findall((STATIC / sprite).read_text(encoding="utf-8")))
    return {name: Drawing(sprite, Markup(content)) for sprite, name, content in found}  # noqa: S704  our own files
