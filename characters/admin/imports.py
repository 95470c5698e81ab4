"""Sending a file: what it would do, then doing it. Files that were refused stay here until somebody dismisses them."""

from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Model, OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from characters.importing import confirm, preview_of, receive
from characters.loading import COLUMNS
from characters.models import Import
from characters.sheets import MOST_BYTES, MOST_ROWS
from crews.admin.careful import unless_busy
from crews.admin.filters import OneOf
from crews.admin.paging import BoundedAdmin
from crews.services import refresh_crew_analytics

SHOWN = 200
NAMED = 10  # rows of an import that are linked once it is done


class UploadForm(forms.Form):
    """One file."""

    file = forms.FileField(
        label="File",
        allow_empty_file=True,
        help_text=f"CSV (UTF-8) or XLSX, at most {MOST_BYTES // 1024 // 1024} MB and {MOST_ROWS:,} rows.",
    )


class StateFilter(OneOf):
    """What became of a file."""

    title = "state"
    parameter_name = "state"
    words = (Import.PREVIEWED, Import.IMPORTED, Import.REFUSED, Import.DISMISSED)


@admin.register(Import)
class ImportAdmin(BoundedAdmin):
    """The files that staff sent, and the page to send one."""

    list_display = ("file_name", "state", "kind", "rows", "who", "at")
    list_filter = (StateFilter,)
    sortable_by = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Import]:
        """Read newest first, with the name of whoever sent it, without the content."""
        name = get_user_model()._default_manager.filter(pk=OuterRef("staff_id")).values("username")
        records: Any = super().get_queryset(request).defer("content").annotate(who_sent=Subquery(name))
        sent: QuerySet[Import] = records.order_by("-id")
        return sent

    def get_urls(self) -> list[URLPattern]:
        """Add what can be done with a record."""
        view = self.admin_site.admin_view(partial(unless_busy, view=self.act_view))
        return [path("<id:pk>/act/", view, name="characters_import_act"), *super().get_urls()]

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Have a record confirmed or dismissed, not edited."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Have a record dismissed, not deleted."""
        return False

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Take a file, and lead to what it would do."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = UploadForm(request.POST or None, request.FILES or None)
        if request.method == "POST" and form.is_valid():
            file = form.cleaned_data["file"]
            record = receive(request.user, file.name, file.read(MOST_BYTES + 1))
            return redirect("admin:characters_import_change", record.pk)
        return self._page(request, "admin/upload.html", "Import crews or characters", form=form, columns=COLUMNS)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show what a file would do, did, or why it was refused."""
        record = self.get_object(request, object_id)
        if not self.has_view_permission(request, record):
            raise PermissionDenied
        if record is None:
            return redirect("admin:characters_import_changelist")
        preview = preview_of(record) if record.content else None
        page = Paginator(preview.lines if preview else [], SHOWN).get_page(request.GET.get("p"))
        may = self._may_confirm(request, record)
        return self._page(request, "admin/import.html", str(record), record=record, preview=preview, lines=page, may_confirm=may)

    def act_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Confirm a preview, or dismiss a record."""
        record = get_object_or_404(Import.objects.defer("content"), pk=pk)
        if request.method != "POST" or not self.has_add_permission(request):
            raise PermissionDenied
        if "dismiss" in request.POST:
            undone = Import.objects.filter(pk=pk, state__in=(Import.PREVIEWED, Import.REFUSED))
            undone.update(state=Import.DISMISSED, content=None)
            messages.success(request, f"The file {record} is dismissed.")
            return redirect("admin:index")
        if not self._may_confirm(request, record):
            raise PermissionDenied
        try:
            imported = confirm(pk, request.user, request.POST.get("digest", ""))
        except ValueError as error:
            messages.error(request, str(error))
        else:
            refresh_crew_analytics()
            messages.success(
                request, format_html("{} {} imported from {}: {}.", f"{record.rows:,}", record.kind, record, _links(imported))
            )
        return redirect("admin:characters_import_change", pk)

    def _may_confirm(self, request: HttpRequest, record: Import) -> bool:
        label = {"crews": "crews.{}_crew", "characters": "characters.{}_character"}.get(record.kind, "")
        return bool(label) and request.user.has_perms([label.format(action) for action in ("add", "change")])

    def _page(self, request: HttpRequest, template: str, title: str, **context: Any) -> HttpResponse:
        everywhere = self.admin_site.each_context(request)
        return TemplateResponse(request, template, {**everywhere, "title": title, "opts": self.opts, **context})

    @admin.display(description="sent by")
    def who(self, obj: Any) -> str:
        """Name the member of the staff."""
        return obj.who_sent or f"user {obj.staff_id}"


def _links(rows: list[Any]) -> SafeString:
    """Link the first rows of an import to their pages on the desk."""
    pages = ((reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=(row.pk,)), row) for row in rows[:NAMED])
    named = format_html_join(", ", "<a href='{}'>{}</a>", pages)
    return format_html("{} and {} more", named, f"{len(rows) - NAMED:,}") if len(rows) > NAMED else named
