"""When a trader was here last, to the day: guests who stay away are closed, and who comes back stays logged in."""

from collections.abc import Callable
from datetime import UTC, datetime

from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from crews.locks import is_busy
from trading.models import User

View = Callable[[HttpRequest], HttpResponse]


def note_visits(get_response: View) -> View:
    """Note the day when somebody's first page of the day asks who he is. A page that does not ask costs nothing."""

    def middleware(request: HttpRequest) -> HttpResponse:
        visitor = request.user
        request.user = SimpleLazyObject(lambda: _seen(request, visitor))  # type: ignore[assignment]
        return get_response(request)

    return middleware


def _seen(request: HttpRequest, user: object) -> object:
    today = datetime.now(UTC).date()
    if isinstance(user, User) and user.last_seen < today:
        try:
            User.objects.filter(pk=user.pk, last_seen__lt=today).update(last_seen=today)
        except OperationalError as error:  # somebody holds his row: the next page notes it
            if is_busy(error):
                return user
            raise
        user.last_seen = today
        request.session.modified = True  # saved, it lasts two weeks from today: a guest could not log in again
    return user
