"""Filters that a long list can bear: no list of all values, no scan for them."""

import datetime
from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone


class StaffFilter(admin.SimpleListFilter):
    """Changes by one member of the staff, or by none."""

    title = "who"
    parameter_name = "staff"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the staff by name, at most 100, and everybody else."""
        staff = get_user_model()._default_manager.filter(is_staff=True).order_by("username")
        return [*((str(pk), name) for pk, name in staff.values_list("pk", "username")[:100]), ("none", "commands, the market")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        """Keep the changes of the one chosen."""
        if self.value() == "none":
            return queryset.filter(staff_id=None)
        known = {key for key, _ in self.lookup_choices}
        return queryset.filter(staff_id=int(self.value() or 0)) if self.value() in known else None


class OneOf(admin.SimpleListFilter):
    """A column that holds one of a few words: Django's own filter would look for them in every row."""

    words: tuple[str, ...]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the words."""
        return [(word, word) for word in self.words]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        """Keep the rows with the word chosen."""
        return queryset.filter(**{str(self.parameter_name): self.value()}) if self.value() in self.words else None


class TableFilter(OneOf):
    """Changes of crews or of characters."""

    title = "what"
    parameter_name = "table_name"
    words = ("crews", "characters")


class DayFilter(admin.SimpleListFilter):
    """Changes of the last days."""

    title = "day"
    parameter_name = "day"
    days = {"today": ("today", 0), "yesterday": ("since yesterday", 1), "week": ("past 7 days", 7), "month": ("past 30 days", 30)}

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the spans by name."""
        return [(key, name) for key, (name, _) in self.days.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        """Keep what happened since the first midnight of the span."""
        if self.value() not in self.days:
            return None
        midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
        return queryset.filter(at__gte=midnight - datetime.timedelta(days=self.days[self.value() or ""][1]))
