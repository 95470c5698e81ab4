"""The site's addresses, but that the board is the peer's."""

from django.urls import path

from onepiece_market.urls import urlpatterns as site
from tests.bench.peer.views import board

urlpatterns = [path("", board, name="board"), *site]
