"""The face of a character: parts of the sprite static/faces.svg, chosen by hand in looks.csv or drawn by lot from the name."""

import csv
from functools import cache, lru_cache
from pathlib import Path
from random import Random

from characters.drawing import Part, coloured
from characters.palette import crew_colour

LOOKS = Path(__file__).parent / "data" / "looks.csv"
FEATURES = ("head", "hair", "hat", "eyes", "brow", "nose", "mouth", "beard", "mark", "wear")
BEHIND = {"long", "bob", "wavy", "afro", "mane", "curls", "fringe", "tail", "tails", "bun", "dreads", "wig", "braids", "drop"}
ORDER = ("head", "wear", "brow", "eyes", "nose", "mouth", "mark", "beard", "hair", "hat")

# What is drawn by lot. A part named twice comes up twice as often; "" leaves the feature out.
SKIN = ("pale", "light", "light", "tan", "brown", "dark")
HAIR_COLOURS = ("black", "black", "umber", "auburn", "red", "orange", "blond", "green", "blue", "pink", "purple", "white", "grey")
CLOTH = ("navy", "wine", "moss", "plum", "slate", "rust", "cream", "coal", "teal", "sand")
METAL = ("gold", "cream", "wine", "navy", "teal", "rust", "coal")
FLAT_HAIR = ("crop", "messy", "long", "bob", "curls", "slick", "wavy", "dreads", "braids")
MEN = {
    "head": ("oval", "oval", "square", "long", "round", "jaw"),
    "hair": (
        "messy", "crop", "side", "slick", "flame", "quiff", "afro", "mohawk", "curls", "knot", "dreads", "bowl", "tail", "mane",
        "spikes", "thin", "bald", "bob", "long", "horns",
    ),
    "eyes": (
        "dot", "dot", "wide", "calm", "sharp", "sharp", "happy", "shut", "patch", "shades", "rounds", "specs", "glasses", "scar",
        "mad", "monocle", "rings",
    ),
    "brow": ("flat", "angry", "bushy", "arch", "worry", "fork"),
    "nose": ("tick", "tick", "dot", "hook", "big", "wide", "square"),
    "mouth": ("smile", "grin", "laugh", "smirk", "flat", "frown", "teeth", "smoke", "cigar", "fangs", "straw", "gap", "pipe"),
    "beard": ("", "", "", "", "goatee", "stubble", "chops", "full", "handle", "tash", "anchor", "thin", "pointed", "braid"),
    "mark": ("", "", "", "", "", "cheek", "claws", "face", "cut", "brow", "freckles", "star", "paint", "rings"),
    "wear": (
        "tee", "stripes", "vest", "shirt", "suit", "coat", "kimono", "robe", "fur", "armor", "scarf", "bare", "bow", "chain",
    ),
    "hat": (
        "", "", "", "", "", "bandana", "tricorne", "cowboy", "top", "bowler", "horns", "viking", "goggles", "turban", "band",
        "cap", "bobble", "kasa", "beret", "jester", "officer",
    ),
}  # fmt: skip
WOMEN = {
    "head": ("heart", "heart", "oval", "round"),
    "hair": ("bob", "long", "fringe", "wavy", "curls", "tail", "tails", "bun", "braids", "side", "afro", "drop"),
    "eyes": ("lash", "lash", "sultry", "dot", "happy", "glasses", "patch", "rounds"),
    "brow": ("thin", "thin", "arch", "flat"),
    "nose": ("dot", "tick"),
    "mouth": ("lips", "lips", "smile", "laugh", "smirk", "pout", "cat"),
    "beard": ("",),
    "mark": ("", "", "", "", "freckles", "blush", "star", "cut", "rings", "diamonds"),
    "wear": ("dress", "dress", "tee", "kimono", "shirt", "fur", "coat", "robe", "scarf", "stripes"),
    "hat": ("", "", "", "", "", "", "bandana", "tricorne", "cowboy", "ribbon", "flower", "tiara", "goggles", "beret", "cap"),
}


@lru_cache(maxsize=4096)
def face(name: str, crew: str = "") -> tuple[Part, ...]:
    """Return the parts of a face from back to front. The same name and crew give the same face everywhere."""
    look = looks().get(name) or {}
    return _parts(_by_lot(name, look), crew)


@lru_cache(maxsize=4096)
def face_of_stranger(name: str) -> tuple[Part, ...]:
    """Return the face of somebody who is no character, such as a trader: looks.csv does not speak of him."""
    return _parts(_by_lot(name, {}), "")


@cache
def looks() -> dict[str, dict[str, str]]:
    """Return the features chosen by hand, by name of the character. "-" leaves a feature out, "" leaves it to the lot."""
    with LOOKS.open(encoding="utf-8", newline="") as file:
        return {row.pop("name"): row for row in csv.DictReader(file)}


def _by_lot(name: str, look: dict[str, str]) -> dict[str, str]:
    """Fill what the look leaves open. The order of the draws is fixed: it belongs to every face already known."""
    lot = Random(name)
    people = WOMEN if (look["head"].startswith("heart") if look.get("head") else lot.random() < 0.35) else MEN
    skin, dye, cloth, trim, felt = (lot.choice(c) for c in (SKIN, HAIR_COLOURS, CLOTH, METAL, (*CLOTH, "gold")))
    drawn = {feature: lot.choice(people[feature]) for feature in FEATURES}
    flat = lot.choice(FLAT_HAIR)
    if look:  # what is known of a character needs no hat, beard or mark besides
        drawn |= {"hat": "", "beard": "", "mark": ""}
    elif drawn["hat"] not in ("", "horns", "ribbon", "flower", "tiara", "band"):
        drawn["hair"] = flat  # nothing stands up through a hat
    chosen = {feature: look.get(feature) or drawn[feature] for feature in FEATURES}
    colours = {
        "head": skin,
        "hair": dye,
        "hat": f"{felt} {trim}",
        "wear": f"{cloth} {trim}",
        "mark": f"{trim} {trim}",
        "eyes": "coal",
    }
    dyed = {feature: _dyed(value, colours.get(feature, "")) for feature, value in chosen.items()}
    dyed["beard"] = _dyed(chosen["beard"], " ".join(dyed["hair"].split()[1:]) or dye)
    dyed["nose"] = _dyed(chosen["nose"], dyed["head"].split()[1])
    return dyed


def _dyed(value: str, colours: str) -> str:
    """Give a part without colours these."""
    return value if " " in value or value in ("", "-") else f"{value} {colours}"


def _parts(chosen: dict[str, str], crew: str) -> tuple[Part, ...]:
    """Return the parts in the order of painting, on the crew's ground."""
    worn = {feature: f"{feature}-{value}" for feature, value in chosen.items() if value not in ("", "-")}
    hair, *dye = worn.get("hair", "-").split()
    behind = [coloured(" ".join((f"{hair}-b", *dye)))] if hair.removeprefix("hair-") in BEHIND else []
    return (Part("bg", crew_colour(crew)), *behind, *(coloured(worn[feature]) for feature in ORDER if feature in worn))
