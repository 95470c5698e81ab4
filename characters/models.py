"""Characters, their market listing, and the history of their bounties."""

from functools import lru_cache
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.functions import TransactionNow
from django.contrib.postgres.indexes import GinIndex
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
TRADED = Q(is_active=True, is_tradeable=True)
TAKEN = {"trade", "preview"}  # addresses below a quote page

UNSOURCED = (  # a fact without the chapter that told it
    Q(first_chapter=None)
    | Q(crew__isnull=False, crew_chapter=None)
    | Q(devil_fruit__gt="", devil_fruit_chapter=None)
    | Q(epithet__gt="", epithet_chapter=None)
)


class CharacterNames(models.Func):
    """All that a character is called: the expression of an index that migration 0002 makes and 0004 takes away."""

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
    first_chapter = models.IntegerField(null=True, blank=True)  # NULL: to be confirmed, as in the next three
    crew_chapter = models.IntegerField(null=True, blank=True)
    epithet_chapter = models.IntegerField(null=True, blank=True)
    devil_fruit_chapter = models.IntegerField(null=True, blank=True)
    terms = models.TextField(blank=True, db_default="")  # words to be found by that no page shows: roles, groups, secrets
    names = models.TextField(null=True, editable=False)  # noqa: DJ001  the database writes it: all names in search form
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
            models.CheckConstraint(
                condition=Q(crew_chapter__gte=1, epithet_chapter__gte=1, devil_fruit_chapter__gte=1),
                name="characters_chapters_check",
            ),
            models.CheckConstraint(condition=Q(sentiment_score__range=(-1, 1)), name="characters_sentiment_score_check"),
        )
        indexes = (
            models.Index(fields=("name", "is_active"), name="idx_characters_name_active"),
            models.Index(fields=("crew", "-bounty"), name="idx_characters_crew_bounty"),
            models.Index(fields=("current_price", "is_tradeable"), name="idx_characters_price_tradeable"),
            models.Index(fields=("-market_cap",), name="idx_characters_market_cap"),
            models.Index(fields=("-sentiment_score",), name="idx_characters_sentiment"),
            models.Index(fields=("-bounty",), name="idx_characters_active_only", condition=TRADED),
            models.Index(fields=("-market_cap", "-id"), name="idx_characters_cap_page", condition=TRADED),
            models.Index(fields=("current_price", "id"), name="idx_characters_price_page", condition=TRADED),
            models.Index(fields=("name",), name="idx_characters_no_crew", condition=Q(crew=None)),
            models.Index(fields=("name",), name="idx_characters_no_description", condition=Q(description="")),
            models.Index(fields=("name",), name="idx_characters_no_chapter", condition=UNSOURCED),
            models.Index(fields=("name",), name="idx_characters_not_traded", condition=Q(is_tradeable=False)),
            models.Index(fields=("name",), name="idx_characters_inactive", condition=Q(is_active=False)),
            GinIndex(fields=("search",), name="idx_characters_search"),
            GinIndex(fields=("names",), name="idx_characters_spelling", opclasses=("gin_trgm_ops",)),
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
    listed_price = models.DecimalField(max_digits=10, decimal_places=2, db_default=25)  # published until a tick moves it
    full_vote = models.IntegerField()  # shares
    shares_outstanding = models.BigIntegerField(db_default=1_000_000)
    halted = models.BooleanField(db_default=False)  # by staff
    awaits_bounty = models.BooleanField(db_default=False)  # news is announced that no tick has applied
    news_by = models.IntegerField(null=True)  # the member of staff who told them, NULL for commands
    cools_until = models.DateTimeField(null=True)  # demand bent the price too far within a day
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
        indexes = (models.Index(fields=("character",), name="idx_listings_awaiting", condition=Q(awaits_bounty=True)),)

    def __str__(self) -> str:
        return f"listing of {self.character_id}"


class BountyEventQuerySet(models.QuerySet["BountyEvent"]):
    """News of bounties by what a page wants of them."""

    def told(self) -> "BountyEventQuerySet":
        """Leave out what was withdrawn."""
        return self.filter(withdrawn_at=None)


class BountyEvent(models.Model):
    """A bounty became known. Adding one is the only way to change a listed character's bounty: a tick applies it."""

    character = models.ForeignKey(Character, models.DB_CASCADE, db_index=False, related_name="bounty_events")
    amount = models.BigIntegerField(null=True, blank=True, validators=BOUNTY)  # NULL: nobody knows
    chapter = models.IntegerField(null=True, blank=True)  # NULL: to be confirmed
    effective_at = models.DateTimeField(db_default=TransactionNow())
    applied_at = models.DateTimeField(null=True, editable=False)  # NULL: announced, and trade waits for the tick
    withdrawn_at = models.DateTimeField(null=True, editable=False)  # it was a mistake: pages leave it out
    staff_id = models.IntegerField(null=True, editable=False)  # who told it, NULL: a command

    objects = BountyEventQuerySet.as_manager()

    class Meta:
        db_table = "bounty_events"
        constraints = (
            models.CheckConstraint(condition=Q(amount__range=(0, HIGHEST_BOUNTY)), name="bounty_events_amount_check"),
            models.CheckConstraint(condition=Q(chapter__gte=1), name="bounty_events_chapter_check"),
        )
        indexes = (
            models.Index(fields=("character", "effective_at"), name="idx_bounty_events_character"),
            models.Index(fields=("character",), name="idx_bounty_events_unconfirmed", condition=Q(chapter=None)),
        )

    def __str__(self) -> str:
        return f"{self.character_id}: {self.amount}"


class PriceTick(models.Model):
    """A published price: one row where a tick changed it or consumed votes for it. Partitioned by month."""

    pk = models.CompositePrimaryKey("character_id", "ticked_at")
    character = models.ForeignKey(Character, models.DB_CASCADE, db_index=False, related_name="price_ticks")
    ticked_at = models.DateTimeField()
    price = models.DecimalField(max_digits=10, decimal_places=2)
    fundamental = models.DecimalField(max_digits=10, decimal_places=2)
    demand = models.BigIntegerField()  # micro-votes, after this tick
    votes = models.BigIntegerField()  # micro-votes that this tick consumed

    class Meta:
        db_table = "price_ticks"
        managed = False
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.character_id}: {self.price} at {self.ticked_at}"


class Import(models.Model):
    """A file that staff sent: what it was, what became of it, and why it was refused."""

    PREVIEWED, IMPORTED, REFUSED, DISMISSED = "previewed", "imported", "refused", "dismissed"

    at = models.DateTimeField(editable=False, db_default=TransactionNow())
    staff_id = models.IntegerField(editable=False)
    kind = models.CharField(max_length=20, editable=False)  # crews or characters; empty: the file could not be read
    file_name = models.CharField(max_length=100, editable=False)
    rows = models.IntegerField(editable=False)
    state = models.CharField(max_length=20, editable=False)
    problems = models.JSONField(default=list, editable=False)  # sentences
    content = models.BinaryField(null=True)  # only while it can be confirmed

    class Meta:
        db_table = "imports"
        ordering = ("-id",)
        default_permissions = ("view", "add")
        indexes = (models.Index(fields=("-id",), name="idx_imports_refused", condition=Q(state="refused")),)

    def __str__(self) -> str:
        return self.file_name


@lru_cache(maxsize=4096)  # a board has fifty, and to make one costs what a row of it costs
def character_url(pk: int, name: str) -> str:
    """Return the address of a character's quote page."""
    slug = slugify(name) or "-"
    return reverse("quote", args=(pk, f"{slug}-" if slug in TAKEN else slug))
