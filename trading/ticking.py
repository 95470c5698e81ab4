"""The tick: prices follow demand and news. Runs as market_owner."""

import json
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import connections, transaction
from django.utils import timezone

from characters.models import Character
from crews.signals import rows_written
from trading.models import MarketTick

DB = "owner"
KEPT = timedelta(days=30)  # of market_ticks; prices are in price_ticks for good


class Tick(NamedTuple):
    """What a tick did: the votes' rows that it consumed, the news that it applied, and who moved and who cools down, by id."""

    ticked_at: datetime
    flow_rows: int
    news: int
    moved: list[int]
    cooled: list[int]


def tick() -> Tick | None:
    """Publish new prices; return None if another tick does it at this moment. One transaction."""
    with transaction.atomic(using=DB), connections[DB].cursor() as cursor:
        cursor.execute("SELECT tick_market()::text")
        answer = json.loads(cursor.fetchone()[0])
        if answer.pop("code") != "ok":
            return None
        done = Tick(**answer | {"ticked_at": datetime.fromisoformat(answer["ticked_at"])})
        if done.moved:
            rows_written.send(Character, ids=done.moved, using=DB)
    return done


def prune_ticks() -> int:
    """Forget which ticks there were more than 30 days ago; return how many. Prices stay."""
    return MarketTick.objects.using(DB).filter(ticked_at__lt=timezone.now() - KEPT).delete()[0]
