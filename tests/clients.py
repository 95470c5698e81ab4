"""Many clients at once: plain psycopg connections as market_app, each in a thread of its own."""

import json
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from decimal import Decimal
from threading import Barrier
from typing import Any

import psycopg
from django.db import connections

EXECUTE_TRADE = "SELECT execute_trade(%s, %s, %s, %s, NULL, %s::uuid)::text"
type Call = tuple[int, int, str, int, str]  # user, character, action, quantity, trade id


def connect(alias: str = "default") -> "psycopg.Connection[Any]":
    """Open a connection of this alias beside Django's."""
    parameters = connections[alias].get_connection_params()
    names = ("dbname", "user", "password", "host", "port")
    return psycopg.connect(**{name: parameters[name] for name in names if parameters.get(name)}, autocommit=True)


def execute(connection: "psycopg.Connection[Any]", call: Call) -> dict[str, Any]:
    """Bind the user and execute one trade, in the transaction that is open."""
    connection.execute(f"SET LOCAL market.user_id = '{call[0]}'")
    row = connection.execute(EXECUTE_TRADE, call).fetchone()
    answer: dict[str, Any] = json.loads(row[0], parse_float=Decimal) if row else {}
    return answer


def send(connection: "psycopg.Connection[Any]", call: Call) -> dict[str, Any]:
    """Bind the user and execute one trade, in a transaction of its own."""
    with connection.transaction():
        return execute(connection, call)


def all_at_once(calls: Iterable[Call]) -> list[dict[str, Any]]:
    """Send every call from a connection of its own, all released together. A database error is {"code": SQLSTATE}."""
    waiting = list(calls)
    start = Barrier(len(waiting))

    def client(call: Call) -> dict[str, Any]:
        with connect() as connection:
            start.wait(30)
            try:
                return send(connection, call)
            except psycopg.Error as error:
                return {"success": False, "code": error.sqlstate}

    return in_threads(client, waiting)


def waits_then[R](
    first: Callable[["psycopg.Connection[Any]"], object], second: Callable[[], R], alias: str = "default"
) -> tuple[Future[R], bool]:
    """Do the first without committing, then the second; return what became of it, and whether it waited for the commit."""

    def run() -> R:
        try:
            return second()
        finally:
            connections.close_all()

    query = "SELECT count(*) FROM pg_stat_activity WHERE %s = ANY (pg_blocking_pids(pid))"
    with connect(alias) as one, connect("owner") as watcher, ThreadPoolExecutor(1) as pool:
        with one.transaction():
            first(one)
            answer, waited = pool.submit(run), False
            while not (answer.done() or waited):
                waited = watcher.execute(query, [one.info.backend_pid]).fetchone() != (0,)
        answer.exception(10)
    return answer, waited


def in_threads[T, R](work: Callable[[T], R], items: list[T]) -> list[R]:
    """Run the work on every item at once; the first exception is raised."""
    with ThreadPoolExecutor(len(items)) as pool:
        return list(pool.map(work, items))
