"""App configuration."""

from django.apps import AppConfig


class CrewsConfig(AppConfig):
    """The bottom of the domain: crews and their analytics."""

    name = "crews"
