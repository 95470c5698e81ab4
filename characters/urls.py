"""Addresses of the market board and the quote pages."""

from django.urls import path

from characters import views

urlpatterns = [
    path("", views.board, name="board"),
    path("characters/<id:pk>/", views.quote),
    path("characters/<id:pk>/<slug:slug>/", views.quote, name="quote"),
]
