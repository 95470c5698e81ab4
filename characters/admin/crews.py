"""Crews on the staff's desk, with their members."""

from typing import Any

from django.contrib import admin
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from characters.admin.exports import export_view
from characters.admin.members import NewMemberInline
from characters.admin.reading import CrewForm
from characters.services import add_character
from crews.admin.careful import counted
from crews.admin.tracked import TrackedAdmin, refresh_later
from crews.changes import bind_staff
from crews.models import Crew
from trading.models import Holding

SHOWN = 50


@admin.register(Crew)
class CrewAdmin(TrackedAdmin):
    """Enter and mend crews, and add their members on the way."""

    form = CrewForm
    list_display = ("name", "captain", "is_active", "updated_at")
    list_filter = ("is_active",)
    search_fields = ("name", "captain")
    search_help_text = "Name or captain, or a part of either."
    sortable_by = ("name",)
    inlines = (NewMemberInline,)
    change_list_template = "admin/tables.html"

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """Show the members once there are some."""
        return ("name", "captain", "description", "founded_date", "is_active", *(("members",) if obj else ()))

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """Members are entered below, and mended on their own pages."""
        return ("members",) if obj else ()

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Crew], search_term: str) -> tuple[QuerySet[Crew], bool]:
        """Find by name or captain."""
        words = Q()
        for word in search_term.split()[:10]:
            words &= Q(name__icontains=word) | Q(captain__icontains=word)
        return queryset.filter(words), False

    def get_urls(self) -> list[URLPattern]:
        """Add the export."""
        return [path("export/", self.admin_site.admin_view(export_view(self, "crews"))), *super().get_urls()]

    @admin.display(description="members")
    def members(self, obj: Crew) -> SafeString:
        """Link the first members by name, and the whole list. One query."""
        first = list(obj.characters.order_by("name").values_list("pk", "name", "epithet")[: SHOWN + 1])
        links = ((reverse("admin:characters_character_change", args=(pk,)), name, epithet) for pk, name, epithet in first[:SHOWN])
        everyone = f"{reverse('admin:characters_character_changelist')}?crew__id__exact={obj.pk}"
        more = f"All members ({'more than ' if len(first) > SHOWN else ''}{min(len(first), SHOWN)}), to search and to edit"
        if not first:
            return format_html("<p>{}</p>", "Nobody yet: add the first below.")
        shown = format_html_join("", "<li><a href='{}'>{}</a> {}</li>", links)
        return format_html("<ul class='members'>{}</ul><p><a href='{}'>{}</a></p>", shown, everyone, more)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:  # noqa: FBT001  Django's
        """Add the new members, each with its bounty's chapter."""
        bind_staff(request.user)
        formset.new_objects = formset.changed_objects = formset.deleted_objects = []
        for line in formset.extra_forms:
            if line.has_changed():
                line.instance.crew = form.instance
                add_character(line.instance, line.cleaned_data["bounty"], line.cleaned_data["chapter"])
                formset.new_objects = [*formset.new_objects, line.instance]
                refresh_later(request)

    def kept_by(self, obj: Model) -> str:
        """Count the members, and who holds them past row-level security: deleting a crew would delete its members."""
        members = Crew.objects.get(pk=obj.pk).characters.count()
        held = Holding.objects.using("owner").filter(character__crew_id=obj.pk)
        holders = held.values("user_id").distinct().count()
        by = f", held by {counted(holders, 'trader')}" if holders else ""
        return f": it has {counted(members, 'character')}{by}" if members else ""
