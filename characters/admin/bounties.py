"""The history of a bounty: read, and added to."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from characters.admin.forms import BountyForm
from characters.models import BountyEvent, Character

SHOWN = 100


class BountyEventInline(admin.StackedInline):
    """News of a bounty: the database moves bounty and price. What was told before is a table above, and stays."""

    model = BountyEvent
    form = BountyForm
    fields = (("amount", "chapter"), ("is_unknown", "is_sure"))
    extra = 1
    verbose_name = "new bounty"
    verbose_name_plural = "new bounty: moves the bounty and with it the price"

    def get_queryset(self, request: HttpRequest) -> QuerySet[BountyEvent]:
        """Load no event."""
        return super().get_queryset(request).none()

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Show the history above instead."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Keep history as it is."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Keep history as it is."""
        return False


def history_table(character: Character) -> SafeString:
    """Return the latest bounties as a table, newest first. One query."""
    events = BountyEvent.objects.filter(character=character).order_by("-effective_at", "-id")
    columns = events.values_list("amount", "chapter", "effective_at", "withdrawn_at")[:SHOWN]
    rows = format_html_join(
        "",
        "<tr><td>{}</td><td>{}</td><td>{}</td></tr>",
        (
            (_amount(amount, is_told=withdrawn is None), chapter or "to be confirmed", f"{when:%-d %b %Y, %H:%M}")
            for amount, chapter, when, withdrawn in columns
        ),
    )
    head = "<th scope='col'>Bounty</th><th scope='col'>Chapter</th><th scope='col'>Entered</th>"
    said = (
        "A wrong line is withdrawn by undoing it under History; then pages no longer show it. To confirm a chapter, add the same "
        "amount with its chapter: a chapter older than the latest moves neither bounty nor price."
    )
    table = (
        "<div class='inner-table' role='region' tabindex='0' aria-label='Bounties'><table><thead><tr>"
        + head
        + "</tr></thead><tbody>{}</tbody></table><p class='help'>{}</p></div>"
    )
    return format_html(table, rows, said)


def _amount(amount: int | None, *, is_told: bool) -> str:
    return ("unknown" if amount is None else f"฿{amount:,}") + ("" if is_told else " (withdrawn)")
