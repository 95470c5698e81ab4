"""The history of a bounty: read, added to, and news taken back before a tick has applied it."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from characters.admin.forms import BountyForm
from characters.models import BountyEvent, Character
from characters.news import said, withdraw
from crews.changes import bind_staff

SHOWN = 100
COLUMNS = ("Bounty", "Chapter", "Takes effect", "Told by", "")
ROW = "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>"
HELP = (
    "News waits for a tick, and trade in the character stands still meanwhile. Until then it can be withdrawn here; later, by "
    "undoing it under History. Pages show nothing that was withdrawn. To confirm a chapter, add the same amount with it: a "
    "chapter older than the latest moves neither bounty nor price."
)


class BountyEventInline(admin.StackedInline):
    """News of a bounty: a tick moves bounty and price. What was told before is a table above, and stays."""

    model = BountyEvent
    form = BountyForm
    fields = (("amount", "chapter", "effective_at"), ("is_unknown", "is_sure"))
    extra = max_num = 1
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
    """Return the latest bounties as a table, newest first. Two queries."""
    events = list(BountyEvent.objects.filter(character=character).order_by("-effective_at", "-id")[:SHOWN])
    staff = get_user_model()._default_manager.filter(pk__in={event.staff_id for event in events})
    who = dict(staff.values_list("pk", "username"))
    head = format_html_join("", "<th scope='col'>{}</th>", ((column,) for column in COLUMNS))
    rows = format_html_join("", ROW, (_row(event, who) for event in events))
    table = "<div class='inner-table' role='region' tabindex='0' aria-label='Bounties'><table><thead><tr>{}</tr></thead><tbody>{}"
    return format_html("{}</tbody></table><p class='help'>{}</p></div>", format_html(table, head, rows), HELP)


def _row(event: BountyEvent, who: dict[int, str]) -> tuple[Any, ...]:
    amount = said(event.amount) + (" (withdrawn)" if event.withdrawn_at else "")
    waits = not (event.withdrawn_at or event.applied_at)
    link = format_html("waits for a tick: <a href='{}'>withdraw</a>", withdraw_url(event)) if waits else ""
    told_by = who.get(event.staff_id or 0, "–")
    return amount, event.chapter or "to be confirmed", f"{event.effective_at:%-d %b %Y, %H:%M}", told_by, link


def withdraw_url(event: BountyEvent) -> str:
    """Return the page that takes news back."""
    return reverse("admin:characters_bountyevent_withdraw", args=(event.pk,))


def withdraw_view(page: Any) -> Callable[[HttpRequest, int], HttpResponse]:
    """Return the view that takes news back before a tick has applied them: asked on GET, done on POST."""

    def view(request: HttpRequest, pk: int) -> HttpResponse:
        if not request.user.has_perm("characters.add_bountyevent"):
            raise PermissionDenied
        event = get_object_or_404(BountyEvent.objects.select_related("character"), pk=pk)
        if request.method == "POST":
            _withdraw(request, page, event)
            return redirect("admin:characters_character_change", event.character_id)
        context = {"title": f"Withdraw news of {event.character}", "event": event, "amount": said(event.amount)}
        everywhere = page.admin_site.each_context(request)
        return TemplateResponse(request, "admin/withdraw.html", {**everywhere, **context, "opts": page.opts})

    return view


def _withdraw(request: HttpRequest, page: Any, event: BountyEvent) -> None:
    with transaction.atomic():
        bind_staff(request.user)
        done = withdraw(event)
        if done:
            page.log_change(request, event.character, f"Withdrew the news of {said(event.amount)}.")
    if done:
        messages.success(request, f"The news of {said(event.amount)} is withdrawn: nothing has moved.")
    else:
        messages.error(
            request, "Nothing was withdrawn: this news waits no more. What a tick has applied is undone under History."
        )
