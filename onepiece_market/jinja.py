"""The environment of the site's templates: how addresses, numbers and dates are written."""

from datetime import date, datetime
from functools import lru_cache
from typing import Any

import jinja2
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone

from characters.drawing import PEN
from characters.posters import sheet
from onepiece_market import cells
from onepiece_market.figures import millions, money, percent, share, short, whole
from onepiece_market.pictures import draw, small_mark


def environment(**options: Any) -> jinja2.Environment:
    """Return Django's Jinja2 environment with our globals and filters."""
    env = jinja2.Environment(**options)  # noqa: S701  Django passes autoescape=True
    env.globals.update(url=url, static=lru_cache(static))
    env.globals.update(cells=cells, mark=small_mark, draw=draw, poster_sheet=sheet, pen=PEN)
    env.filters.update(money=money, whole=whole, percent=percent, share=share, day=day, when=when, short=short, millions=millions)
    return env


@lru_cache(maxsize=1024)
def url(name: str, *args: Any) -> str:
    """Return the address of a page: a head and a foot have a dozen, always the same."""
    return reverse(name, args=args)


def day(moment: date) -> str:
    """Write a day: 22 Nov 2026."""
    return f"{moment:%-d %b %Y}"


def when(moment: datetime) -> str:
    """Write a moment: 22 Nov 2026, 16:48."""
    return f"{timezone.localtime(moment):%-d %b %Y, %H:%M}"
