"""A pytest plugin: break one guard of the market's SQL after another in the test database; run its tests until one is red."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import sql
from tests.clients import connect
from tests.drills.guards import Guard
from tests.drills.market_guards import AFTER, BEFORE, GUARDS
from tests.drills.report import under_way

RULES = (
    "UPDATE market_rules SET commission = DEFAULT, kappa = DEFAULT, position_cap = DEFAULT, opening_balance = DEFAULT,"
    " breaker = DEFAULT, cooling = DEFAULT, is_halted = DEFAULT, halt_reason = DEFAULT"
)  # a test that was red may have left others
RED: list[str] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take which guards to break, and where to tell what became of it."""
    parser.addoption("--break", dest="only", default="", help="break the guards with this in their name")
    parser.addoption("--tell", help="the file to write: {guard: 1 if a test was red}; for the guard '' none is broken")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note what is red. Raises RuntimeError where a test could not run at all."""
    if report.failed and report.when != "call":
        raise RuntimeError(f"{report.nodeid}: {report.longreprtext}")
    if report.failed:
        RED.append(report.nodeid)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool:
    """Run the tests of all guards, then those of each while it is broken."""
    chosen = [guard for guard in GUARDS if session.config.option.only in guard.name]
    told = {"": _red(session, " ".join(guard.tests for guard in chosen))}
    for guard in [] if told[""] else chosen:
        text = (sql.HERE / f"{guard.file}.sql").read_text()
        if text.count(guard.text) != 1:
            raise ValueError(f"{guard.name}: {guard.file} does not say {guard.text!r} once.")
        _install(guard, text.replace(guard.text, guard.broken))
        told[guard.name] = _red(session, guard.tests)
        _install(guard, text)
        _say(session, f"{guard.name}: {RED.pop() if told[guard.name] else 'NOT NOTICED'}")
    Path(session.config.option.tell).write_text(json.dumps(told))
    return True


def _install(guard: Guard, text: str) -> None:
    """Let the test database have this version of the guard's file."""
    with connect("owner") as connection:
        connection.execute(BEFORE.get(guard.file, "") + sql.again(text) + AFTER.get(guard.file, ""))
        connection.execute(RULES)


def _red(session: pytest.Session, tests: str) -> int:
    """Return 1 if one of these tests fails, else 0: the tests after it do not run."""
    items = [item for name in dict.fromkeys(tests.split()) for item in _named(session, name)]
    before = len(RED)
    session._setupstate.teardown_exact(items[0])  # the run before may have ended in another file
    for item, following in zip(items, [*items[1:], _another(session, items[-1])], strict=True):
        item._initrequest()  # what pytest does once: here a test runs many times
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if len(RED) > before:
            return 1
    return 0


def _named(session: pytest.Session, name: str) -> Iterator[Any]:
    """Yield the tests of "races", or the one of "races::test_x"."""
    file, _, test = name.partition("::")
    return (i for i in session.items if i.path.stem == f"test_{file}" and test in ("", getattr(i, "originalname", "")))


def _another(session: pytest.Session, item: pytest.Item) -> pytest.Item:
    """Return any other test: with none to follow, pytest would take the database down."""
    return next(other for other in session.items if other is not item)


def _say(session: pytest.Session, what: str) -> None:
    """Say it past pytest's capture."""
    with session.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        under_way(what)
