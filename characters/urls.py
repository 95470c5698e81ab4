"""Addresses of the quote pages and the drawings of characters."""

from django.urls import path

from characters import compare_views, poster_views, price_views, search_views, views

urlpatterns = [
    path("compare/", compare_views.compare, name="compare"),
    path("prices/", price_views.price_board, name="prices"),
    path("search/suggest/", search_views.suggest, name="suggest"),
    path("characters/<id:pk>/", views.quote),
    path("characters/<id:pk>/poster.svg", poster_views.poster, name="poster"),
    path("characters/<id:pk>/share.png", poster_views.share, name="share"),
    path("characters/<id:pk>/<slug:slug>/", views.quote, name="quote"),
]
