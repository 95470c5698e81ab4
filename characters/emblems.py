"""The mark of a crew: a seal of its colour with a figure, chosen by hand in marks.csv or drawn by lot from the crew's name."""

import csv
from functools import cache, lru_cache
from pathlib import Path
from random import Random

from characters.drawing import Part, coloured
from characters.palette import crew_colour

MARKS = Path(__file__).parent / "data" / "marks.csv"
BACKS = (
    "bones cream", "bones cream", "swords steel gold", "anchor steel", "wings white", "rays cream", "flame red", "guns slate",
    "ring gold cream", "stars gold", "-",
)  # fmt: skip
FIGURES = (
    "skull bone", "skull bone", "grim bone", "jolly bone", "shark sea", "sun gold red", "gear steel gold", "dragon moss",
    "snake green", "crown gold red", "paw cream", "jar gold wine",
)  # fmt: skip
SKULLS = ("skull", "grim", "jolly")
HATS = (
    "", "", "hat-bandana wine gold", "hat-tricorne coal gold", "hat-cowboy rust gold", "hat-top coal wine",
    "hat-bowler navy gold", "hat-crown gold red", "hat-horns cream", "hat-viking steel gold", "hat-kasa straw",
    "hat-goggles coal gold",
    "hat-bobble green gold", "hat-feather wine gold", "hat-plume moss gold", "hat-jester plum gold",
)  # fmt: skip
EYES = ("", "", "", "eyes-patch", "eyes-shades coal", "mark-claws", "mark-domino wine")
EXTRAS = (
    "", "", "", "beard-bow umber", "beard-handle black", "beard-braid blond", "beard-goatee red", "nose-clown", "mouth-cigar",
    "mark-stitches", "mark-cut",
)  # fmt: skip


@lru_cache(maxsize=1024)
def emblem(crew: str) -> tuple[Part, ...]:
    """Return the parts of a crew's mark from back to front. It depends on nothing but the crew's name."""
    mark = marks().get(crew) or _by_lot(crew)
    back = "" if mark["back"] == "-" else f"back-{mark['back']}"
    values = (back, f"crew-{mark['figure']}", mark["eyes"], mark["extra"], mark["hat"])
    return (Part("seal", crew_colour(crew)), *(coloured(value) for value in values if value))


@cache
def marks() -> dict[str, dict[str, str]]:
    """Return the marks chosen by hand, by name of the crew."""
    with MARKS.open(encoding="utf-8", newline="") as file:
        return {row.pop("crew"): row for row in csv.DictReader(file)}


def _by_lot(crew: str) -> dict[str, str]:
    """Choose a mark for any other crew: only skulls wear hats and beards."""
    lot = Random(crew)
    back, figure, hat, eyes, extra = (lot.choice(choices) for choices in (BACKS, FIGURES, HATS, EYES, EXTRAS))
    if figure.split()[0] not in SKULLS:
        hat = eyes = extra = ""
    return {"back": back, "figure": figure, "hat": hat, "eyes": eyes, "extra": extra}
