"""Each guard of the cached reads is broken, one at a time, in a copy of the tree: at least one test must notice."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

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
    Guard("a restart is noticed", "caching/pool.py", "redis.call('GET', KEYS[1]) ~= run then",
          "not redis.call('GET', KEYS[1]) then", "cache_down"),
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
    Guard("an end to what a process keeps", "caching/bodies.py", "if kept and kept.until > now:", "if kept:", "bodies"),
    Guard("the tokens of what a process keeps", "caching/copies.py", "redis.ask(place.glance) == proof.tokens",
          "redis.ask(place.glance)", "bodies"),
    Guard("what a process keeps ends with the cache's own", "caching/copies.py", "time.monotonic() < proof.until and ", "",
          "bodies"),
    Guard("a connection without the answer to another's question", "caching/client.py",
          "            connection.disconnect()\n            raise", "            raise", "cache_down"),
]  # fmt: skip


def run(only: str = "") -> list[Row]:
    """Run the guards' tests unbroken, then with each guard broken whose name has `only` in it."""
    chosen = [guard for guard in GUARDS if only in guard.name]
    folder = Path(tempfile.mkdtemp(prefix="guards"))
    tree = folder / "tree"
    names = subprocess.run(["git", "ls-files"], cwd=HEAD, check=True, capture_output=True, text=True).stdout.splitlines()
    for name in names:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(HEAD / name, tree / name)
    everywhere = " ".join(sorted({name for guard in chosen for name in guard.tests.split()}))
    rows = [whole(_fails(tree, folder, everywhere))]
    for guard in chosen:
        under_way(guard.name)
        rows.append(noticed(guard, _without(guard, tree, folder)))
    shutil.rmtree(folder, ignore_errors=True)
    return rows


def whole(fails: int) -> Row:
    """Return the row of the tests of all guards, unbroken. The figure is whether they pass: 0 they do, 1 they do not."""
    return Row("tests that fail with every guard in place", fails, 0, "", [])


def noticed(guard: Guard, fails: int) -> Row:
    """Return the row of a guard's tests while it is broken."""
    return Row(f"noticed when broken: {guard.name}", fails, 1, "", [], at_least=True)


def _without(guard: Guard, tree: Path, folder: Path) -> int:
    """Break a guard, run its tests, mend it again. Raises ValueError when the guard is not where it was."""
    file = tree / guard.file
    whole = file.read_text()
    if whole.count(guard.text) < 1:
        raise ValueError(f"{guard.name}: {guard.file} does not say {guard.text!r}.")
    file.write_text(whole.replace(guard.text, guard.broken))
    try:
        return _fails(tree, folder, guard.tests)
    finally:
        file.write_text(whole)


def _fails(tree: Path, folder: Path, tests: str) -> int:
    """Return 1 if one of these tests fails, else 0. Raises RuntimeError when they cannot run."""
    files = [f"tests/test_{name}.py" for name in tests.split()]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *files], cwd=tree, capture_output=True, text=True,
        env=os.environ | {"MARKET_HOME": str(folder / "home")}, stdin=subprocess.DEVNULL, timeout=600, check=False,
    )  # fmt: skip
    if done.returncode not in (0, 1):
        raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
    return done.returncode
