"""What pages tell of a character's bounties."""

from datetime import datetime
from typing import NamedTuple

from django.db.models import BooleanField, ExpressionWrapper, Q

from characters.models import BountyEvent


class Bounty(NamedTuple):
    """One entry of a character's bounty history: berries, the chapter that told it, when we learnt it.

    waits: it is announced, and no tick has applied it yet.
    """

    amount: int | None
    chapter: int | None
    when: datetime
    waits: bool = False


def bounty_history(pk: int) -> list[Bounty]:
    """Return a character's bounties, latest first. One query, at most 100 rows."""
    events = BountyEvent.objects.told().filter(character_id=pk).order_by("-effective_at", "-id")
    waits = ExpressionWrapper(Q(applied_at=None), output_field=BooleanField())
    rows = events.values_list("amount", "chapter", "effective_at", waits)[:100]
    return in_story_order([Bounty(*row) for row in rows])


def in_story_order(bounties: list[Bounty]) -> list[Bounty]:
    """Return bounties, given latest news first, as the story tells them, latest first.

    A chapter that was confirmed later stands where it belongs, and what it confirms is told once.
    """
    dated = {bounty.amount for bounty in bounties if bounty.chapter}
    ordered: list[Bounty] = []
    for bounty in reversed(bounties):
        if not bounty.chapter and bounty.amount in dated:
            continue
        later = (n for n, other in enumerate(ordered) if bounty.chapter and (other.chapter or 0) > bounty.chapter)
        ordered.insert(next(later, len(ordered)), bounty)
    return ordered[::-1]
