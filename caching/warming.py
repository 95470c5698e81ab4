"""What is put into the cache before anybody asks: after a tick everybody asks at once."""

from caching.prices import write_through
from caching.relay import settle
from caching.standings import recount
from characters.models import PriceTick
from trading.models import MarketTick


def warm() -> list[int]:
    """Store the prices that the last tick moved, and count the leaderboard; return whose prices. Raises RedisError.

    Waits for the relay to have told of that tick: what is stored before is stale once it has.
    """
    settle()
    last = MarketTick.objects.order_by("-ticked_at").values_list("ticked_at", flat=True).first()
    ids = [*PriceTick.objects.filter(ticked_at=last).values_list("character_id", flat=True)] if last else []
    write_through(ids)
    recount()
    return ids
