"""App configuration."""

from django.apps import AppConfig
from django.urls import register_converter


class MarketConfig(AppConfig):
    """The composition root: knows every app, nobody imports it."""

    name = "onepiece_market"

    def ready(self) -> None:
        """Make `<id:pk>` known to the addresses of all apps."""
        from onepiece_market.input import IdConverter

        register_converter(IdConverter, "id")
