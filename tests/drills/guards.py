"""Each guard of the cached reads is broken, one at a time, in a copy of the tree: at least one test must notice."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from onepiece_market import embedded
from tests.drills.report import Row, under_way
from tests.drills.start import HEAD


class Guard(NamedTuple):
    """A guard: what it is, its file, what stands there once, what breaks it, and where it is tested: "races trade::test_x"."""

    name: str
    file: str
    text: str
    broken: str
    tests: str


GUARDS = [
    Guard("a token read before the load", "caching/misses.py", '"SET", self.place.key, seal(tokens, payload)',
          '"SET", self.place.key, seal(self.redis.mget(self.place.tokens), payload)', "cache_freshness cache_signals"),
    Guard("a renewal on commit", "caching/events.py",
          "transaction.on_commit(lambda: _renew(kind, ids), using=using, robust=True)", "_renew(kind, ids)",
          "cache_signals cache_freshness"),
    Guard("no renewal of what is rolled back", "caching/service.py",
          "transaction.on_commit(lambda: CacheService.renew(events), using=using, robust=True)", "CacheService.renew(events)",
          "cache_freshness cache_keys cache_signals"),
    Guard("the equality of all tokens", "caching/envelope.py", "if stored[1:size] != under:", "if stored[1:19] != under[:18]:",
          "cache_values"),
    Guard("random tokens", "caching/tokens.py", "return UNKNOWN + secrets.token_bytes(6) + UNKNOWN", "return UNKNOWN * 3",
          "cache_freshness cache_values"),
    Guard("a renewal by another name", "caching/tokens.py", "*(now + secrets.token_bytes(6) for _ in keys)",
          "*(now + bytes(6) for _ in keys)", "cache_freshness cache_signals"),
    Guard("a lease", "caching/misses.py", 'pipe.set(lease, b"", nx=True,', 'pipe.set(lease, b"", nx=False,', "cache_stampede"),
    Guard("the end of a lease", "caching/misses.py", "px=int(LEASE * 1000))", "px=600_000)", "cache_stampede cache_values"),
    Guard("one load in a process", "caching/flights.py", "future = self._under_way.get(key)", "future = None",
          "cache_stampede cache_down"),
    Guard("who wants it fresh is not given the old", "caching/misses.py", 'b"".join(standing), self.may_be_old)',
          'b"".join(standing), False)', "cache_stampede"),
    Guard("half a second of the old and no more", "caching/tokens.py", "- when <= ms", "- when <= ms * 10**9",
          "cache_stampede"),
    Guard("a breaker round commands", "caching/client.py", "except LOST:\n            BREAKER.trip(partial(_come_back, self))",
          "except LOST:", "cache_down"),
    Guard("a breaker round the look", "caching/client.py",
          "except RedisTimeoutError:\n            BREAKER.trip(partial(_come_back, self))", "except RedisTimeoutError:",
          "cache_down"),
    Guard("sessions' copies dropped when it comes back", "caching/client.py", "sessions.flushdb(asynchronous=True)", "pass",
          "cache_down"),
    Guard("the relay's order", "caching/relay.py", "with transaction.atomic(using=using, durable=True), connections",
          "with connections", "outbox cache_down"),
    Guard("a relay that ignores no error", "caching/relay.py", "            renew(connection(), token_keys(",
          "            with __import__('contextlib').suppress(Exception):\n                renew(connection(), token_keys(",
          "outbox cache_down"),
    Guard("SKIP LOCKED", "caching/relay.py", "FOR UPDATE SKIP LOCKED", "FOR UPDATE", "outbox"),
    Guard("a restart is noticed", "caching/relay.py", "if redis.get(key) == run:", "if redis.get(key):", "cache_down"),
    Guard("a REFRESH by hand is seen", "caching/relay.py", "if rows != last:", "if last is None:", "worker"),
    Guard("nothing cached within a transaction", "caching/service.py", "if transaction.get_connection().in_atomic_block:",
          "if False:", "cache_freshness"),
    Guard("negative caching", "caching/misses.py", "        except Http404:\n            return ABSENT",
          "        except ZeroDivisionError:\n            return ABSENT", "cache_keys"),
    Guard("no page for who has a session", "caching/bodies.py", "settings.SESSION_COOKIE_NAME in request.COOKIES or not",
          "not", "bodies"),
    Guard("a page rendered for nobody", "caching/bodies.py", "response = view(nobody, *args, **kwargs)",
          "response = view(request, *args, **kwargs)", "bodies"),
    Guard("no page with a token in it", "caching/bodies.py", 'if "CSRF_COOKIE" in nobody.META or response.cookies:', "if False:",
          "bodies"),
    Guard("a page of its own for every site", "caching/bodies.py", '(f"{request.scheme}://{request.get_host()}", ', '("", ',
          "bodies"),
    Guard("an end to what a process keeps", "caching/bodies.py", "if kept and kept[0] > now:", "if kept:", "bodies"),
]  # fmt: skip


def run(only: str = "") -> list[Row]:
    """Break every guard of the cached reads whose name has this in it."""
    return broken_one_by_one(GUARDS, only)


def broken_one_by_one(guards: list[Guard], only: str = "", *options: str) -> list[Row]:
    """Run the guards' tests unbroken, then with each guard broken. The figure is whether they pass: 0 they do, 1 they do not."""
    chosen = [guard for guard in guards if only in guard.name]
    if not chosen:
        return []
    with _copy_of_the_tree() as tree:
        everywhere = " ".join(sorted({name for guard in chosen for name in guard.tests.split()}))
        whole = _row("tests that fail with every guard in place", _red(tree, everywhere, options), at_least=False)
        return [whole, *(_row(f"noticed when broken: {g.name}", _without(g, tree, options), at_least=True) for g in chosen)]


