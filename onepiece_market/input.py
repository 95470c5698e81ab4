"""What no part of the site needs to see."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls.converters import IntConverter

View = Callable[[HttpRequest], HttpResponse]


class IdConverter(IntConverter):
    """An id in an address: 1 to 9 ASCII digits, so that it always fits PostgreSQL's integer."""

    regex = "[0-9]{1,9}"


def refuse_nul(get_response: View) -> View:
    """Answer 400 to a NUL character in address, query or cookies: PostgreSQL cannot store it. Forms refuse it themselves."""

    def middleware(request: HttpRequest) -> HttpResponse:
        texts = (
            request.path,
            *request.COOKIES.values(),
            *(v for values in request.GET.lists() for v in (values[0], *values[1])),
        )
        if any("\0" in text for text in texts):
            return render(request, "400.html", status=400)
        return get_response(request)

    return middleware
