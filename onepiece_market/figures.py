"""How the site writes numbers."""

from decimal import Decimal

NARROW = "\N{NARROW NO-BREAK SPACE}"


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
