"""The crews and each crew's page."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from characters.selectors import crew_members, crew_totals
from crews import selectors


@require_safe
def crew_list(request: HttpRequest) -> HttpResponse:
    """Show all crews in numbers, in the order asked for. One query."""
    asked = request.GET.get("sort", "cap")
    sort = asked if asked in selectors.SORTS else "cap"
    crews = selectors.crew_numbers(sort)
    context = {
        "crews": crews,
        "largest": selectors.largest(crews),
        "sort": sort,
        "sorts": selectors.SORTS,
        "unknown_sort": asked != sort,
    }
    return render(request, "crews/list.html", context, status=400 if asked != sort else 200)


@require_safe
def crew_page(request: HttpRequest, pk: int, slug: str = "") -> HttpResponse:
    """Show one crew with its members and a sum one can check. 4 queries."""
    crew = selectors.crew_profile(pk)
    if request.path != crew.url:
        return redirect(crew.url)
    rows = crew_members(pk)
    context = {
        "crew": crew,
        "captain_url": next((row.url for row in rows if row.name == crew.captain), None),
        "totals": crew_totals(pk),
        "rows": rows,
        "bounties": [row.bounty for row in rows if row.bounty],
    }
    return render(request, "crews/crew.html", context)
