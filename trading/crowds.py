"""Making a simulated crowd, the market as it sees it, and the rhythm of its days. Pure: the same dice make the same crowd."""

import math
import random
from collections.abc import Iterable, Iterator
from typing import Any

from trading.temperaments import DAY, HOLDER, SHARES, Market, Stock, Surge, Trader

RHYTHM = (  # how lively the hours of a day are, from waking up; 1 on average
    0.5, 0.8, 1.1, 1.2, 1.1, 1.0, 1.3, 1.2, 1.0, 1.0, 1.1, 1.3, 1.7, 2.2, 2.4, 2.2, 1.5, 0.7, 0.3, 0.1, 0.05, 0.05, 0.05, 0.15,
)  # fmt: skip
WAKING = (5, 6, 6, 7, 7, 7, 8, 8, 9, 10, 13, 16)  # o'clock
JOINING = 0.6  # of the past: until then traders come in
POSITIONS = 2400  # that all of them want together: of many traders each wants few, and prices keep room to move
TALKED_OF = 12  # purchases a day that a surge brings to a character: the circuit breaker trips at about twice as many


def market_of(rows: Iterable[tuple[Any, ...]], hours: int, traders: int, dice: random.Random) -> Market:
    """Return the market of (id, crew, fundamental value, full vote, price).

    How much somebody is liked follows from his bounty and his crew, and from taste.
    """
    rows = list(rows)
    crews = {crew: dice.lognormvariate(0, 0.7) for crew in sorted({crew or 0 for _, crew, *_ in rows})}
    stocks = [
        Stock(pk, crew, float(worth), vote, float(price), float(worth) ** 0.5 * crews[crew or 0] * dice.lognormvariate(0, 0.9))
        for pk, crew, worth, vote, price in rows
    ]
    return Market(stocks, list(_surges(stocks, hours, traders, dice)))


def crowd_of(count: int, names: Iterator[str], hours: int, market: Market, dice: random.Random) -> list[Trader]:
    """Return so many traders. Fans are spread over the crews of three and more by how much these are liked."""
    crews = [crew for crew, members in market.crews.items() if crew and len(members) >= 3]
    weights = [sum(stock.appeal for stock in market.crews[crew]) for crew in crews]
    breadth = min(14.0, max(2.0, POSITIONS / count))
    return [
        Trader(
            name=next(names),
            temperament=kind if crews else HOLDER,
            crew_id=dice.choices(crews, weights)[0] if crews else None,
            joins=dice.randrange(max(1, int(JOINING * hours))),
            wakes=dice.choice(WAKING),
            eagerness=min(8.0, dice.lognormvariate(0.2, 0.7)),
            breadth=max(1, round(breadth * dice.uniform(0.5, 1.5))),
        )
        for kind in dice.choices(list(SHARES), list(SHARES.values()), k=count)
    ]


def looks(trader: Trader, hour: int, clock: int, dice: random.Random) -> bool:
    """Return whether he looks at the market in this hour of the past. clock: the hour of the day."""
    return hour >= trader.joins and dice.random() < trader.eagerness * RHYTHM[(clock - trader.wakes) % DAY] / DAY


def _surges(stocks: list[Stock], hours: int, traders: int, dice: random.Random) -> Iterator[Surge]:
    """Yield who is talked of when: somebody new about every day."""
    weights = [stock.appeal for stock in stocks]
    for _ in range(math.ceil(hours / DAY)):
        begins = dice.randrange(hours)
        share = min(0.3, TALKED_OF / traders)
        yield Surge(dice.choices(stocks, weights)[0], begins, begins + dice.randint(12, 48), share)
