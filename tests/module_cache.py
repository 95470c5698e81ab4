"""The module's own cache, as its Lab 2 writes it: get_or_set, and keys deleted when an object is saved. The negative control."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.core.cache import cache  # noqa: TID251  the module's scheme
from django.db.models.signals import post_delete, post_save

from characters.models import Character


class ModuleCache:
    """The seed's CacheService, verbatim but for its loader, which the tests hand in."""

    @staticmethod
    def get_cache_key(prefix: str, *args: object) -> str:
        """Generate consistent cache keys."""
        return f"{prefix}:{':'.join(map(str, args))}"

    @classmethod
    def cache_character_data(cls, character_id: int, load: Callable[[int], Any], timeout: int = 300) -> Any:
        """Cache character data with 5-minute timeout."""
        return cache.get_or_set(cls.get_cache_key("character", character_id), lambda: load(character_id), timeout)

    @classmethod
    def invalidate_character_cache(cls, character_id: int) -> None:
        """Invalidate all character-related cache."""
        cache.delete_many(
            [
                cls.get_cache_key("character", character_id),
                cls.get_cache_key("top_characters", 10),
                cls.get_cache_key("top_characters", 20),
                cls.get_cache_key("crew_analytics"),
            ]
        )


def _saved(instance: Character, **_: Any) -> None:
    ModuleCache.invalidate_character_cache(instance.pk)


@contextmanager
def invalidating_on_save() -> Iterator[None]:
    """Delete keys on every save and deletion of a character."""
    post_save.connect(_saved, sender=Character)
    post_delete.connect(_saved, sender=Character)
    try:
        yield
    finally:
        post_save.disconnect(_saved, sender=Character)
        post_delete.disconnect(_saved, sender=Character)
