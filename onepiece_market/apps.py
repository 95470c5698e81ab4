"""App configuration."""

from typing import Any

from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate
from django.urls import register_converter


class MarketConfig(AppConfig):
    """The composition root: knows every app, nobody imports it."""

    name = "onepiece_market"

    def ready(self) -> None:
        """Make `<id:pk>` known to the addresses of all apps."""
        from onepiece_market.input import IdConverter

        register_converter(IdConverter, "id")
        post_migrate.connect(_after_migrations, sender=apps.get_app_config("trading"))


def _after_migrations(using: str, **_: Any) -> None:
    """Make the staff's group where the schema was migrated, its permissions are there by then; and a place for the next ticks."""
    from characters.history import make_price_partitions
    from onepiece_market.desk.group import make_desk_group

    if using != "default":
        make_desk_group(using)
        make_price_partitions(using)
