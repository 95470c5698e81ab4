"""Characters, their market listing, and the history of their bounties."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.functions import TransactionNow
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.search import SearchVectorField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.text import slugify

from crews.models import Crew

HIGHEST_BOUNTY = 10**15
BOUNTY = (
    MinValueValidator(0, "A bounty is a whole number of berries from 0."),
    MaxValueValidator(HIGHEST_BOUNTY, f"A bounty is at most {HIGHEST_BOUNTY:,} berries."),
)
TAKEN = {"trade", "preview"}  # addresses below a quote page


class CharacterNames(models.Func):
    """All that a character is called, as one lower-case text: the indexed expression of the search for misspelt names."""

    function = "character_names"
    output_field = models.TextField()

    def __init__(self, *columns: str, **extra: Any) -> None:
        super().__init__(*(columns or ("name", "aliases", "epithet")), **extra)


class CharacterQuerySet(models.QuerySet["Character"]):
    """Characters by what a page wants of them."""

    def active(self) -> "CharacterQuerySet":
        """Leave out who was deactivated."""
        return self.filter(is_active=True)

    def tradeable(self) -> "CharacterQuerySet":
        """Keep who can be bought and sold."""
        return self.active().filter(is_tradeable=True)


class Character(models.Model):
    """Somebody who can be traded. Bounty and price are written by the database alone (see BountyEvent)."""

    name = models.CharField(max_length=100)
    crew = models.ForeignKey(
        Crew, models.DB_CASCADE, null=True, blank=True, db_index=False, related_name="characters"
    )  # fmt: skip  # idx_characters_crew_bounty begins with crew_id
    bounty = models.BigIntegerField(null=True, blank=True, validators=BOUNTY)
    current_price = models.DecimalField(max_digits=10, decimal_places=2, null=True, editable=False)
    market_cap = models.DecimalField(max_digits=15, decimal_places=2, null=True, editable=False, db_default=0)
    sentiment_score = models.FloatField(null=True, editable=False)
    weekly_change = models.FloatField(null=True, editable=False, db_default=0.0)
    description = models.TextField()
    image_url = models.TextField(null=True, blank=True)  # noqa: DJ001  nullable in the module
    is_active = models.BooleanField(null=True, blank=True, db_default=True)
    is_tradeable = models.BooleanField(null=True, blank=True, db_default=True)
    created_at = models.DateTimeField(null=True, editable=False, db_default=TransactionNow())
    updated_at = models.DateTimeField(null=True, editable=False, db_default=TransactionNow())
    epithet = models.CharField(max_length=100, blank=True, db_default="")
    aliases = ArrayField(models.CharField(max_length=100), blank=True, default=list, db_default=[])
    devil_fruit = models.CharField(max_length=100, blank=True, db_default="")
    first_chapter = models.IntegerField(null=True, blank=True)  # NULL: to be confirmed
    search = SearchVectorField(null=True, editable=False)

    objects = CharacterQuerySet.as_manager()

    class Meta:
        db_table = "characters"
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(fields=("name",), name="characters_name_key"),
            models.CheckConstraint(condition=Q(bounty__gte=0), name="characters_bounty_check"),
            models.CheckConstraint(
                condition=Q(current_price__gt=0, current_price__lt=models.Value("Infinity")),
                name="characters_current_price_check",
            ),
            models.CheckConstraint(
                condition=Q(market_cap__gte=0, market_cap__lt=models.Value("Infinity")),
                name="characters_market_cap_check",
            ),
            models.CheckConstraint(condition=Q(first_chapter__gte=1), name="characters_first_chapter_check"),
            models.CheckConstraint(condition=Q(sentiment_score__range=(-1, 1)), name="characters_sentiment_score_check"),
        )
        indexes = (
            models.Index(fields=("name", "is_active"), name="idx_characters_name_active"),
            models.Index(fields=("crew", "-bounty"), name="idx_characters_crew_bounty"),
            models.Index(fields=("current_price", "is_tradeable"), name="idx_characters_price_tradeable"),
            models.Index(fields=("-market_cap",), name="idx_characters_market_cap"),
            models.Index(fields=("-sentiment_score",), name="idx_characters_sentiment"),
            models.Index(fields=("-bounty",), name="idx_characters_active_only", condition=Q(is_active=True, is_tradeable=True)),
            GinIndex(fields=("search",), name="idx_characters_search"),
            GinIndex(OpClass(CharacterNames(), name="gin_trgm_ops"), name="idx_characters_names_trgm"),
        )

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """Return the quote page."""
        return character_url(self.pk, self.name)


class Listing(models.Model):
    """A character's terms on the market: F, Z, R and H of the price rule, written by the database alone."""

    character = models.OneToOneField(Character, models.DB_CASCADE, primary_key=True, related_name="listing")
    fundamental = models.DecimalField(max_digits=10, decimal_places=2)
    demand = models.BigIntegerField(db_default=0)  # micro-votes
    baseline = models.BigIntegerField(db_default=0)  # micro-votes
    full_vote = models.IntegerField()  # shares
    shares_outstanding = models.BigIntegerField(db_default=1_000_000)
    halted = models.BooleanField(db_default=False)
    listed_at = models.DateTimeField(db_default=TransactionNow())

    class Meta:
        db_table = "listings"
        constraints = (
            models.CheckConstraint(
                condition=Q(fundamental__gte=10, fundamental__lt=models.Value("Infinity")),
                name="listings_fundamental_check",
            ),
            models.CheckConstraint(condition=Q(full_vote__gte=1), name="listings_full_vote_check"),
            models.CheckConstraint(condition=Q(shares_outstanding__gte=1), name="listings_shares_outstanding_check"),
        )

    def __str__(self) -> str:
        return f"listing of {self.character_id}"


class BountyEvent(models.Model):
    """A bounty became known. Adding one is the only way to change a listed character's bounty."""

    character = models.ForeignKey(Character, models.DB_CASCADE, db_index=False, related_name="bounty_events")
    amount = models.BigIntegerField(null=True, blank=True, validators=BOUNTY)  # NULL: nobody knows
    chapter = models.IntegerField(null=True, blank=True)  # NULL: to be confirmed
    effective_at = models.DateTimeField(db_default=TransactionNow())
    applied_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        db_table = "bounty_events"
        constraints = (
            models.CheckConstraint(condition=Q(amount__range=(0, HIGHEST_BOUNTY)), name="bounty_events_amount_check"),
            models.CheckConstraint(condition=Q(chapter__gte=1), name="bounty_events_chapter_check"),
        )
        indexes = (models.Index(fields=("character", "effective_at"), name="idx_bounty_events_character"),)

    def __str__(self) -> str:
        return f"{self.character_id}: {self.amount}"


def character_url(pk: int, name: str) -> str:
    """Return the address of a character's quote page."""
    slug = slugify(name) or "-"
    return reverse("quote", args=(pk, f"{slug}-" if slug in TAKEN else slug))
