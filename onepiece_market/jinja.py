"""The environment of the site's templates: how addresses, numbers and dates are written."""

import hashlib
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from django.urls import reverse
from django.utils import timezone

STATIC = Path(__file__).parent / "static"
NARROW = "\N{NARROW NO-BREAK SPACE}"


def environment(**options: Any) -> jinja2.Environment:
    """Return Django's Jinja2 environment with our globals and filters."""
    env = jinja2.Environment(**options)  # noqa: S701  Django passes autoescape=True
    env.globals.update(url=lambda name, *args: reverse(name, args=args), static=static)
    env.filters.update(money=money, whole=whole, percent=percent, initials=initials, when=when, short=short)
    return env


@cache
def static(path: str) -> str:
    """Return the address of one of our files; it changes with the content, so that browsers may keep it."""
    digest = hashlib.sha256((STATIC / path).read_bytes()).hexdigest()[:8]
    return f"/static/{path}?v={digest}"


def money(amount: Decimal) -> str:
    """Write an amount with two decimals: 1,234.56, negative ones with a minus sign."""
    return f"{amount:,.2f}".replace("-", "\N{MINUS SIGN}")


def whole(number: float | Decimal) -> str:
    """Write a whole number: 3,000,000,000."""
    return f"{number:,.0f}".replace("-", "\N{MINUS SIGN}")


def percent(number: float) -> str:
    """Write a change in per cent: +1.2 %."""
    return f"{number:+.1f}{NARROW}%".replace("-", "\N{MINUS SIGN}")


def initials(name: str) -> str:
    """Return the first letters of the first and last word: Monkey D. Luffy is ML."""
    words = [word for word in name.split() if word[0].isalnum()]
    return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper()


def when(moment: datetime) -> str:
    """Write a moment: 22 Nov 2026, 16:48."""
    return f"{timezone.localtime(moment):%-d %b %Y, %H:%M}"


def short(number: float | Decimal) -> str:
    """Write a large number in berries in short: ฿3.0 B."""
    size = float(number)
    for unit, factor in (("T", 1e12), ("B", 1e9), ("M", 1e6), ("K", 1e3)):
        if abs(size) >= factor:
            return f"฿{size / factor:.1f}{NARROW}{unit}"
    return f"฿{size:.0f}"
