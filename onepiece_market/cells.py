"""What every row of a list writes. Functions: as macros these took half of the time of a row (`tests.bench pages`)."""

from decimal import Decimal
from typing import Any

from markupsafe import Markup, escape

from onepiece_market import figures
from onepiece_market.pictures import avatar

SIGNS = "+-\N{MINUS SIGN}"


def money(amount: Decimal) -> Markup:
    """Write an amount in berries."""
    return Markup(f'<span class="num">฿{figures.money(amount)}</span>')  # noqa: S704  a number, as in all of these


def bounty(amount: int | Decimal | None, empty: str = "unknown") -> Markup:
    """Write a bounty; `empty` where nobody knows of one."""
    if amount is None:
        return Markup('<span class="muted">{}</span>').format(empty)
    if amount == 0:
        return Markup('<span class="muted">no bounty</span>')
    return Markup(f'<data class="num" value="{amount}">฿{figures.whole(amount)}</data>')  # noqa: S704


def change(pct: float | Decimal | None) -> Markup:
    """Write a change in per cent. The arrow and the sign carry the meaning; the colour only repeats it."""
    if pct is None:
        return Markup('<span class="muted">–</span>')
    text = figures.percent(float(pct))
    if (size := text.lstrip(SIGNS)).startswith("0.0"):
        return Markup(f'<span class="change flat">– {size}</span>')  # noqa: S704
    way, arrow = ("up", "▲") if pct > 0 else ("down", "▼")
    return Markup(f'<span class="change {way}"><span aria-hidden="true">{arrow}</span> {text}</span>')  # noqa: S704


def who(row: Any, below: Markup | str = "") -> Markup:
    """Write whom a row is about, with a face; `below` stands below the name."""
    name = Markup(f'<a class="name" href="{escape(row.url)}">{escape(row.name)}</a>')  # noqa: S704
    tag = "" if row.is_tradeable else Markup(' <span class="tag">not traded</span>')
    epithet = Markup(f' <span class="epithet">{escape(row.epithet)}</span>') if row.epithet else ""  # noqa: S704
    return Markup(f'<span class="who-cell">{avatar(row)}<span>{name}{tag}{epithet}{escape(below)}</span></span>')  # noqa: S704
