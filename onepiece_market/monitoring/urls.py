"""Addresses for load balancers."""

from django.urls import path

from onepiece_market.monitoring import views

urlpatterns = [
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
]
