"""What makes cached values stale: who raises which event when somebody writes."""

from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.db.models import Model
from django.db.models.signals import post_delete, post_save

from caching.keys import raised_by
from caching.service import CacheService
from characters.models import BountyEvent, Character, Listing
from crews.models import Crew, CrewAnalytics
from crews.signals import rows_written

CHARACTER, CREW, ANALYTICS = "character", "crew", "crew_analytics"
KINDS: dict[type[Model], tuple[str, str]] = {  # what a row of a model tells of, and the attribute with that id
    Crew: (CREW, "pk"),
    CrewAnalytics: (ANALYTICS, "pk"),
    Character: (CHARACTER, "pk"),
    Listing: (CHARACTER, "character_id"),
    BountyEvent: (CHARACTER, "character_id"),
}


def connect() -> None:
    """Listen to saves, deletions and bulk writes; what none of these tells, the outbox does."""
    post_save.connect(_saved, dispatch_uid="caching.saved")
    post_delete.connect(_saved, dispatch_uid="caching.deleted")
    rows_written.connect(_written, dispatch_uid="caching.written")


def _saved(sender: type[Model], instance: Model, using: str, **_: Any) -> None:
    if sender in KINDS:
        kind, attribute = KINDS[sender]
        _renew_on_commit(kind, [getattr(instance, attribute)], using)


def _written(sender: type[Model], ids: Iterable[int] | None, using: str, **_: Any) -> None:
    _renew_on_commit(KINDS[sender][0], ids, using)


def _renew_on_commit(kind: str, ids: Iterable[int] | None, using: str) -> None:
    events = raised_by(kind, ids)
    transaction.on_commit(lambda: CacheService.renew(events), using=using, robust=True)
