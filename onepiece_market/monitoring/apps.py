"""App configuration."""

from django.apps import AppConfig


class MonitoringConfig(AppConfig):
    """Whether the market is well."""

    name = "onepiece_market.monitoring"
