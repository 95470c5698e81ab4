"""All changes of crews and characters, and taking one back."""

from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from crews.admin.careful import unless_busy
from crews.admin.filters import DayFilter, StaffFilter, TableFilter
from crews.admin.paging import BoundedAdmin
from crews.admin.tracked import TrackedAdmin
from crews.changes import Step, bind_staff, entries, saved_together, steps
from crews.models import Change
from crews.services import refresh_crew_analytics


@admin.register(Change)
class ChangeAdmin(BoundedAdmin):
    """Who changed what, when. Nobody writes here: the database does."""

    list_display = ("at", "who", "what", "moved", "undo")
    list_display_links = None
    list_filter = (StaffFilter, DayFilter, TableFilter)
    sortable_by = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Change]:
        """Read newest first."""
        return super().get_queryset(request).order_by("-id")

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Read the names of people and crews once for the whole page."""
        changelist = super().get_changelist_instance(request)
        changes = list(changelist.result_list)
        for change, entry in zip(changes, entries(changes), strict=True):
            change.entry = entry
        changelist.result_list = changes
        return changelist

    def get_urls(self) -> list[URLPattern]:
        """Add the page that takes a change back."""
        view = self.admin_site.admin_view(partial(unless_busy, view=self.revert_view))
        return [path("<id:pk>/revert/", view, name="crews_change_revert"), *super().get_urls()]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Leave adding to the database."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Keep what happened."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Keep what happened."""
        return False

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show a change as the page that can take it back."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        known = object_id.isascii() and object_id.isdigit() and len(object_id) < 10
        return redirect("admin:crews_change_revert", object_id) if known else redirect("admin:crews_change_changelist")

    def revert_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show what taking a change back would do; do it on POST, all of it or the field that was asked for."""
        change = saved_together(get_object_or_404(Change, pk=pk))
        page = self._page_of(change)
        if not self.has_view_permission(request) or page is None or not page.has_view_permission(request):
            raise PermissionDenied
        with transaction.atomic():
            rows = page.get_queryset(request).filter(pk=change.row_id)
            obj = (rows.select_for_update(no_key=True, of=("self",)) if request.method == "POST" else rows).first()
            plan = steps(change, obj) if obj else []
            if request.method == "POST" and obj and plan:
                if not page.has_change_permission(request, obj):
                    raise PermissionDenied
                return self._revert(request, change, page, obj, plan)
        entry, is_newer = entries([change])[0], any(step.is_newer for step in plan)
        may_revert = page.has_change_permission(request, obj)
        context = {
            **self.admin_site.each_context(request), "title": f"Undo a change of {change.name}", "entry": entry,
            "steps": plan, "is_newer": is_newer, "object": obj, "opts": self.opts,
            "may_revert": may_revert, "one_by_one": may_revert and (len(plan) > 1 or is_newer), "page": page.opts,
            "moves": page.moves(obj, {step.column: (change.before or {})[step.column] for step in plan}) if obj else [],
        }  # fmt: skip
        return TemplateResponse(request, "admin/revert.html", context)

    def _revert(self, request: HttpRequest, change: Change, page: TrackedAdmin, obj: Model, plan: list[Step]) -> HttpResponse:
        asked = request.POST.get("column", "")
        chosen = [step for step in plan if step.column == asked] if asked else plan
        newer = ", ".join(step.label for step in chosen if step.is_newer)
        if not chosen or (newer and not asked):
            said = f"Nothing was undone: {newer or 'this'} was changed again since. Undo single fields below."
            messages.error(request, said)
            return redirect("admin:crews_change_revert", change.pk)
        before = change.before or {}
        try:
            with transaction.atomic():
                bind_staff(request.user)
                page.restore(obj, {step.column: before[step.column] for step in chosen})
        except ValidationError as error:
            messages.error(request, f"Nothing was undone: {' '.join(error.messages)}")
            return redirect("admin:crews_change_revert", change.pk)
        except IntegrityError:
            messages.error(request, "Nothing was undone: the former value no longer fits; another row has taken it.")
            return redirect("admin:crews_change_revert", change.pk)
        transaction.on_commit(refresh_crew_analytics)
        done = ", ".join(f"{step.label} {'will be' if step.waits else 'is'} “{step.then}” again" for step in chosen)
        messages.success(request, f"{change.name}: {done}. This, too, can be undone below.")
        return redirect(f"admin:{page.opts.app_label}_{page.opts.model_name}_history", obj.pk)

    def _page_of(self, change: Change) -> TrackedAdmin | None:
        """Return the admin page of the changed table."""
        pages = (page for page in self.admin_site._registry.values() if isinstance(page, TrackedAdmin))
        return next((page for page in pages if page.model._meta.db_table == change.table_name), None)

    @admin.display(description="who")
    def who(self, obj: Any) -> str:
        """Name the member of the staff."""
        return obj.entry.who or "a command or the market"

    @admin.display(description="what")
    def what(self, obj: Any) -> SafeString:
        """Name the row, with a link to its history."""
        app = {"crews": "crews_crew", "characters": "characters_character"}[obj.table_name]
        url = reverse(f"admin:{app}_history", args=(obj.row_id,))
        return format_html("<a href='{}'>{}</a> {}", url, obj.name, obj.entry.what)

    @admin.display(description="before and after")
    def moved(self, obj: Any) -> SafeString:
        """List the columns with before and after."""
        rows = ((m.label, _short(m.before), _short(m.after)) for m in obj.entry.moved)
        return format_html_join("", "<div><b>{}</b>: <del>{}</del> → <ins>{}</ins></div>", rows)

    @admin.display(description="undo")
    def undo(self, obj: Any) -> SafeString | str:
        """Link to the page that takes the change back."""
        if not obj.entry.can_be_reverted:
            return "–"
        return format_html("<a href='{}'>Undo<span class='visually-hidden'> change {} of {}</span></a>",
                           reverse("admin:crews_change_revert", args=(obj.pk,)), obj.pk, obj.name)  # fmt: skip


def _short(text: str, longest: int = 120) -> str:
    return text if len(text) <= longest else f"{text[:longest]}…"
