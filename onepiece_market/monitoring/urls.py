"""Addresses for load balancers and staff."""

from django.urls import path

from onepiece_market.monitoring import views

urlpatterns = [
    path("healthz", views.healthz, name="healthz"),
    path("monitoring/cache/", views.cache, name="cache"),
    path("readyz", views.readyz, name="readyz"),
]
