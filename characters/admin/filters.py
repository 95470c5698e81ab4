"""Filters of the list of characters that a million rows and 40,000 crews can bear."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import PAGE_VAR
from django.db.models import Func, Q, QuerySet, TextField, Value
from django.http import HttpRequest

from characters.board import LONGEST_SEARCH
from characters.models import CharacterQuerySet
from characters.search import Asked
from characters.work import WORK, to_do
from crews.models import Crew

MOST_FOUND = 1000
MOST_CREWS = 100
TRIGRAM = 3  # shorter texts have no trigram to look up


class WorkFilter(admin.SimpleListFilter):
    """The lists of work that the start page counts."""

    title = "what is missing"
    parameter_name = "work"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the lists by name."""
        return [(work.key, work.title) for work in WORK]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        """Keep what is on the list."""
        listed = to_do(self.value() or "")
        return None if listed is None else queryset & listed


class BountyFilter(admin.SimpleListFilter):
    """With or without a bounty."""

    title = "bounty"
    parameter_name = "has_bounty"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer both sides."""
        return [("yes", "known"), ("no", "unknown")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        """Keep one side."""
        return queryset.filter(bounty__isnull=self.value() == "no") if self.value() in ("yes", "no") else None


class CrewFilter(admin.SimpleListFilter):
    """A box to type a part of a crew's name: a list of 40,000 crews is no filter."""

    title = "crew"
    parameter_name = "crew"
    template = "admin/crew_filter.html"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer no list."""
        return [("", "")]

    def choices(self, changelist: Any) -> Iterator[Any]:
        """Yield what the box holds, and the rest of the address that it must keep."""
        kept = [(k, v) for k, v in changelist.params.items() if k not in (self.parameter_name, PAGE_VAR)]
        clear = changelist.get_query_string(remove=[self.parameter_name])
        yield {"value": self.value() or "", "kept": kept, "clear": clear}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        """Keep the members of the crews whose name contains the text, at most 100 crews."""
        text = self.value()
        if not text:
            return None
        crews = Crew.objects.filter(name__icontains=text).order_by().values("pk")[:MOST_CREWS]
        return queryset.filter(crew_id__in=list(crews.values_list("pk", flat=True)))


def find(characters: CharacterQuerySet, text: str) -> CharacterQuerySet:
    """Return those whose words or names hold the text: names, aliases, epithet, devil fruit, crew, description.

    The first 100 characters count. Uses idx_characters_search and idx_characters_spelling; looks at 1,000 matches at most.
    """
    text = text[:LONGEST_SEARCH]
    match = Q()
    for step in ("start", "words"):
        match |= Q(search=Asked(text, step))
    if len(text.strip()) >= TRIGRAM:
        match |= Q(names__contains=Func(Value(text), function="search_form", output_field=TextField()))
    found = characters.filter(match).order_by().values("pk")[:MOST_FOUND]
    return characters.filter(pk__in=found)
