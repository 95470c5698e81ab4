"""App configuration."""

from django.apps import AppConfig


class TradingConfig(AppConfig):
    """Users, their money, and what they trade."""

    name = "trading"
