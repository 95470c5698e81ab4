"""What pages show of crews."""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from django.db import connection
from django.db.models import Case, F, When
from django.http import Http404

from crews.models import Crew, CrewAnalytics, crew_url

MOST_CHOICES = 300


class CrewNumbers(NamedTuple):
    """One crew of the view crew_analytics. Money in berries."""

    crew_id: int
    name: str
    captain: str
    member_count: int
    total_bounty: Decimal | None
    avg_price: Decimal | None
    total_market_cap: Decimal | None
    avg_sentiment: float | None

    @property
    def url(self) -> str:
        """The crew's page."""
        return crew_url(self.crew_id, self.name)


class CrewProfile(NamedTuple):
    """What a crew's page says of it."""

    id: int
    name: str
    captain: str
    description: str | None
    founded_date: date | None

    @property
    def url(self) -> str:
        """The crew's page."""
        return crew_url(self.id, self.name)


class CrewChoice(NamedTuple):
    """A crew that one can choose. market_cap in berries, None before the first refresh."""

    id: int
    name: str
    market_cap: Decimal | None


class Sort(NamedTuple):
    """An order of the crews: what it is called, and the column."""

    label: str
    field: str


SORTS = {
    "cap": Sort("Market cap", "total_market_cap"),
    "bounty": Sort("Total bounty", "total_bounty"),
    "price": Sort("Average price", "avg_price"),
    "members": Sort("Members", "member_count"),
    "name": Sort("Crew", "name"),
}
COLUMNS = (
    "crew_id", "crew_name", "crew__captain", "member_count", "total_bounty", "avg_price", "total_market_cap", "avg_sentiment",
)  # fmt: skip


def crew_numbers(sort: str = "cap") -> list[CrewNumbers]:
    """Return all active crews in one of SORTS, as of the last refresh_crew_analytics. Unknown numbers last. One query."""
    field = SORTS[sort].field
    crews = [CrewNumbers(*row) for row in CrewAnalytics.objects.order_by("crew_name").values_list(*COLUMNS)]
    return crews if field == "name" else sorted(crews, key=lambda crew: getattr(crew, field) or 0, reverse=True)


def largest(crews: list[CrewNumbers]) -> dict[str, Decimal]:
    """Return the largest value of each column that is drawn as bars, never 0. No query."""
    columns = [column.field for column in SORTS.values() if column.field != "name"]
    return {
        field: max((Decimal(getattr(crew, field) or 0) for crew in crews), default=Decimal(0)) or Decimal(1) for field in columns
    }


def crew_profile(pk: int) -> CrewProfile:
    """Return one crew, also a dissolved one: its members link to it. One query. Raises Http404."""
    row = Crew.objects.filter(pk=pk).values_list("id", "name", "captain", "description", "founded_date").first()
    if row is None:
        raise Http404("No such crew.")
    return CrewProfile(*row)


def analytics_time() -> datetime | None:
    """Return when crew_analytics was refreshed, None before the first time. One query."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT obj_description('crew_analytics'::regclass, 'pg_class')::timestamptz")
        moment: datetime | None = cursor.fetchone()[0]
    return moment


def crew_choices(chosen: int | None = None) -> list[CrewChoice]:
    """Return active crews by name, with their market caps as of the last refresh: the 300 largest and the chosen one.

    One query. Nobody looks through more in a list, and a page does not grow with the sea.
    """
    first = [Case(When(pk=chosen, then=0), default=1)] if chosen else []  # for nobody it would take a third of the time
    worth = F("analytics__total_market_cap").desc(nulls_last=True)
    crews = Crew.objects.filter(is_active=True).order_by(*first, worth, "name")
    rows = crews.values_list("id", "name", "analytics__total_market_cap")[:MOST_CHOICES]
    return sorted((CrewChoice(*row) for row in rows), key=lambda crew: crew.name)


def biggest_crews(crews: Iterable[CrewChoice], count: int = 3) -> list[tuple[int, str]]:
    """Return id and name of the crews that are worth most; those never counted are left out. No query."""
    counted = sorted((crew for crew in crews if crew.market_cap), key=lambda crew: -(crew.market_cap or 0))
    return [(crew.id, crew.name) for crew in counted[:count]]
