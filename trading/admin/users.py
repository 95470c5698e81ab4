"""Users and groups on the staff's desk."""

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import UserChangeForm
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.forms import CheckboxSelectMultiple
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from crews.admin import CarefulAdmin
from crews.admin.paging import BoundedAdmin
from trading.models import LedgerEntry, User
from trading.signing_up import TakenError, claim

admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(BoundedAdmin, DjangoGroupAdmin):
    """Groups: what their members may do."""

    filter_horizontal = ()

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest | None = None, **kwargs: Any) -> Any:
        """Offer the permissions as boxes to tick: they work without a script."""
        return super().formfield_for_manytomany(db_field, request, **{"widget": CheckboxSelectMultiple, **kwargs})


class UserForm(UserChangeForm):
    """A user, whose new name must be nobody else's."""

    def clean_username(self) -> str:
        """Refuse a name that another has in any case; what differed in case only of old may stay."""
        name: str = self.cleaned_data["username"]
        if "username" in self.changed_data:
            try:
                claim(name, self.instance.pk)
            except TakenError as error:
                raise ValidationError("Another user has this name, if only in other capitals. Choose another.") from error
        return name


@admin.register(User)
class UserAdmin(CarefulAdmin, DjangoUserAdmin):
    """Users: deactivated, not deleted."""

    form = UserForm
    list_display = ("username", "is_active", "is_guest", "is_simulated", "is_staff", "date_joined", "last_login")
    list_filter = ("is_active", "is_guest", "is_simulated", "is_staff", "is_superuser")
    search_fields = ("username", "email")
    search_help_text = "A part of the name or the address."
    sortable_by = ("username",)
    filter_horizontal = ()
    readonly_fields = ("is_simulated", "account_link", "last_login", "date_joined")
    fieldsets: ClassVar[Any] = (
        (None, {"fields": ("username", "is_simulated", "password", "account_link")}),
        ("Personal", {"fields": ("first_name", "last_name", "email")}),
        ("What they may do", {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """Show the password's hash to nobody who may not change it."""
        shown = super().get_fieldsets(request, obj)
        if obj is None or self.has_change_permission(request, obj):
            return shown
        return [(title, {"fields": [f for f in box["fields"] if f != "password"]}) for title, box in shown]

    @admin.display(description="account")
    def account_link(self, obj: User) -> SafeString | str:
        """Link the trader's account."""
        if obj.is_staff:
            return "Staff do not trade."
        return format_html("<a href='{}'>Cash, positions and ledger</a>", reverse("admin:trading_account_change", args=(obj.pk,)))

    def kept_by(self, obj: Model) -> str:
        """Count the ledger's entries, past row-level security."""
        entries = LedgerEntry.objects.using("owner").filter(user_id=obj.pk).count()
        return f": the ledger has {entries:,} {'entry' if entries == 1 else 'entries'} of it" if entries else ""
