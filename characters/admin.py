"""Characters on the staff's desk."""

from django.contrib import admin
from django.contrib.admin.options import InlineModelAdmin
from django.db.models import Model
from django.http import HttpRequest

from characters.models import BountyEvent, Character
from crews.admin import CarefulAdmin, counted
from trading.models import Holding


class BountyEventInline(admin.TabularInline):
    """The bounty's history. A new line is news: the database moves bounty and price."""

    model = BountyEvent
    fields = ("amount", "chapter", "effective_at")
    readonly_fields = ("effective_at",)
    extra = 0
    ordering = ("-effective_at",)
    verbose_name_plural = "bounty history: add a line to change the bounty (empty amount: unknown)"

    def has_change_permission(self, request: HttpRequest, obj: Character | None = None) -> bool:
        """History is not rewritten."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Character | None = None) -> bool:
        """History is not rewritten."""
        return False


@admin.register(Character)
class CharacterAdmin(CarefulAdmin):
    """Enter and mend characters. Price, caps, change and sentiment are the market's; the bounty moves by event."""

    list_display = ("name", "crew", "bounty", "current_price", "is_active", "is_tradeable")
    list_filter = ("is_active", "is_tradeable", "crew")
    list_select_related = ("crew",)
    search_fields = ("name", "epithet")
    autocomplete_fields = ("crew",)
    market = ("current_price", "market_cap", "weekly_change", "sentiment_score", "created_at", "updated_at")
    fields = (
        "name", "crew", "epithet", "aliases", "devil_fruit", "first_chapter", "description", "bounty",
        "is_active", "is_tradeable", *market,
    )  # fmt: skip

    def get_readonly_fields(self, request: HttpRequest, obj: Character | None = None) -> tuple[str, ...]:
        """Take a bounty with a new character only; later it changes by a line of its history."""
        return self.market if obj is None else ("bounty", *self.market)

    def get_inlines(self, request: HttpRequest, obj: Character | None) -> list[type[InlineModelAdmin]]:
        """Show the history once there is one."""
        return [BountyEventInline] if obj else []

    def kept_by(self, obj: Model) -> str:
        """Count the holders, past row-level security."""
        holders = Holding.objects.using("owner").filter(character_id=obj.pk).count()
        return f": {counted(holders, 'trader')} {'holds' if holders == 1 else 'hold'} it" if holders else ""
