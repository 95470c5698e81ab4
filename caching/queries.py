"""Every cached read of the site, one row each: what it is called, what loads it, how long it is kept, what makes it stale.

Three kinds: what selectors return; fragments, which are rendered of it for everybody alike; and whole pages for visitors
without a session, rendered by the view. README's table is made of these rows by `manage.py cache_stats --table`.
"""

from inspect import signature

from caching import prices, standings
from caching.events import ANALYTICS, CHARACTER, CREW, MARKET, TRADER
from caching.keys import any_of, one_of
from caching.service import PAGES, READS, CachedRead, cached, page
from characters import bounties, fragments
from characters import selectors as characters
from crews import fragments as crew_fragments
from crews import selectors as crews
from trading import selectors as trading

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


def _everything(*_: object) -> tuple[str, ...]:
    return (any_of(CHARACTER), any_of(CREW), any_of(ANALYTICS), any_of(MARKET))


def _quote_page(site: str, pk: int, *_: object) -> tuple[str, ...]:
    return (*_one_character(pk), any_of(MARKET))


def _market() -> tuple[str, ...]:
    return (any_of(MARKET),)


def _leaders(*_: object) -> tuple[str, ...]:
    return (any_of(CHARACTER), any_of(TRADER))


TOP_CHARACTERS = cached("TOP_CHARACTERS", characters.top_characters, 10 * MINUTE, _lists)
CHARACTER_DATA = cached("CHARACTER_DATA", characters.character_data, 5 * MINUTE, _one_character)
CREW_BY_BOUNTY = cached("CREW_BY_BOUNTY", characters.crew_by_bounty, 5 * MINUTE, _lists)
QUOTE = cached("QUOTE", characters.quote, 5 * MINUTE, _one_character)
BOUNTY_HISTORY = cached("BOUNTY_HISTORY", bounties.bounty_history, 5 * MINUTE, _one_character)
CREW_ANALYTICS = cached("CREW_ANALYTICS", crews.crew_numbers, 5 * MINUTE, _crew_lists)
CREW_CHOICES = cached("CREW_CHOICES", crews.crew_choices, 5 * MINUTE, _crew_lists)
CREW_PROFILE = cached("CREW_PROFILE", crews.crew_profile, 5 * MINUTE, _one_crew)
MARKET_STATE = cached("MARKET_STATE", trading.market, 5 * MINUTE, _market)

BOARD_PART = cached("BOARD_PART", fragments.board_part, 5 * MINUTE, _lists)
QUOTE_PARTS = cached("QUOTE_PARTS", fragments.quote_parts, 5 * MINUTE, _one_character)
CREWS_PART = cached("CREWS_PART", crew_fragments.crews_part, 5 * MINUTE, _crew_lists)
CREW_PART = cached("CREW_PART", fragments.crew_part, 5 * MINUTE, _lists)
SUGGESTIONS = cached("SUGGESTIONS", fragments.suggestions_part, 5 * MINUTE, _lists)

BOARD_PAGE = page("BOARD_PAGE", 5 * MINUTE, _everything)
QUOTE_PAGE = page("QUOTE_PAGE", 5 * MINUTE, _quote_page)
CREWS_PAGE = page("CREWS_PAGE", 5 * MINUTE, _crew_lists)
CREW_PAGE = page("CREW_PAGE", 5 * MINUTE, _lists)
COMPARE_PAGE = page("COMPARE_PAGE", 5 * MINUTE, _lists)
LEADERS_PAGE = page("LEADERS_PAGE", 5, _leaders)


def counted() -> tuple[str, ...]:
    """Return the names of all that is counted: the rows above, the sorted set and the hash."""
    return (*READS, *PAGES, standings.NAME, prices.NAME)


def table() -> str:
    """Return the rows as README shows them."""
    lines = [_line(row) for row in (*READS.values(), *PAGES.values())]
    return "\n".join(["| read | loaded by | kept | stale by |", "|---|---|---|---|", *lines])


def _line(row: CachedRead) -> str:
    names = [name for name, of in signature(row.stale_by).parameters.items() if of.kind is not of.VAR_POSITIONAL]
    events = row.stale_by(*(f"<{name}>" for name in names))
    by = "its view" if row.name in PAGES else f"`{row.load.__module__}.{row.load.__name__}`"
    return f"| `{row.name}` | {by} | {row.ttl} s | {', '.join(events).replace('<pk>', '*id*')} |"
