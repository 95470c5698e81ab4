"""Characters, crews with their members, and imports on the staff's desk."""

from characters.admin.characters import CharacterAdmin
from characters.admin.crews import CrewAdmin
from characters.admin.imports import ImportAdmin

__all__ = ["CharacterAdmin", "CrewAdmin", "ImportAdmin"]
