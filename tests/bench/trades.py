"""What a trade costs beside the least that it could: one run, sides interleaved, one server, every commit durable.

`limit` is one call of a function that updates one balance. PGLEDGER_SQL names a file with pgledger's public SQL, the functions of
its vendor folder first, to be measured beside it.
"""

import os
from collections.abc import Callable
from pathlib import Path
from statistics import median

from tests.bench import pgbench
from tests.bench.market import market
from tests.bench.process import Process
from tests.drills.report import Row

ROUNDS, SECONDS = 5, 3
TRADERS, CLIENTS, BATCH = 1_000, 8, 100
PICK = f"\\set user random(1, {TRADERS})\n\\set character random(1, 250)\n"
BUY = "execute_trade({}, {}, 'buy', 1, NULL, gen_random_uuid())"
TRADE = f"{PICK}SELECT {BUY.format(':user', ':character')};\n"
HOT = f"{PICK}SELECT {BUY.format(':user', '1')};\n"
BOUND = f"{PICK}BEGIN;\nSET LOCAL market.user_id = ':user';\nSELECT {BUY.format(':user', ':character')};\nEND;\n"
LIMIT = f"{PICK}SELECT bench_update(:user, 1.00);\n"
ORDER = "jsonb_build_object('character_id', n, 'action', 'buy', 'quantity', 1)"
MANY = f"{PICK}SELECT execute_trades(:user, (SELECT jsonb_agg({ORDER}) FROM generate_series(1, {BATCH}) n));\n"
LEDGER = f"""{PICK}\\set other 1 + (:user + random(0, {TRADERS - 2})) % {TRADERS}
SELECT count(*) FROM bench_ledger a, bench_ledger b, pgledger_create_transfer(a.id, b.id, 1.00)
WHERE a.n = :user AND b.n = :other;
"""
SETUP = """
UPDATE market_rules SET opening_balance = 1000000000, position_cap = 1000000, min_account_days = 0, min_trading_days = 0;
INSERT INTO users (id, username, password, is_superuser, first_name, last_name, email, is_staff, is_active, date_joined)
OVERRIDING SYSTEM VALUE SELECT n, 'trader' || n, '!', false, '', '', '', false, true, now() FROM generate_series(1, %(n)s) n;
SELECT count(open_account(n)) FROM generate_series(1, %(n)s) n;
CREATE TABLE bench_accounts (user_id integer PRIMARY KEY, balance numeric(20, 2) NOT NULL) WITH (fillfactor = 50);
INSERT INTO bench_accounts SELECT n, 1000000000 FROM generate_series(1, %(n)s) n;
CREATE FUNCTION bench_update(p_user_id integer, p_amount numeric) RETURNS numeric LANGUAGE plpgsql AS $$
BEGIN
    UPDATE bench_accounts SET balance = balance - p_amount WHERE user_id = p_user_id RETURNING balance INTO p_amount;
    RETURN p_amount;
END $$;
"""
BYTES = "SELECT pg_total_relation_size('ledger_entries')::float / count(*) FROM ledger_entries"


def run() -> list[Row]:
    """Measure in a market of its own."""
    with market(more=0):
        _set_up()
        sides: dict[str, Callable[[], float]] = {
            "trade, 1 client": lambda: pgbench.run(TRADE, 1, SECONDS),
            "limit, 1 client": lambda: pgbench.run(LIMIT, 1, SECONDS),
            "trade": lambda: pgbench.run(TRADE, CLIENTS, SECONDS),
            "limit": lambda: pgbench.run(LIMIT, CLIENTS, SECONDS),
            "pgbench -N": lambda: pgbench.run(None, CLIENTS, SECONDS),
            "bound": lambda: pgbench.run(BOUND, CLIENTS, SECONDS, "market_app", mode="simple"),
            "not bound": lambda: pgbench.run(TRADE, CLIENTS, SECONDS, mode="simple"),
            "one character": lambda: pgbench.run(HOT, CLIENTS, SECONDS),
            "batches": lambda: pgbench.run(MANY, CLIENTS, SECONDS) * BATCH,
            "SQL from Python": lambda: _from_python("by_sql"),
            "ORM": lambda: _from_python("by_orm"),
        }
        if _has_pgledger():
            sides["pgledger"] = lambda: pgbench.run(LEDGER, CLIENTS, SECONDS)
        rates: dict[str, list[float]] = {name: [] for name in sides}
        for _ in range(ROUNDS):
            for name, measure in sides.items():
                rates[name].append(measure())
                _clear()
        return _rows(rates, _bytes())


def _rows(rates: dict[str, list[float]], size: float) -> list[Row]:
    def row(what: str, one: str, other: str, bar: float) -> Row:
        ratios = [a / b for a, b in zip(rates[one], rates[other], strict=True)]
        shown = f"{what} ({median(rates[one]):,.0f} and {median(rates[other]):,.0f} a second)"
        return Row(shown, median(ratios), bar, "x", ratios, at_least=True)

    rows = [
        row("execute_trade against the limit, 1 client", "trade, 1 client", "limit, 1 client", 0.75),
        row(f"execute_trade against the limit, {CLIENTS} clients", "trade", "limit", 0.60),
        row(f"execute_trade against pgbench -N, {CLIENTS} clients", "trade", "pgbench -N", 1.0),
        row("execute_trade against the same in the ORM, both from Python", "SQL from Python", "ORM", 6),
        row("execute_trade bound as the site binds it, against unbound", "bound", "not bound", 0.55),
        row("all trades on one character against spread", "one character", "trade", 0.9),
        row(f"a batch of {BATCH} in one call against single calls", "batches", "trade", 8),
    ]
    if "pgledger" in rates:
        rows.append(row(f"execute_trade against pgledger, {CLIENTS} clients", "trade", "pgledger", 2))
    else:
        print("pgledger: not measured. Set PGLEDGER_SQL to a copy of its public pgledger.sql.")
    return [*rows, Row("bytes a ledger row with all its indexes", size, 180, "bytes", [size])]


def _set_up() -> None:
    from django.db import connections

    with connections["owner"].cursor() as cursor:
        cursor.execute(SETUP % {"n": TRADERS})
        if _has_pgledger():
            cursor.execute(Path(os.environ["PGLEDGER_SQL"]).read_text())
            cursor.execute(
                "CREATE TABLE bench_ledger AS SELECT n, (pgledger_create_account('account ' || n, 'BER')).id"
                " FROM generate_series(1, %s) n",
                [TRADERS],
            )
            cursor.execute("CREATE UNIQUE INDEX ON bench_ledger (n)")
    pgbench.initialise(scale=10)


def _has_pgledger() -> bool:
    return "PGLEDGER_SQL" in os.environ


def _clear() -> None:
    """Consume what was traded, and vacuum: no side pays for what another has left behind."""
    from django.db import connections

    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT tick_market() ->> 'code'")
        cursor.execute("UPDATE listings SET cools_until = NULL WHERE cools_until IS NOT NULL")
        cursor.execute("VACUUM ANALYZE")


def _bytes() -> float:
    from django.db import connections

    with connections["owner"].cursor() as cursor:
        cursor.execute(BYTES)
        return float(cursor.fetchone()[0])


def _from_python(make: str) -> float:
    """Return the trades a second of CLIENTS processes."""
    clients = [Process("orm", make) for _ in range(CLIENTS)]
    try:
        for number, client in enumerate(clients):
            client.ask(number, 0.2)  # connected, and statements prepared
        for number, client in enumerate(clients):
            client.send(number, SECONDS)
        return float(sum(client.answer() for client in clients)) / SECONDS
    finally:
        for client in clients:
            client.__exit__()
