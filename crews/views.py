"""The crews and each crew's page."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from characters.selectors import crew_members
from crews import selectors


@require_safe
def crew_list(request: HttpRequest) -> HttpResponse:
    """Show all crews in numbers. One query."""
    return render(request, "crews/list.html", {"crews": selectors.crew_numbers()})


@require_safe
def crew_page(request: HttpRequest, pk: int, slug: str = "") -> HttpResponse:
    """Show one crew with its members and a sum one can check. 4 queries."""
    crew = selectors.crew_profile(pk)
    if request.path != crew.url:
        return redirect(crew.url)
    rows = crew_members(pk)
    context = {
        "crew": crew,
        "analytics": selectors.numbers_of_crew(pk),
        "rows": rows,
        "total_bounty": sum(row.bounty or 0 for row in rows),
    }
    return render(request, "crews/crew.html", context)
