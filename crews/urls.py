"""Addresses of crews."""

from django.urls import path

from crews import views

urlpatterns = [
    path("crews/", views.crew_list, name="crews"),
    path("crews/<id:pk>/", views.crew_page),
    path("crews/<id:pk>/<slug:slug>/", views.crew_page, name="crew"),
]