@contextmanager
def _copy_of_the_tree() -> Iterator[Path]:
    """Lend a copy of the tree as it is now, and keep servers of its own running beside it."""
    folder = Path(tempfile.mkdtemp(prefix="guards"))
    names = subprocess.run(["git", "ls-files"], cwd=HEAD, check=True, capture_output=True, text=True).stdout.splitlines()
    for name in names:
        (folder / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(HEAD / name, folder / "tree" / name)
    release = embedded.lease(folder / "home" / "test")
    try:
        yield folder / "tree"
    finally:
        release()
        shutil.rmtree(folder, ignore_errors=True)


def _row(what: str, red: str, *, at_least: bool) -> Row:
    """Return the row of one run, and say which test was red."""
    under_way(f"{what}: red {red or 'nowhere'}")
    return Row(what, int(bool(red)), int(at_least), "", [], at_least=at_least)


def _without(guard: Guard, tree: Path, options: tuple[str, ...]) -> str:
    """Break a guard, run its tests, mend it again. Raises ValueError when the guard is not where it was."""
    file = tree / guard.file
    whole = file.read_text()
    if whole.count(guard.text) != 1:
        raise ValueError(f"{guard.name}: {guard.file} does not say {guard.text!r} once.")
    file.write_text(whole.replace(guard.text, guard.broken))
    try:
        return _red(tree, guard.tests, options)
    finally:
        file.write_text(whole)


def _red(tree: Path, tests: str, options: tuple[str, ...]) -> str:
    """Return the first of these tests that fails, "" if none. Raises RuntimeError when they cannot run."""
    named = [name.partition("::") for name in tests.split()]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *options,
         *(f"tests/test_{file}.py{colons}{test}" for file, colons, test in named)],
        cwd=tree, capture_output=True, text=True, env=os.environ | {"MARKET_HOME": str(tree.parent / "home")},
        stdin=subprocess.DEVNULL, timeout=1800, check=False,
    )  # fmt: skip
    red = re.search(r"^FAILED (\S+)", done.stdout, re.MULTILINE)
    if done.returncode != (1 if red else 0):
        raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
    return red[1] if red else ""
