"""What all our admin pages keep to: save only what was changed, delete nothing, count nothing in full."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.db.models import BooleanField, Field, ManyToManyField, Model
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.html import format_html, format_html_join

from crews.admin.paging import BoundedAdmin
from crews.changes import bind_staff
from crews.locks import is_busy


class CarefulForm(ModelForm):
    """A form that remembers what it showed: what others changed meanwhile is neither written back nor overwritten."""

    def clean(self) -> dict[str, Any] | None:
        """Refuse a field that both this form and somebody else changed."""
        cleaned = super().clean()
        for name in self.changed_data if self.instance.pk else ():
            field, now = self.fields[name], self.initial.get(name)
            shown = self._shown(name)
            if field.show_hidden_initial and shown is not None and field.has_changed(now, shown):
                self.add_error(name, f"Somebody changed this meanwhile, to “{now}”. Open the page again, then change it there.")
        return cleaned

    def _shown(self, name: str) -> Any:
        """Return what this field held when the page was made, None where the page did not say."""
        widget = self.fields[name].hidden_widget()
        return widget.value_from_datadict(self.data, self.files, self.add_initial_prefix(name))


class CarefulAdmin(BoundedAdmin, admin.ModelAdmin):
    """Save only what was changed, in the name of whoever did it; delete nothing, count nothing in full."""

    save_on_top = True

    def save_model(self, request: HttpRequest, obj: Model, form: ModelForm, change: bool) -> None:  # noqa: FBT001  Django's signature
        """Write only the fields that were changed: what a tick wrote between GET and POST survives."""
        bind_staff(request.user)
        if change:
            names = {field.name for field in obj._meta.concrete_fields}
            obj.save(update_fields=names.intersection(form.changed_data))
        else:
            super().save_model(request, obj, form, change)

    def formfield_for_dbfield(self, db_field: Field, request: HttpRequest, **kwargs: Any) -> forms.Field | None:
        """Offer the module's nullable switches as yes or no, and let each field remember what it showed."""
        if isinstance(db_field, BooleanField) and db_field.null:
            kwargs |= {"form_class": forms.BooleanField, "initial": True}  # the database's default
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field and not isinstance(db_field, ManyToManyField):
            field.show_hidden_initial = True
        return field

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> HttpResponse:
        """Name the fields that are wrong, and link them: they may be far below."""
        if context.get("errors"):
            formsets = [inline.formset for inline in context["inline_admin_formsets"]]
            forms = [context["adminform"].form, *(form for formset in formsets for form in formset)]
            wrong = [(field.id_for_label, field.label) for form in forms for field in form if field.errors]
            links = format_html_join(", ", "<a href='#{}'>{}</a>", wrong)
            messages.error(request, format_html("Nothing was saved. Look at {}.", links or "the errors below"))
        return super().render_change_form(request, context, *args, **kwargs)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Answer in a sentence where a row stays locked by somebody else."""
        return unless_busy(request, super().changeform_view, *args, **kwargs)

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Answer in a sentence where a row stays locked by somebody else."""
        return unless_busy(request, super().changelist_view, *args, **kwargs)

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


def unless_busy(request: HttpRequest, view: Callable[..., HttpResponse], *args: Any, **kwargs: Any) -> HttpResponse:
    """Return the view's answer, or 503 with what to do when its rows were locked for too long."""
    try:
        return view(request, *args, **kwargs)
    except OperationalError as error:
        if not is_busy(error):
            raise
        return render(request, "admin/busy.html", {"title": "Somebody else is changing this just now"}, status=503)


def counted(number: int, noun: str) -> str:
    """Return such as "1 trader" or "2 traders"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
