"""App configuration."""

from django.apps import AppConfig


class CharactersConfig(AppConfig):
    """Characters, their bounties, and the search for them."""

    name = "characters"
