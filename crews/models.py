"""Crews, and what their members add up to."""

from functools import lru_cache

from django.contrib.postgres.functions import TransactionNow
from django.db import models
from django.urls import reverse
from django.utils.text import slugify


class Crew(models.Model):
    """A pirate crew, or another faction such as the Marines. Columns and indexes are the module's."""

    name = models.CharField(max_length=100)
    captain = models.CharField(max_length=100)
    description = models.TextField(null=True, blank=True)  # noqa: DJ001  nullable in the module
    founded_date = models.DateField(null=True, blank=True)
    is_active = models.BooleanField(null=True, blank=True, db_default=True)
    created_at = models.DateTimeField(null=True, editable=False, db_default=TransactionNow())
    updated_at = models.DateTimeField(null=True, editable=False, db_default=TransactionNow())

    class Meta:
        db_table = "crews"
        ordering = ("name",)
        constraints = (models.UniqueConstraint(fields=("name",), name="crews_name_key"),)
        indexes = (
            models.Index(fields=("name", "is_active"), name="idx_crews_name_active"),
            models.Index(fields=("is_active",), name="idx_crews_active", condition=models.Q(is_active=True)),
        )

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """Return the crew's page."""
        return crew_url(self.pk, self.name)


class CrewAnalytics(models.Model):
    """One row of the materialized view `crew_analytics`: a crew's active members in numbers, as of the last refresh."""

    crew = models.OneToOneField(Crew, models.DO_NOTHING, primary_key=True, db_constraint=False, related_name="analytics")
    crew_name = models.CharField(max_length=100)
    member_count = models.BigIntegerField()
    total_bounty = models.DecimalField(max_digits=40, decimal_places=0, null=True)
    avg_price = models.DecimalField(max_digits=40, decimal_places=16, null=True)
    total_market_cap = models.DecimalField(max_digits=40, decimal_places=2, null=True)
    avg_sentiment = models.FloatField(null=True)

    class Meta:
        managed = False
        db_table = "crew_analytics"

    def __str__(self) -> str:
        return self.crew_name


class Change(models.Model):
    """What one statement changed in one row of crews or characters. Written by triggers alone, whoever the writer is."""

    at = models.DateTimeField(editable=False, db_default=TransactionNow())
    staff_id = models.IntegerField(null=True, editable=False)  # NULL: a command, psql, or the market itself
    table_name = models.CharField(max_length=20, editable=False)
    row_id = models.IntegerField(editable=False)
    name = models.CharField(max_length=100, editable=False)  # of the row, then
    before = models.JSONField(null=True, editable=False)  # of the columns that differ; NULL: the row is new
    after = models.JSONField(null=True, editable=False)  # NULL: the row was deleted

    class Meta:
        db_table = "changes"
        ordering = ("-id",)
        default_permissions = ("view",)
        indexes = (
            models.Index(fields=("table_name", "row_id", "id"), name="idx_changes_row"),
            models.Index(fields=("staff_id", "id"), name="idx_changes_staff"),
            models.Index(fields=("id",), name="idx_changes_by_staff", condition=models.Q(staff_id__isnull=False)),
            models.Index(fields=("at",), name="idx_changes_at"),
        )

    def __str__(self) -> str:
        return f"change {self.pk} of {self.name}"


@lru_cache(maxsize=1024)  # rows name their crew: few addresses, made often
def crew_url(pk: int, name: str) -> str:
    """Return the address of a crew's page."""
    return reverse("crew", args=(pk, slugify(name) or "-"))
