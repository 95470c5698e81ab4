"""The colours of the drawings: a few inks, as a printer of woodcuts would have them."""

from zlib import crc32

INK = "#2a1a12"
PAPER = "#fff8ea"
PALETTE = {
    # skin
    "pale": "#f8e2c8", "light": "#f0c79c", "tan": "#dca26c", "brown": "#a9703f", "dark": "#7b4c2e",
    "bone": "#f6ecd2", "sea": "#7fb2cf", "reef": "#74b3a0", "violet": "#a993c4", "oni": "#cc5b42", "ash": "#bdb8aa",
    "fur": "#a06a3c", "snow": "#fbf6ea", "sun": "#f0c64f", "rose": "#eda9a4", "blush": "#e9a07c", "mint": "#b3cf9a",
    # hair and cloth
    "black": "#3b2a24", "coal": "#463c3a", "umber": "#6b4226", "auburn": "#9c4a24", "red": "#c23a22", "orange": "#e5842f",
    "blond": "#f0c64f", "gold": "#e3ae3c", "straw": "#efcb6b", "green": "#5f9150", "moss": "#64733f", "blue": "#4f8fbe",
    "sky": "#8cc3dc", "navy": "#2c4a68", "teal": "#3b8080", "pink": "#ea9bb0", "plum": "#7d5590", "purple": "#7d5590",
    "wine": "#96303a", "rust": "#b95a34", "white": "#fbf6ea", "cream": "#f3e6c8", "grey": "#aaa396", "slate": "#6c7a83",
    "sand": "#d5b98a", "steel": "#b5bfc4", "lilac": "#c2a6d6",
}  # fmt: skip
PALETTE["hair"] = PALETTE["umber"]
GROUNDS = (
    "#c9503a", "#2f6f8f", "#d99a2b", "#5f7f4a", "#7a5a8c", "#b8693a", "#3f7f7a", "#8c3b46", "#4d6482", "#a88a3c", "#6a8f9c",
    "#94586f", "#5c6b3a", "#3d5a80", "#b5763f", "#7b6a58",
)  # fmt: skip
NOBODYS = "#b3a27c"
KNOWN = {
    "Straw Hat Pirates": "#d94f35", "Red Hair Pirates": "#8c2f39", "Beasts Pirates": "#6a4a7c", "Big Mom Pirates": "#d9779a",
    "Whitebeard Pirates": "#3a6ea0", "Blackbeard Pirates": "#4a4454", "Heart Pirates": "#dca62f", "Marines": "#4f8fb5",
    "Kid Pirates": "#b8442c", "Cross Guild": "#3f7f6a", "Donquixote Pirates": "#c9607a", "Revolutionary Army": "#5f7f3a",
    "Baroque Works": "#b5853f", "Cipher Pol": "#5c6672", "World Nobles": "#b89a3c", "Kozuki Family": "#8c5f9c",
    "Kuja Pirates": "#b0526a", "Sun Pirates": "#d97f2f", "Arlong Pirates": "#3f8a94", "Impel Down": "#7a4038",
}  # fmt: skip


def crew_colour(crew: str) -> str:
    """Return the ground that the members of a crew share."""
    if not crew:
        return NOBODYS
    return KNOWN.get(crew) or GROUNDS[crc32(crew.encode()) % len(GROUNDS)]
