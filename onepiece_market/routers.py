"""Which database serves what."""


class OwnerMigrates:
    """Send migrations to `owner`. Everything else stays on `default`, unless a caller names another alias."""

    def allow_migrate(self, db: str, app_label: str, **hints: object) -> bool:
        """Allow schema changes only as market_owner."""
        return db == "owner"

    def allow_relation(self, first: object, second: object, **hints: object) -> bool:
        """Allow relations between the two aliases: they are one database."""
        return True
