"""Every cached read of the site, one row each: what it is called, what loads it, how long it is kept, what makes it stale."""

from caching.events import ANALYTICS, CHARACTER, CREW
from caching.keys import any_of, one_of
from caching.service import cached
from characters import bounties
from characters import selectors as characters
from crews import selectors as crews

MINUTE = 60  # seconds


def _lists(*_: object) -> tuple[str, ...]:
    """Name what makes a list of characters stale: any character; any crew, because rows name theirs."""
    return (any_of(CHARACTER), any_of(CREW))


def _one_character(pk: int) -> tuple[str, ...]:
    return (*one_of(CHARACTER, pk), any_of(CREW))


def _crew_lists(*_: object) -> tuple[str, ...]:
    return (any_of(CREW), any_of(ANALYTICS))


def _one_crew(pk: int) -> tuple[str, ...]:
    return one_of(CREW, pk)


TOP_CHARACTERS = cached("TOP_CHARACTERS", characters.top_characters, 10 * MINUTE, _lists)
CHARACTER_DATA = cached("CHARACTER_DATA", characters.character_data, 5 * MINUTE, _one_character)
CREW_BY_BOUNTY = cached("CREW_BY_BOUNTY", characters.crew_by_bounty, 5 * MINUTE, _lists)
QUOTE = cached("QUOTE", characters.quote, 5 * MINUTE, _one_character)
BOUNTY_HISTORY = cached("BOUNTY_HISTORY", bounties.bounty_history, 5 * MINUTE, _one_character)
CREW_MEMBERS = cached("CREW_MEMBERS", characters.crew_members, 5 * MINUTE, _lists)
CREW_ANALYTICS = cached("CREW_ANALYTICS", crews.crew_numbers, 5 * MINUTE, _crew_lists)
CREW_CHOICES = cached("CREW_CHOICES", crews.crew_choices, 5 * MINUTE, _crew_lists)
CREW_TOTALS = cached("CREW_TOTALS", characters.crew_totals, 5 * MINUTE, _lists)
CREW_PROFILE = cached("CREW_PROFILE", crews.crew_profile, 5 * MINUTE, _one_crew)
