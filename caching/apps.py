"""App configuration."""

from django.apps import AppConfig


class CachingConfig(AppConfig):
    """How values travel to and from Redis."""

    name = "caching"
