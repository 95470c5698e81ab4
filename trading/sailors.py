"""Names of simulated traders: people of this world who are nobody in its story. No sign-up may take such a name."""

import random
from collections.abc import Iterator
from itertools import count

PREFIX = "Sim-"  # carries the mark wherever a name is shown without more
FIRST = (
    "Abbo", "Ardith", "Barnaby", "Beckett", "Bettina", "Bramwell", "Calla", "Cobbold", "Corwin", "Dabney", "Delphine", "Dunstan",
    "Ebba", "Edric", "Elowen", "Fennimore", "Fitch", "Garrick", "Ghislaine", "Gudrun", "Hepzibah", "Hollis", "Ingram", "Isolde",
    "Jessamy", "Jorun", "Kestrel", "Kipling", "Lavinia", "Leopold", "Linnet", "Mabel", "Merrick", "Morwenna", "Nettie", "Norbert",
    "Odile", "Orville", "Peregrine", "Petra", "Quillon", "Ramona", "Rosalind", "Rufus", "Sabine", "Silas", "Tabitha", "Thaddeus",
    "Ulrika", "Undine", "Verity", "Wendell", "Wilhelmina", "Yorick", "Yvaine", "Zelda",
)  # fmt: skip
LAST = (
    "Anchorage", "Backwater", "Ballast", "Barnacle", "Bilgewater", "Bosun", "Bowline", "Bowsprit", "Breakwater", "Brine",
    "Bulwark", "Capstan", "Cooper", "Coxswain", "Deckhand", "Driftwood", "Fairlead", "Fathom", "Ferryman", "Flotsam", "Foghorn",
    "Gangway", "Gunwale", "Halyard", "Harbour", "Hawser", "Hightide", "Hullbeam", "Jetty", "Keelson", "Landfall", "Lanyard",
    "Leeward", "Longshore", "Lowtide", "Mainsail", "Mizzen", "Mooring", "Netmender", "Oakum", "Outrigger", "Paddler", "Quayside",
    "Ropewalk", "Saltgrove", "Sandbar", "Seawrack", "Shipwright", "Spindrift", "Starboard", "Stowage", "Surfwell", "Tidewater",
    "Topsail", "Undertow", "Windward",
)  # fmt: skip


def names(dice: random.Random, taken: set[str]) -> Iterator[str]:
    """Yield names that are not taken, each once, in the order of these dice; numbered once every pair is used up."""
    pairs = [f"{PREFIX}{first}-{last}" for first in FIRST for last in LAST]
    dice.shuffle(pairs)
    for number in count(1):
        yield from (name for pair in pairs if (name := pair if number == 1 else f"{pair}-{number}") not in taken)
