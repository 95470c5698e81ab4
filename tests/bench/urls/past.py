"""The site's addresses, in a process whose cached reads load each time, and whose board is no shared page."""

from inspect import unwrap

from django.urls import path

from caching.service import CachedRead
from characters.views import board
from onepiece_market.urls import urlpatterns as site

CachedRead.__call__ = lambda row, *args, **_: row.load(*args)
urlpatterns = [path("", unwrap(board), name="board"), *site]
