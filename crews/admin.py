"""Crews on the staff's desk."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import BooleanField, Field, Model
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect

from crews.models import Crew
from crews.services import refresh_crew_analytics
from trading.models import Holding


class CarefulAdmin(admin.ModelAdmin):
    """What all our admin pages keep to: save only what was changed, delete nothing, count nothing twice."""

    show_full_result_count = False
    save_on_top = True

    def save_model(self, request: HttpRequest, obj: Model, form: ModelForm, change: bool) -> None:  # noqa: FBT001  Django's signature
        """Write only the fields that were changed: what a tick wrote between GET and POST survives."""
        if change:
            names = {field.name for field in obj._meta.concrete_fields}
            obj.save(update_fields=names.intersection(form.changed_data))
        else:
            super().save_model(request, obj, form, change)

    def formfield_for_dbfield(self, db_field: Field, request: HttpRequest, **kwargs: Any) -> forms.Field | None:
        """Offer the module's nullable switches as yes or no; new ones start as yes, which is the database's default."""
        if isinstance(db_field, BooleanField) and db_field.null:
            kwargs |= {"form_class": forms.BooleanField, "initial": True}
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:  # noqa: FBT001
        """Save; once committed, recompute the crews' numbers, so that the pages follow the desk."""
        super().save_related(request, form, formsets, change)
        transaction.on_commit(refresh_crew_analytics)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nothing is deleted here."""
        return False

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Say why, and what to do instead, to those who may see it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        obj = self.get_object(request, unquote(object_id))
        if obj is None:
            raise Http404("There is nothing here to delete.")
        messages.error(request, f"{obj} cannot be deleted{self.kept_by(obj)}. Untick “Is active” and save instead.")
        return redirect(f"admin:{obj._meta.app_label}_{obj._meta.model_name}_change", object_id)

    def kept_by(self, obj: Model) -> str:
        """Return what depends on this object, as the middle of the sentence above."""
        return ""


def counted(number: int, noun: str) -> str:
    """Return such as "1 trader" or "2 traders"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


@admin.register(Crew)
class CrewAdmin(CarefulAdmin):
    """Enter and mend crews."""

    list_display = ("name", "captain", "is_active", "updated_at")
    list_filter = ("is_active",)
    search_fields = ("name", "captain")
    fields = ("name", "captain", "description", "founded_date", "is_active")
    readonly_fields: ClassVar[tuple[str, ...]] = ()

    def kept_by(self, obj: Model) -> str:
        """Count the members, and who holds them past row-level security: deleting a crew would delete its members."""
        members = Crew.objects.get(pk=obj.pk).characters.count()
        held = Holding.objects.using("owner").filter(character__crew_id=obj.pk)
        holders = held.values("user_id").distinct().count()
        by = f", held by {counted(holders, 'trader')}" if holders else ""
        return f": it has {counted(members, 'character')}{by}" if members else ""
