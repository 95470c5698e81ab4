"""What all pages of the staff's desk keep to, and the list of changes. Crews, entered with their members: characters/admin."""

from crews.admin.careful import CarefulAdmin, counted
from crews.admin.changes import ChangeAdmin

__all__ = ["CarefulAdmin", "ChangeAdmin", "counted"]
