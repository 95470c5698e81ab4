"""Pages over HTTP: a cached board beside a constant, the middleware, and a board of no cache beside Django's templates."""

from contextlib import ExitStack
from statistics import median

from tests.bench import wrk
from tests.bench.market import market
from tests.bench.seen import same_page
from tests.bench.server import Server
from tests.bench.wrk import Headers, Page
from tests.drills.report import Row, under_way

ROUNDS, SECONDS, WARM_UP = 12, 1, 1
SETTINGS = "tests.bench.settings"
SERVERS = {
    "board": "onepiece_market.settings",
    "validated": f"{SETTINGS}.validated",
    "trivial": f"{SETTINGS}.trivial",
    "bare": f"{SETTINGS}.bare",
    "past": f"{SETTINGS}.past",
    "templates": f"{SETTINGS}.templates",
}
SENT = ("Content-Encoding", "ETag", "Cache-Control", "Vary", "Content-Type")  # by the view, not by the middleware
Samples = dict[str, list[float]]


def run() -> list[Row]:
    """Make a market of its own, serve it once for each side, and drive the boards in turn."""
    wrk.require()
    with market(), ExitStack() as stack:
        _collect()
        ports = {side: stack.enter_context(Server(settings)).port for side, settings in SERVERS.items()}
        pages = {side: Page(port, {}) for side, port in ports.items()}
        pages["trader"] = Page(ports["board"], _cookie())
        _compare(pages)
        return _rows(_measure(pages))


def _collect() -> None:
    from django.core.management import call_command

    call_command("collectstatic", verbosity=0, interactive=False)


def _cookie() -> Headers:
    """Return the cookie of a trader who has logged in."""
    from django.conf import settings
    from django.test import Client

    from trading.models import User

    client = Client()
    client.force_login(User.objects.create_user("trader"), settings.AUTHENTICATION_BACKENDS[-1])
    return {"Cookie": f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"}


def _compare(pages: dict[str, Page]) -> None:
    """Make sure that what is compared is the same. Raises RuntimeError."""
    board, body = pages["board"].get()
    for side in ("validated", "trivial", "bare"):
        headers, same = pages[side].get()
        if same != body or any(headers[name] != board[name] for name in SENT):
            raise RuntimeError(f"{side} does not answer with the bytes and headers of the board.")
    same_page(pages["past"].get()[1], body)
    same_page(pages["templates"].get()[1], body)


def _measure(pages: dict[str, Page]) -> Samples:
    """Return requests a second by side and round, each side once a round, in an order that moves on."""
    samples: Samples = {side: [] for side in pages}
    for page in pages.values():
        page.rate(WARM_UP)
    for number in range(ROUNDS):
        under_way(f"round {number + 1} of {ROUNDS}")
        for side in [*pages][number % len(pages) :] + [*pages][: number % len(pages)]:
            samples[side].append(pages[side].rate(SECONDS))
    return samples


def _rows(samples: Samples) -> list[Row]:
    trivial = samples["trivial"]
    past = "board of no cache (each request does all queries, renders and compresses) / the same by ORM objects, Django templates"
    return [
        _ratio("cached board / a constant view of the same bytes and middleware", samples["board"], trivial, 0.9),
        _ratio("board proven fresh by Valkey at each request / the constant view", samples["validated"], trivial, 0.75),
        _share(trivial, samples["bare"]),
        _ratio(past, samples["past"], samples["templates"], 4),
        _ratio("board of a trader who is logged in / the constant view (for information)", samples["trader"], trivial, 0),
    ]


def _share(trivial: list[float], bare: list[float]) -> Row:
    """Return the part of a request's time that the middleware takes, in all and in each round."""
    what = f"the middleware's share of the constant view's time ({_rate(trivial)} with, {_rate(bare)} without)"
    shares = [1 - with_it / without for with_it, without in zip(trivial, bare, strict=True)]
    return Row(what, 1 - median(trivial) / median(bare), 0.35, "", shares)


def _ratio(what: str, ours: list[float], theirs: list[float], bar: float) -> Row:
    """Return the ratio of the medians, with the ratio of each round."""
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    return Row(f"{what} ({_rate(ours)} / {_rate(theirs)})", median(ours) / median(theirs), bar, "x", ratios, at_least=True)


def _rate(samples: list[float]) -> str:
    return f"{median(samples):.0f} [{min(samples):.0f} to {max(samples):.0f}] requests/s"
