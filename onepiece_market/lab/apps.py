"""App configuration."""

from django.apps import AppConfig


class LabConfig(AppConfig):
    """The schema in which claims are tried out."""

    name = "onepiece_market.lab"
