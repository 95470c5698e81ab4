"""What was written and not yet told to the cache."""

from django.contrib.postgres.functions import TransactionNow
from django.db import models


class Outbox(models.Model):
    """A write that makes cached values stale. Triggers alone add rows; the relay takes them away once the cache has heard it."""

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=20)  # character, crew, crew_analytics, market
    row_id = models.IntegerField(null=True)  # NULL: all of this kind
    at = models.DateTimeField(db_default=TransactionNow())

    class Meta:
        db_table = "cache_outbox"
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.kind} {self.row_id or 'all'}"
