"""Pages of what is recorded: the history of a row, and the way to take a change back."""

from typing import Any

from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Model
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html

from crews.admin.careful import CarefulAdmin, CarefulForm
from crews.changes import history
from crews.models import Change
from crews.services import refresh_crew_analytics

OFFERED = 3  # rows of a list whose undo is offered; the start page has the rest


def refresh_later(request: Any) -> None:
    """Recompute the crews' numbers when the transaction has committed, once a request: the pages follow the desk."""
    if not getattr(request, "refreshes_analytics", False):
        request.refreshes_analytics = True
        transaction.on_commit(refresh_crew_analytics)


class TrackedAdmin(CarefulAdmin):
    """A page whose every change is recorded by the database, and can be taken back."""

    form = list_form = CarefulForm
    counted = frozenset({"name", "crew", "is_active"})  # what the crews' numbers are made of

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm, change: bool) -> None:  # noqa: FBT001  Django's
        """Save; where the crews' numbers follow from it, recompute them once committed."""
        super().save_model(request, obj, form, change)
        request.saved = [*getattr(request, "saved", []), obj]  # type: ignore[attr-defined]  # for changelist_view
        if not change or self.counted.intersection(form.changed_data):
            refresh_later(request)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:  # noqa: FBT001  Django's
        """Save what was added below; recompute the crews' numbers once committed."""
        super().save_formset(request, form, formset, change)
        if formset.has_changed():
            refresh_later(request)

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> Any:
        """Edit rows of the list as carefully as on their own page."""
        return super().get_changelist_form(request, **{"form": self.list_form, **kwargs})

    def view_on_site(self, obj: Any) -> str:
        """Lead to the page that visitors see."""
        return str(obj.get_absolute_url())

    def history_view(self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show who changed what, with before and after. Three queries besides the page's own."""
        obj = self.get_object(request, unquote(object_id))
        if not self.has_view_or_change_permission(request, obj):
            raise PermissionDenied
        if obj is None:
            raise Http404("There is nothing here.")
        context = {
            **self.admin_site.each_context(request), "title": f"Changes of {obj}", "entries": history(obj), "object": obj,
            "opts": self.opts, "may_revert": self.has_change_permission(request, obj), **(extra_context or {}),
        }  # fmt: skip
        return TemplateResponse(request, "admin/changes_of.html", context)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the list; offer to undo what was just saved in it."""
        response = super().changelist_view(request, extra_context)
        for obj in getattr(request, "saved", [])[:OFFERED]:
            self.offer_undo(request, obj)
        return response

    def response_change(self, request: HttpRequest, obj: Model) -> HttpResponse:
        """Offer to undo what was just saved."""
        response = super().response_change(request, obj)
        if request.POST.get("_save") or request.POST.get("_continue"):
            self.offer_undo(request, obj)
        return response

    def offer_undo(self, request: HttpRequest, obj: Model) -> None:
        """Link the way back, if the last change of this row is the reader's own."""
        mine = Change.objects.filter(table_name=obj._meta.db_table, row_id=obj.pk).exclude(before__isnull=True).first()
        if mine and mine.staff_id == request.user.pk:
            undo = reverse("admin:crews_change_revert", args=(mine.pk,))
            messages.info(request, format_html("Not what you meant? <a href='{}'>Undo the last change of “{}”</a>", undo, obj))

    def moves(self, obj: Any, columns: dict[str, Any]) -> list[Any]:
        """Return what writing these former values back would move on the market."""
        return []

    def restore(self, obj: Model, columns: dict[str, Any]) -> None:
        """Write former values back into a row that is locked. Raises ValidationError, IntegrityError."""
        fields = {field.attname: field for field in obj._meta.concrete_fields}
        for column, value in columns.items():
            setattr(obj, column, fields[column].to_python(value))
        names = {fields[column].name for column in columns}
        obj.full_clean(exclude={field.name for field in obj._meta.concrete_fields} - names)
        obj.save(update_fields=names)
