"""What pages show of crews to everybody alike, rendered."""

from django.template.loader import render_to_string

from crews import selectors


def crews_part(sort: str) -> str:
    """Return all crews in numbers, in one of SORTS. One query."""
    crews = selectors.crew_numbers(sort)
    context = {"crews": crews, "largest": selectors.largest(crews), "sort": sort, "sorts": selectors.SORTS}
    return render_to_string("crews/_list.html", context).strip()
