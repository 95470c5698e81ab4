"""`manage.py warm_cache`: what everybody asks for after a tick is in the cache before they ask."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from redis import RedisError

from caching.warming import warm


class Command(BaseCommand):
    """Store the prices of the last tick and the leaderboard."""

    help = "Put the prices that the last tick moved, and the leaderboard, into the cache. The worker does it after each tick."

    def handle(self, *args: Any, **options: Any) -> None:
        """Store them. Raises CommandError when the cache does not answer."""
        try:
            self.stdout.write(f"{len(warm()):,} prices and the leaderboard are cached")
        except RedisError as error:
            raise CommandError(f"The cache does not answer ({error}). Pages are served from PostgreSQL meanwhile.") from error
