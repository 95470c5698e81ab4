"""What a hit costs: ours, a raw GET of the same bytes, the module's cache, two peers, and the query itself."""

from contextlib import ExitStack
from statistics import median

from tests.bench.process import Process
from tests.drills.report import Row

ROUNDS, CALLS = 40, 150
SETTINGS = "tests.bench.settings"
# What it is, what makes it in tests.bench.sides, its settings.
SIDES = {
    "raw": ("raw", "onepiece_market.settings"),
    "ours": ("ours", "onepiece_market.settings"),
    "module": ("module", f"{SETTINGS}.module"),
    "cacheops": ("inplace", f"{SETTINGS}.cacheops"),
    "cacheops kept": ("kept", f"{SETTINGS}.cacheops"),
    "cacheops decorated": ("decorated", f"{SETTINGS}.cacheops"),
    "cachalot": ("query", f"{SETTINGS}.cachalot"),
    "cachalot kept": ("kept", f"{SETTINGS}.cachalot"),
    "orm": ("orm", "onepiece_market.settings"),
}
# What it does that ours does not, or how it differs; and how many times ours it has to cost.
AGAINST = {
    "module": ("get_or_set with the module's settings (JSON, zlib; no tokens)", 1),
    "cacheops": ("django-cacheops hit of the query (caches any query; pickle; no tokens)", 10),
    "cacheops kept": ("django-cacheops hit of a queryset that is kept", 1),
    "cacheops decorated": ("django-cacheops' @cached_as (past the ORM as ours; pickle; no tokens)", 1),
    "cachalot": ("django-cachalot hit of the query (caches every query by itself; pickle)", 10),
    "cachalot kept": ("django-cachalot hit of a queryset that is kept", 1),
    "orm": ("the query, not cached", 10),
}
Samples = dict[str, list[float]]


def rows() -> list[Row]:
    """Measure all sides in rounds, each side once a round, in an order that moves on."""
    samples, failed = _measure()
    found = [_ratio("a hit of ours / a raw GET of the same bytes", samples["ours"], samples["raw"], 1.3, at_least=False)]
    for side, (what, bar) in AGAINST.items():
        if side in failed:
            found.append(Row(f"{what}: NOT MEASURED, {failed[side]}", float("nan"), bar, "x", [], at_least=True))
        else:
            found.append(_ratio(f"{what} / a hit of ours", samples[side], samples["ours"], bar, at_least=True))
    return found


def _measure() -> tuple[Samples, dict[str, str]]:
    """Return microseconds a call by side and round, and the errors of the sides that do not run."""
    samples: Samples = {side: [] for side in SIDES}
    failed: dict[str, str] = {}
    with ExitStack() as stack:
        processes = {side: stack.enter_context(Process("sides", *how)) for side, how in SIDES.items()}
        for number in range(ROUNDS + 1):
            order = list(SIDES)[number % len(SIDES) :] + list(SIDES)[: number % len(SIDES)]
            for side in order:
                if side not in failed:
                    _ask(processes[side], side, samples, failed)
    return {side: found[1:] for side, found in samples.items()}, failed  # the first round warms up


def _ask(process: Process, side: str, samples: Samples, failed: dict[str, str]) -> None:
    try:
        samples[side].append(process.ask(CALLS))
    except RuntimeError as error:
        failed[side] = str(error)


def _ratio(what: str, dear: list[float], cheap: list[float], bar: float, *, at_least: bool) -> Row:
    """Return the ratio of the medians, with the ratio of each round."""
    above, below = median(dear), median(cheap)
    ratios = [a / b for a, b in zip(dear, cheap, strict=True)]
    return Row(f"{what} ({above:.0f} / {below:.0f} us)", above / below, bar, "x", ratios, at_least=at_least)
