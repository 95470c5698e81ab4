"""The site's addresses."""

from django.contrib import admin
from django.urls import include, path

from characters.views import board

urlpatterns = [
    path("", board, name="board"),  # first: it is asked for most, and Django tries one address after the other
    path("admin/", admin.site.urls),
    path("", include("onepiece_market.monitoring.urls")),
    path("", include("trading.urls")),  # before characters: /characters/<id>/trade/ is no slug
    path("", include("characters.urls")),
    path("", include("crews.urls")),
]
