"""Whether two pages are the same to who reads them: the words that are shown, where links lead, about the same bytes."""

import gzip
from difflib import unified_diff
from html.parser import HTMLParser

ABOUT = 0.05  # how much larger or smaller, uncompressed
ADDRESSES = {"href", "src", "action"}


class Seen(HTMLParser):
    """The words of a page, and the addresses in it, in their order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_data(self, data: str) -> None:
        """Note words."""
        self.found += data.split()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note addresses."""
        self.found += [f"{tag} {name}={value}" for name, value in attrs if name in ADDRESSES]


def same_page(compressed: bytes, wanted: bytes) -> None:
    """Compare two compressed pages. Raises RuntimeError with the first differences."""
    one, other = gzip.decompress(compressed).decode(), gzip.decompress(wanted).decode()
    if differences := [*unified_diff(Seen(other).found, Seen(one).found, lineterm="", n=1)]:
        raise RuntimeError("These pages differ:\n" + "\n".join(differences[:30]))
    if abs(len(one) / len(other) - 1) > ABOUT:
        raise RuntimeError(f"Same words, but {len(one)} characters of HTML against {len(other)}.")
