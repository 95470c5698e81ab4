"""App configuration."""

from django.apps import AppConfig


class CachingConfig(AppConfig):
    """Cached reads, and what makes them stale."""

    name = "caching"

    def ready(self) -> None:
        """Fill the table of cached reads, and connect it to its events."""
        from caching import events, queries  # noqa: F401  the table fills itself

        events.connect()
