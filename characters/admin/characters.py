"""Characters on the staff's desk."""

from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.options import InlineModelAdmin
from django.contrib.admin.utils import flatten
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from characters.admin.bounties import BountyEventInline, history_table, withdraw_url, withdraw_view
from characters.admin.exports import export_view
from characters.admin.filters import BountyFilter, CrewFilter, WorkFilter, find
from characters.admin.forms import CharacterForm, ListForm, NewCharacterForm, NewsFormSet, NewsListForm, TypedSelect
from characters.models import BountyEvent, Character
from characters.news import Move, News, moves, pending
from characters.services import add_character, restore_bounty
from crews.admin.careful import counted, unless_busy
from crews.admin.tracked import TrackedAdmin, refresh_later
from crews.changes import bind_staff
from trading.models import Holding

ANNOUNCE = "characters.add_bountyevent"
NEWS = ("new_bounty", "new_chapter")
MARKET = (("wanted", "price", "cap"), ("week", "sentiment"), ("created_at", "updated_at"), "told")  # lines of the form


@admin.register(Character)
class CharacterAdmin(TrackedAdmin):
    """Enter and mend characters. Price, cap, change and sentiment are the market's; the bounty moves by event."""

    form = CharacterForm
    list_form = ListForm
    list_display = ("name", "crew_link", "wanted", *NEWS, "price", "epithet", "is_active", "is_tradeable")
    list_editable = ("epithet", "is_active", "is_tradeable")
    list_filter = (WorkFilter, CrewFilter, BountyFilter, "is_active", "is_tradeable")
    list_select_related = ("crew",)
    search_fields = ("name",)  # what is searched is said by get_search_results
    search_help_text = "Name, alias, epithet, devil fruit or crew: whole words, or a part of a name."
    sortable_by = ("name",)
    autocomplete_fields = ("crew",)
    change_list_template = "admin/characters.html"

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """Offer news of bounties to those who may announce them."""
        return [column for column in self.list_display if column not in NEWS or request.user.has_perm(ANNOUNCE)]

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> Any:
        """Take news of bounties from those who may announce them."""
        form = NewsListForm if request.user.has_perm(ANNOUNCE) else ListForm
        return super().get_changelist_form(request, form=form, **kwargs)

    def get_changelist_formset(self, request: HttpRequest, **kwargs: Any) -> Any:
        """Show all that moves before anything is saved."""
        return super().get_changelist_formset(request, formset=NewsFormSet, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Character | None = None) -> list[Any]:
        """Take a bounty, with its chapter, for a new character only; later it changes by a line of its history."""
        facts = [
            "name", ("crew", "crew_chapter"), ("epithet", "epithet_chapter"), ("devil_fruit", "devil_fruit_chapter"),
            *([] if obj else [("bounty", "chapter")]), "first_chapter", "description", "aliases", "terms",
        ]  # fmt: skip
        return [*facts, ("is_active", "is_tradeable"), *(MARKET if obj else ())]

    def get_readonly_fields(self, request: HttpRequest, obj: Character | None = None) -> list[str]:
        """Show what the market says of a character."""
        return flatten(MARKET) if obj else []

    def get_form(self, request: HttpRequest, obj: Character | None = None, change: bool = False, **kwargs: Any) -> Any:  # noqa: FBT001, FBT002
        """Ask for the bounty once."""
        return super().get_form(request, obj, change, **{"form": CharacterForm if obj else NewCharacterForm, **kwargs})

    def get_inlines(self, request: HttpRequest, obj: Character | None) -> list[type[InlineModelAdmin]]:
        """Show the history once there is one."""
        return [BountyEventInline] if obj else []

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Choose the crew by typing, in a box that says so."""
        if db_field.name == "crew":
            kwargs["widget"] = TypedSelect(db_field, self.admin_site)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Character]:
        """Leave the search column where it is."""
        return super().get_queryset(request).defer("search")

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[QuerySet[Character], bool]:
        """Find by the site's own indexes."""
        return (find(queryset, search_term) if search_term.strip() else queryset), False

    def get_urls(self) -> list[URLPattern]:
        """Add the export, and taking news back."""
        withdraw = self.admin_site.admin_view(partial(unless_busy, view=withdraw_view(self)))
        return [
            path("export/", self.admin_site.admin_view(export_view(self, "characters"))),
            path("news/<id:pk>/withdraw/", withdraw, name="characters_bountyevent_withdraw"),
            *super().get_urls(),
        ]

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm, change: bool) -> None:  # noqa: FBT001  Django's
        """Announce the bounty, with its chapter, that a row of the list or a new character comes with."""
        if change:
            super().save_model(request, obj, form, change)
            if news := getattr(form, "news", None):
                BountyEvent.objects.create(**news._asdict())
        else:
            bind_staff(request.user)
            add_character(obj, form.cleaned_data.get("bounty"), form.cleaned_data.get("chapter"))
            refresh_later(request)

    def restore(self, obj: Model, columns: dict[str, Any]) -> None:
        """Write former values back; a former bounty is announced again."""
        others = {column: value for column, value in columns.items() if column != "bounty"}
        if others:
            super().restore(obj, others)
        if "bounty" in columns and isinstance(obj, Character):
            restore_bounty(obj, columns["bounty"])

    def moves(self, obj: Any, columns: dict[str, Any]) -> list[Move]:
        """Return what a former bounty would move."""
        return moves([News(obj.pk, columns["bounty"])]) if "bounty" in columns else []

    def offer_undo(self, request: HttpRequest, obj: Model) -> None:
        """Link the way back: news that waits is withdrawn, what has moved is undone."""
        mine = [event for event in pending(10, obj.pk) if event.staff_id == request.user.pk]
        if not mine:
            return super().offer_undo(request, obj)
        text = "{}: announced, a tick will apply it. Not what you meant? <a href='{}'>Withdraw the news</a>"
        return messages.info(request, format_html(text, obj, withdraw_url(mine[-1])))

    def kept_by(self, obj: Model) -> str:
        """Count the holders, past row-level security."""
        holders = Holding.objects.using("owner").filter(character_id=obj.pk).count()
        return f": {counted(holders, 'trader')} {'holds' if holders == 1 else 'hold'} it" if holders else ""

    @admin.display(description="crew", empty_value="no crew")
    def crew_link(self, obj: Character) -> SafeString | None:
        """Link the crew."""
        if obj.crew is None:
            return None
        return format_html("<a href='{}'>{}</a>", reverse("admin:crews_crew_change", args=(obj.crew_id,)), obj.crew.name)

    @admin.display(description="bounty")
    def wanted(self, obj: Character) -> str:
        """Return the bounty with separators."""
        return "unknown" if obj.bounty is None else f"฿{obj.bounty:,}"

    @admin.display(description="new bounty")
    def new_bounty(self, obj: Character) -> str:
        """Leave room for the field."""
        return ""

    @admin.display(description="its chapter")
    def new_chapter(self, obj: Character) -> str:
        """Leave room for the field."""
        return ""

    @admin.display(description="bounty history")
    def told(self, obj: Character) -> SafeString:
        """Show what became known in which chapter."""
        return history_table(obj)

    @admin.display(description="current price")
    def price(self, obj: Character) -> str:
        """Return the price with separators."""
        return "–" if obj.current_price is None else f"฿{obj.current_price:,.2f}"

    @admin.display(description="market cap")
    def cap(self, obj: Character) -> str:
        """Return the market cap with separators."""
        return "–" if obj.market_cap is None else f"฿{obj.market_cap:,.2f}"

    @admin.display(description="change in 7 days")
    def week(self, obj: Character) -> str:
        """Return the change in per cent."""
        return f"{obj.weekly_change or 0:+.1f} %"

    @admin.display(description="sentiment")
    def sentiment(self, obj: Character) -> str:
        """Return the demand from −1 to 1."""
        return f"{obj.sentiment_score or 0:+.2f}"
