"""Users and their accounts on the staff's desk. Money is shown, never edited; it is read through `owner`."""

import re
from decimal import Decimal
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import UserChangeForm
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.forms import CheckboxSelectMultiple
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from characters.models import Character
from crews.admin import CarefulAdmin
from crews.admin.paging import BoundedAdmin
from trading.models import Account, Holding, LedgerEntry, User
from trading.signing_up import TakenError, claim

admin.site.unregister(Group)
SHOWN = 100
PAGE = re.compile(r"[0-9]{1,4}", re.ASCII)
LEDGER = ("created_at", "kind", "character_id", "quantity", "price", "fee", "amount", "balance_after", "trade_id")


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


@admin.register(Account)
class AccountAdmin(BoundedAdmin):
    """An account with its positions and its ledger, read-only."""

    list_display = ("user", "cash", "last_entry_at", "simulated")
    list_select_related = ("user",)
    search_fields = ("user__username",)
    search_help_text = "A part of the trader's name."
    sortable_by = ("user",)
    ordering = ("user_id",)
    fields = readonly_fields = ("trader", "simulated", "cash", "last_entry_at", "positions", "ledger")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Account]:
        """Read as market_owner, whose policy allows audits."""
        return super().get_queryset(request).using("owner").select_related("user")

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Account | None:
        """Note on the account which page of its ledger was asked for."""
        found: Any = super().get_object(request, object_id, from_field)
        if found is not None:
            asked = request.GET.get("page", "")
            found.page = max(1, int(asked)) if PAGE.fullmatch(asked) else 1
        account: Account | None = found
        return account

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Accounts are opened by the database."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Account | None = None) -> bool:
        """Only execute_trade moves money."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Account | None = None) -> bool:
        """Keep the ledger for ever."""
        return False

    @admin.display(description="balance")
    def cash(self, obj: Account) -> str:
        """Return the balance with separators."""
        return _money(obj.balance)

    @admin.display(description="simulated", boolean=True)
    def simulated(self, obj: Account) -> bool:
        """Tell who was made by simulate_trading from people."""
        return obj.user.is_simulated

    @admin.display(description="trader")
    def trader(self, obj: Account) -> SafeString:
        """Link the user."""
        return format_html("<a href='{}'>{}</a>", reverse("admin:trading_user_change", args=(obj.pk,)), obj.user.username)

    @admin.display(description="positions")
    def positions(self, obj: Account) -> SafeString:
        """Return the open positions as a table, at most 1,000. One query."""
        rows = Holding.objects.using("owner").filter(user_id=obj.pk).order_by("character__name")
        found = rows.values_list("character__name", "quantity", "cost_basis")[:1000]
        return _table("Positions", ("character", "shares", "cost"), ((name, f"{q:,}", _money(cost)) for name, q, cost in found))

    @admin.display(description="ledger")
    def ledger(self, obj: Any) -> SafeString:
        """Return one page of the movements, latest first, with the characters' names. Two queries."""
        page = getattr(obj, "page", 1)
        rows = LedgerEntry.objects.using("owner").filter(user_id=obj.pk).order_by("-created_at")
        found = list(rows.values_list(*LEDGER)[(page - 1) * SHOWN : page * SHOWN + 1])
        names = dict(Character.objects.filter(pk__in={row[2] for row in found if row[2]}).values_list("pk", "name"))
        body = (_entry(row, names) for row in found[:SHOWN])
        earlier = format_html("<p><a href='?page={}'>Earlier entries</a></p>", page + 1) if len(found) > SHOWN else ""
        later = format_html("<p><a href='?page={}'>Later entries</a></p>", page - 1) if page > 1 else ""
        columns = ("when", "kind", "character", "shares", "price", "fee", "amount", "balance after", "trade")
        return format_html("{}{}{}", _table("Ledger", columns, body), later, earlier)


def _entry(row: tuple[Any, ...], names: dict[int, str]) -> tuple[Any, ...]:
    when, kind, character, quantity, price, fee, amount, balance, trade = row
    name = names.get(character, f"character {character}") if character else "–"
    return (f"{when:%Y-%m-%d %H:%M:%S}", kind, name, f"{quantity:,}", *map(_money, (price, fee, amount, balance)), trade)


def _money(amount: Decimal) -> str:
    return f"{amount:,.2f}".replace("-", "\N{MINUS SIGN}")


def _table(title: str, columns: tuple[str, ...], rows: Any) -> SafeString:
    """Return a table in a box that scrolls sideways, by the keyboard too."""
    head = format_html_join("", "<th scope='col'>{}</th>", ((column,) for column in columns))
    body = format_html_join("", "<tr>{}</tr>", ((format_html_join("", "<td>{}</td>", ((v,) for v in row)),) for row in rows))
    table = format_html("<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>", head, body)
    return format_html("<div class='inner-table' role='region' tabindex='0' aria-label='{}'>{}</div>", title, table)
