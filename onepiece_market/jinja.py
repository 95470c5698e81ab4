"""The environment of the site's templates: how addresses, numbers and dates are written."""

from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

import jinja2
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from markupsafe import Markup

from characters.drawing import PEN, Part, references
from characters.emblems import emblem
from characters.faces import face, face_of_stranger
from characters.posters import sheet

NARROW = "\N{NARROW NO-BREAK SPACE}"


def environment(**options: Any) -> jinja2.Environment:
    """Return Django's Jinja2 environment with our globals and filters."""
    env = jinja2.Environment(**options)  # noqa: S701  Django passes autoescape=True
    env.globals.update(url=url, static=lru_cache(static))
    env.globals.update(face=small_face, mark=small_mark, draw=draw, poster_sheet=sheet, pen=PEN)
    env.filters.update(money=money, whole=whole, percent=percent, share=share, day=day, when=when, short=short, millions=millions)
    return env


@lru_cache(maxsize=1024)
def url(name: str, *args: Any) -> str:
    """Return the address of a page: a head and a foot have a dozen, always the same."""
    return reverse(name, args=args)


def small_face(who: Any) -> Markup:
    """Draw a character (anything with name and crew_name) or, by a name alone, somebody who is none."""
    return _stranger(who) if isinstance(who, str) else _character(who.name, who.crew_name or "")


@lru_cache(maxsize=4096)
def _character(name: str, crew: str) -> Markup:
    return references(static, face(name, crew))


@lru_cache(maxsize=1024)
def _stranger(name: str) -> Markup:
    return references(static, face_of_stranger(name))


@lru_cache(maxsize=1024)
def small_mark(crew: str) -> Markup:
    """Draw the mark of a crew."""
    return references(static, emblem(crew))


def draw(*parts: Part | str) -> Markup:
    """Draw parts of the sprites, in their order."""
    return references(static, (Part(part) if isinstance(part, str) else part for part in parts))


def money(amount: Decimal) -> str:
    """Write an amount with two decimals: 1,234.56, negative ones with a minus sign."""
    return f"{amount:,.2f}".replace("-", "\N{MINUS SIGN}")


def whole(number: float | Decimal) -> str:
    """Write a whole number: 3,000,000,000."""
    return f"{number:,.0f}".replace("-", "\N{MINUS SIGN}")


def percent(number: float) -> str:
    """Write a change in per cent: +1.2 %."""
    return f"{number:+,.1f}{NARROW}%".replace("-", "\N{MINUS SIGN}")


def share(number: float | Decimal) -> str:
    """Write a part of something in per cent, with as few decimals as it has, and one at most: 1 %, 1.8 %."""
    return f"{round(float(number), 1):g}{NARROW}%"


def day(moment: date) -> str:
    """Write a day: 22 Nov 2026."""
    return f"{moment:%-d %b %Y}"


def when(moment: datetime) -> str:
    """Write a moment: 22 Nov 2026, 16:48."""
    return f"{timezone.localtime(moment):%-d %b %Y, %H:%M}"


def millions(number: Decimal) -> str:
    """Write an amount in millions of berries with two decimals, so that a column of them adds up: ฿2,738.61 M."""
    return f"฿{Decimal(number) / 1_000_000:,.2f}{NARROW}M"


def short(number: float | Decimal) -> str:
    """Write a large number in berries in short: ฿3.0 B."""
    size = float(number)
    for unit, factor in (("T", 1e12), ("B", 1e9), ("M", 1e6), ("K", 1e3)):
        if abs(size) >= factor:
            return f"฿{size / factor:.1f}{NARROW}{unit}"
    return f"฿{size:.0f}"
