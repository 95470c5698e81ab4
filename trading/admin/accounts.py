"""Accounts on the staff's desk. Money is shown, never edited; it is read through `owner`."""

import re
from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from characters.models import Character
from crews.admin.paging import BoundedAdmin
from trading.models import Account, Holding, LedgerEntry

SHOWN = 100
PAGE = re.compile(r"[0-9]{1,4}", re.ASCII)
LEDGER = ("created_at", "kind", "character_id", "quantity", "price", "fee", "amount", "balance_after", "trade_id")


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
