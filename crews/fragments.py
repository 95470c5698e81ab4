"""What pages show of crews to everybody alike, rendered."""

from django.template.loader import render_to_string

from crews import selectors


def crews_part(sort: str) -> str:
    """Return all crews in numbers, in one of SORTS, and when they were counted. Two queries."""
    counted = selectors.analytics_time()
    crews = selectors.crew_numbers(sort)
    context = {
        "crews": crews, "largest": selectors.largest(crews), "counted": counted, "sort": sort, "sorts": selectors.SORTS,
    }  # fmt: skip
    return render_to_string("crews/_list.html", context).strip()
