"""The site's addresses."""

from django.contrib import admin
from django.urls import include, path

admin.site.site_header = admin.site.site_title = "One Piece Market"
admin.site.index_title = "Staff's desk"

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("onepiece_market.monitoring.urls")),
    path("", include("trading.urls")),  # before characters: /characters/<id>/trade/ is no slug
    path("", include("characters.urls")),
    path("", include("crews.urls")),
]
