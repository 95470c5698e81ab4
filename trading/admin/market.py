"""The market on the staff's desk: its rules, what stands still and why, who trades alike. Read and written as market_owner."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone

from characters.admin.filters import find
from characters.models import Character
from characters.news import pending
from crews.admin.careful import CarefulAdmin, unless_busy
from trading import desk
from trading.admin.rules import EDITED, RulesForm, sentence_of
from trading.admin.standing import character_view, delist_view
from trading.models import MarketRules
from trading.rings import rings

SHOWN = 100
FOUND = 20
RUN = "trading.run_market"
SPANS = {"1": "a day", "7": "a week", "30": "a month"}


@admin.register(MarketRules)
class MarketAdmin(CarefulAdmin):
    """Run the market. There is one; its list is the page to run it from."""

    form = RulesForm
    fields = EDITED

    def get_queryset(self, request: HttpRequest) -> QuerySet[MarketRules]:
        """Read as market_owner, who may write."""
        rules: QuerySet[MarketRules] = super().get_queryset(request).using("owner")
        return rules

    def get_urls(self) -> list[URLPattern]:
        """Add what can be done with the market."""
        views: dict[str, tuple[str, Callable[..., HttpResponse]]] = {
            "run": ("run/", self.run_view),
            "rings": ("rings/", self.rings_view),
            "character": ("characters/<id:pk>/", partial(character_view, self)),
            "delist": ("characters/<id:pk>/delist/", partial(delist_view, self)),
        }
        ours = [
            path(route, self.admin_site.admin_view(partial(unless_busy, view=view)), name=f"trading_market_{name}")
            for name, (route, view) in views.items()
        ]
        return [*ours, *super().get_urls()]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Keep it at one market."""
        return False

    def get_form(self, request: Any, obj: MarketRules | None = None, change: bool = False, **kwargs: Any) -> Any:  # noqa: FBT001, FBT002
        """Let the form say what the database has refused of it."""
        form: Any = super().get_form(request, obj, change, **kwargs)
        form.refused = getattr(request, "refused", "")
        return form

    def changeform_view(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show the form again, as typed, where the database refuses the rules."""
        try:
            return super().changeform_view(request, *args, **kwargs)
        except IntegrityError as error:
            request.refused = sentence_of(error)
            return super().changeform_view(request, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm, change: bool) -> None:  # noqa: FBT001  Django's
        """Write what was changed as market_owner."""
        obj.save(using="owner", update_fields=set(form.changed_data))

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the state of the market, and what can be done about it."""
        self.require(request, "trading.view_marketrules")
        asked = request.GET.get("q", "").strip()
        rules = desk.rules()
        context = {
            "rules": rules,
            "parameters": [(name.replace("_", " "), getattr(rules, name)) for name in EDITED],
            "stopped": desk.stopped(SHOWN),
            "pending": pending(SHOWN),
            "asked": asked,
            "found": list(find(Character.objects.defer("search"), asked)[:FOUND]) if asked else [],
            "may_change": self.has_change_permission(request),
        }
        return self.page(request, "admin/market.html", "Market", **context)

    def run_view(self, request: HttpRequest) -> HttpResponse:
        """Halt the market for a reason, or open it."""
        self.require(request, RUN, post=True)
        reason = " ".join(request.POST.get("reason", "").split())
        if request.POST.get("action") == "open":
            desk.open_market()
            self.note(request, "The market is open.")
        elif not 0 < len(reason) <= 200:
            messages.error(request, "Nothing was done. Say why, in at most 200 characters: every page will.")
        else:
            desk.halt_market(reason)
            self.note(request, f"The market is halted: {reason}")
        return redirect("admin:trading_marketrules_changelist")

    def rings_view(self, request: HttpRequest) -> HttpResponse:
        """Show the pairs of accounts that trade alike."""
        self.require(request, "trading.view_account")
        days = request.GET.get("days", "7")
        days = days if days in SPANS else "7"
        until = timezone.now()
        pairs = rings(until - timedelta(days=int(days)), until)
        return self.page(request, "admin/rings.html", "Accounts that trade alike", pairs=pairs, spans=SPANS, days=days)

    def require(self, request: HttpRequest, permission: str, *, post: bool = False) -> None:
        """Go on only with this permission, and where asked only for a POST. Raises PermissionDenied."""
        user: Any = request.user
        if not user.has_perm(permission) or (post and request.method != "POST"):
            raise PermissionDenied

    def note(self, request: HttpRequest, said: str) -> None:
        """Say what was done, and keep it in the market's history with who did it."""
        self.log_change(request, desk.rules(), said)
        messages.success(request, said)

    def page(self, request: HttpRequest, template: str, title: str, **context: Any) -> HttpResponse:
        """Answer with a page of the desk."""
        user: Any = request.user
        everywhere = {**self.admin_site.each_context(request), "title": title, "opts": self.opts, "may_run": user.has_perm(RUN)}
        return TemplateResponse(request, template, {**everywhere, **context})

    def kept_by(self, obj: Model) -> str:
        """Say that it is the only one."""
        return ": there is no other market"
