"""`manage.py migrate`: Django's own, on the alias that may change the schema."""

from django.core.management.base import CommandParser
from django.core.management.commands import migrate


class Command(migrate.Command):
    """Run migrations as market_owner unless told otherwise."""

    def add_arguments(self, parser: CommandParser) -> None:
        """Change the default of --database to `owner`."""
        super().add_arguments(parser)
        parser.set_defaults(database="owner")
