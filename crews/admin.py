"""Crews on the staff's desk."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import Model
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect

from crews.models import Crew


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

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nothing is deleted here."""
        return False

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Say why, and what to do instead."""
        obj = get_object_or_404(self.get_queryset(request), pk=object_id)
        messages.error(request, f"{obj} cannot be deleted{self.kept_by(obj)}. Untick “Is active” and save instead.")
        return redirect(f"admin:{obj._meta.app_label}_{obj._meta.model_name}_change", object_id)

    def kept_by(self, obj: Model) -> str:
        """Return what depends on this object, as the middle of the sentence above."""
        return ""


@admin.register(Crew)
class CrewAdmin(CarefulAdmin):
    """Enter and mend crews."""

    list_display = ("name", "captain", "is_active", "updated_at")
    list_filter = ("is_active",)
    search_fields = ("name", "captain")
    fields = ("name", "captain", "description", "founded_date", "is_active")
    readonly_fields: ClassVar[tuple[str, ...]] = ()

    def kept_by(self, obj: Model) -> str:
        """Count the members."""
        members = Crew.objects.get(pk=obj.pk).characters.count()
        return f": it has {members} characters" if members else ""
