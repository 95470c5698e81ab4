"""The crews and each crew's page."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from caching.bodies import shared
from caching.queries import CREW_PAGE, CREW_PART, CREW_PROFILE, CREWS_PAGE, CREWS_PART
from crews.selectors import SORTS


@require_safe
@shared(CREWS_PAGE, "sort")
def crew_list(request: HttpRequest) -> HttpResponse:
    """Show all crews in numbers, in the order asked for. Cold two queries, warm none."""
    asked = request.GET.get("sort", "cap")
    sort = asked if asked in SORTS else "cap"
    context = {"part": CREWS_PART(sort), "unknown_sort": asked != sort}
    return render(request, "crews/list.html", context, status=400 if asked != sort else 200)


@require_safe
@shared(CREW_PAGE)
def crew_page(request: HttpRequest, pk: int, slug: str = "") -> HttpResponse:
    """Show one crew with its members and a sum one can check. Cold 5 queries, warm none."""
    crew = CREW_PROFILE(pk)
    if request.path != crew.url:
        return redirect(crew.url)
    return render(request, "crews/crew.html", {"crew": crew, "part": CREW_PART(pk)})
