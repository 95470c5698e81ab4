"""Text on a sheet: how large it may be, where it breaks, and bounties set in our own letters."""

import re
import textwrap
import unicodedata
from typing import NamedTuple

# No XML document may hold these, escaped or not.
UNPRINTABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
NARROW, WIDE = " .,:;'!|iIljJ1()-", "MW@%mw"
ADVANCE = {  # of the letters type-0 … in posters.svg, drawn 50 high
    "0": 36.6, "1": 26.1, "2": 32.5, "3": 31.2, "4": 34.7, "5": 32.6, "6": 34.6, "7": 32.4, "8": 35.0, "9": 34.6,
    ",": 12.2, "฿": 42.0,
}  # fmt: skip
PARTS = {",": "type-comma", "฿": "type-berry"}


class Line(NamedTuple):
    """One line of text with its size. length: the width to squeeze it into, None where it fits by itself."""

    text: str
    size: float
    length: float | None


class Letter(NamedTuple):
    """One of our own letters and where it stands."""

    part: str
    x: float


class Setting(NamedTuple):
    """Letters in a row from x = 0, and the scale that fits them into the room."""

    letters: list[Letter]
    scale: float
    width: float


def printable(text: str) -> str:
    """Leave out what XML cannot hold, and put all on one line."""
    return " ".join(UNPRINTABLE.sub("", text).split())


def em(text: str) -> float:
    """Guess the width of a text in its own size, for any bold serif."""
    return sum(_em(character) for character in text)


def fit(text: str, room: float, largest: float, smallest: float, most_lines: int = 4) -> list[Line]:
    """Set a text as large as the room allows: in one line, or in more when it would get smaller than `smallest`."""
    lines = [text] if text else []
    for count in range(1, most_lines + 1):
        lines = _broken(text, count)
        size = min([largest / (1 if count == 1 else count * 0.78), *(room / max(em(line), 0.1) for line in lines)])
        if size >= smallest:
            break
    return [Line(line, round(size, 1), room if em(line) * size > 0.9 * room else None) for line in lines]


def berries(amount: int, room: float) -> Setting:
    """Set an amount in our own letters: ฿3,000,000,000."""
    letters, x = [], 0.0
    for character in f"฿{amount:,}":
        letters.append(Letter(PARTS.get(character, f"type-{character}"), round(x, 1)))
        x += ADVANCE[character]
    scale = round(min(0.9, room / x), 3)
    return Setting(letters, scale, round(x * scale, 1))


def _em(character: str) -> float:
    if unicodedata.combining(character):
        return 0.0
    if unicodedata.east_asian_width(character) in "WF" or character in WIDE:
        return 1.05
    if character in NARROW:
        return 0.36
    return 0.76 if character.isupper() else 0.58


def _broken(text: str, count: int) -> list[str]:
    """Break a text into at most this many lines of like length; long words are cut."""
    width = -(-len(text) // count)
    while len(lines := textwrap.wrap(text, max(width, 1))) > count:
        width += 1
    return lines
