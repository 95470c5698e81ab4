"""Users and their accounts on the staff's desk. Money is shown, never edited; it is read through `owner`."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from crews.admin import CarefulAdmin
from trading.models import Account, Holding, LedgerEntry, User

SHOWN = 100


@admin.register(User)
class UserAdmin(CarefulAdmin, DjangoUserAdmin):
    """Users: deactivated, not deleted."""

    def kept_by(self, obj: Model) -> str:
        """Count the ledger's entries, past row-level security."""
        entries = LedgerEntry.objects.using("owner").filter(user_id=obj.pk).count()
        return f": the ledger has {entries:,} {'entry' if entries == 1 else 'entries'} of it" if entries else ""


@admin.register(Account)
class AccountAdmin(admin.ModelAdmin):
    """An account with its positions and its ledger, read-only."""

    list_display = ("user", "balance", "last_entry_at")
    list_select_related = ("user",)
    search_fields = ("user__username",)
    show_full_result_count = False
    fields = readonly_fields = ("user", "balance", "last_entry_at", "positions", "ledger")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Account]:
        """Read as market_owner, whose policy allows audits."""
        return super().get_queryset(request).using("owner")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Accounts are opened by the database."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Account | None = None) -> bool:
        """Only execute_trade moves money."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Account | None = None) -> bool:
        """Keep the ledger for ever."""
        return False

    @admin.display(description="positions")
    def positions(self, obj: Account) -> SafeString:
        """Return the open positions as a table."""
        rows = Holding.objects.using("owner").filter(user_id=obj.pk).order_by("character__name")
        return _table(("character", "shares", "cost"), rows.values_list("character__name", "quantity", "cost_basis"))

    @admin.display(description=f"ledger, last {SHOWN}")
    def ledger(self, obj: Account) -> SafeString:
        """Return the latest movements as a table."""
        columns = (
            "created_at",
            "kind",
            "character_id",
            "quantity",
            "price",
            "fee",
            "amount",
            "balance_after",
            "trade_id",
        )
        rows = LedgerEntry.objects.using("owner").filter(user_id=obj.pk).order_by("-created_at")
        return _table(columns, rows.values_list(*columns)[:SHOWN])


def _table(columns: tuple[str, ...], rows: Any) -> SafeString:
    head = format_html_join("", "<th>{}</th>", ((column,) for column in columns))
    body = format_html_join("", "<tr>{}</tr>", ((format_html_join("", "<td>{}</td>", ((v,) for v in row)),) for row in rows))
    return format_html("<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>", head, body)
