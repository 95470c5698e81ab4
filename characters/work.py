"""What is missing, as lists of work for the staff. Each condition is served by a partial index (characters/migrations/0008)."""

from typing import NamedTuple

from django.db.models import Exists, OuterRef, Q

from characters.models import UNSOURCED, BountyEvent, Character, CharacterQuerySet, Import

MOST = 1000


class Work(NamedTuple):
    """One list of work: its key in addresses, and the characters that are on it."""

    key: str
    title: str
    condition: Q


class Count(NamedTuple):
    """How much there is to do. is_more: at least that much."""

    key: str
    title: str
    number: int
    is_more: bool

    def __str__(self) -> str:
        return f"{self.number:,}{'+' if self.is_more else ''}"


_OF_ROW = BountyEvent.objects.told().filter(character=OuterRef("pk"))
_DATED = _OF_ROW.filter(chapter__isnull=False, amount=OuterRef("bounty"))
UNDATED = Q(Exists(_OF_ROW.filter(chapter=None)), ~Exists(_DATED), bounty__isnull=False)
WORK = (
    Work("crew", "without a crew", Q(crew=None)),
    Work("description", "without a description", Q(description="")),
    Work("source", "without a source: a chapter is to be confirmed", UNSOURCED),
    Work("bounty-source", "with a bounty whose chapter is to be confirmed", UNDATED),
    Work("bounty", "without a known bounty, but traded", Q(bounty=None, is_active=True, is_tradeable=True)),
    Work("not-traded", "not traded", Q(is_tradeable=False)),
    Work("inactive", "deactivated", Q(is_active=False)),
)


def to_do(key: str) -> CharacterQuerySet | None:
    """Return the characters on one list, None where there is no such list."""
    return next((Character.objects.filter(work.condition) for work in WORK if work.key == key), None)


def counts() -> list[Count]:
    """Return how much each list holds, looking at no more than 1,001 rows of each. One query a list."""
    found = [(work, Character.objects.filter(work.condition).order_by().values("pk")[: MOST + 1].count()) for work in WORK]
    return [Count(work.key, work.title, min(number, MOST), number > MOST) for work, number in found]


def failed_imports(number: int = 10) -> list[Import]:
    """Return the latest refused files that nobody dismissed. One query."""
    return list(Import.objects.filter(state=Import.REFUSED).order_by("-id")[:number])
