"""What pages show of crews."""

from datetime import date
from decimal import Decimal
from typing import NamedTuple

from django.http import Http404

from crews.models import Crew, CrewAnalytics, crew_url


class CrewNumbers(NamedTuple):
    """One crew of the view crew_analytics. Money in berries; share: 0 to 1 of the largest market cap."""

    crew_id: int
    name: str
    captain: str
    member_count: int
    total_bounty: Decimal | None
    avg_price: Decimal | None
    total_market_cap: Decimal | None
    avg_sentiment: float | None
    share: float = 0.0

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


COLUMNS = (
    "crew_id", "crew_name", "crew__captain", "member_count", "total_bounty", "avg_price", "total_market_cap", "avg_sentiment",
)  # fmt: skip


def crew_numbers() -> list[CrewNumbers]:
    """Return all active crews, largest market cap first, as of the last refresh_crew_analytics. One query."""
    rows = CrewAnalytics.objects.order_by("-total_market_cap", "crew_name").values_list(*COLUMNS)
    crews = [CrewNumbers(*row) for row in rows]
    largest = max((c.total_market_cap or Decimal(0) for c in crews), default=Decimal(0)) or Decimal(1)
    crews = [c._replace(share=float((c.total_market_cap or 0) / largest)) for c in crews]
    return sorted(crews, key=lambda c: -c.share)


def numbers_of_crew(pk: int) -> CrewNumbers | None:
    """Return one crew's numbers, None before the first refresh. One query."""
    row = CrewAnalytics.objects.filter(pk=pk).values_list(*COLUMNS).first()
    return CrewNumbers(*row) if row else None


def crew_profile(pk: int) -> CrewProfile:
    """Return one crew, also a dissolved one: its members link to it. One query. Raises Http404."""
    row = Crew.objects.filter(pk=pk).values_list("id", "name", "captain", "description", "founded_date").first()
    if row is None:
        raise Http404("No such crew.")
    return CrewProfile(*row)


def crew_choices() -> list[tuple[int, str]]:
    """Return id and name of all active crews, by name. One query."""
    return list(Crew.objects.filter(is_active=True).order_by("name").values_list("id", "name"))
