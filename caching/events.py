"""What makes cached values stale: who raises which event when somebody writes."""

from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.db.models import Model
from django.db.models.signals import post_delete, post_save

from caching.keys import raised_by
from caching.prices import write_through
from caching.service import CacheService
from characters.models import BountyEvent, Character, Listing
from crews.models import Crew, CrewAnalytics
from crews.signals import rows_written
from trading.models import MarketRules, User

CHARACTER, CREW, ANALYTICS, TRADER, MARKET = "character", "crew", "crew_analytics", "trader", "market"
KINDS: dict[type[Model], tuple[str, str]] = {  # what a row of a model tells of, and the attribute with that id
    Crew: (CREW, "pk"),
    CrewAnalytics: (ANALYTICS, "pk"),
    Character: (CHARACTER, "pk"),
    Listing: (CHARACTER, "character_id"),
    BountyEvent: (CHARACTER, "character_id"),
    User: (TRADER, "pk"),
    MarketRules: (MARKET, "pk"),
}
UNSEEN = frozenset({"last_login", "last_seen"})  # nothing that is cached shows it


def connect() -> None:
    """Listen to saves, deletions and bulk writes; what none of these tells, the outbox does."""
    post_save.connect(_saved, dispatch_uid="caching.saved")
    post_delete.connect(_saved, dispatch_uid="caching.deleted")
    rows_written.connect(_written, dispatch_uid="caching.written")


def _saved(sender: type[Model], instance: Model, using: str, update_fields: frozenset[str] | None = None, **_: Any) -> None:
    if sender in KINDS and not (update_fields and update_fields <= UNSEEN):
        kind, attribute = KINDS[sender]
        _renew_on_commit(kind, [getattr(instance, attribute)], using)


def _written(sender: type[Model], ids: Iterable[int] | None, using: str, **_: Any) -> None:
    _renew_on_commit(KINDS[sender][0], ids, using)


def _renew_on_commit(kind: str, ids: Iterable[int] | None, using: str) -> None:
    ids = None if ids is None else list(ids)
    transaction.on_commit(lambda: _renew(kind, ids), using=using, robust=True)


def _renew(kind: str, ids: list[int] | None) -> None:
    heard = CacheService.renew(raised_by(kind, ids))
    if heard and kind == CHARACTER and ids:
        write_through(ids)
