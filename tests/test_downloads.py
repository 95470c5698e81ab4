"""My data: all of it, only mine, in bounded memory, and harmless in a spreadsheet."""

import csv
import io
import json
import tracemalloc
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.db import connections
from django.test import Client

from tests.factories import CharacterFactory, UserFactory
from tests.money import ledger_rows, trade_by_sql
from trading import exports
from trading.binding import as_user
from trading.models import User, Watch
from trading.recovery import make_codes

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def robin() -> User:
    """A trader who has bought, sold, watched, and mistyped his password."""
    user = UserFactory(username="Robin", email="robin@example.com")
    character = CharacterFactory(name="=1+1", bounty=4_000_000)
    for action, quantity in (("buy", 7), ("sell", 2)):
        assert trade_by_sql(user.pk, user.pk, character.pk, action, quantity)["code"] == "ok"
    with as_user(user):
        Watch.objects.create(user=user, character=character)
    make_codes(user)
    Client().post("/login/", {"username": "robin", "password": "wrong"})
    return user


def download(user: User, name: str) -> tuple[Any, str]:
    """Return the response and its whole text."""
    browser = Client()
    browser.force_login(user)
    response = browser.get(f"/account/{name}")
    assert response.streaming
    assert "attachment" in response["Content-Disposition"]
    assert "no-store" in response["Cache-Control"]
    return response, b"".join(response).decode()


def test_the_json_holds_all_that_is_stored_about_me(robin: User) -> None:
    other = UserFactory(username="Zoro")
    Client().post("/login/", {"username": "zoro", "password": "wrong"})
    lone = CharacterFactory(name="Nami")
    assert trade_by_sql(robin.pk, robin.pk, lone.pk, "buy", 1)["code"] == "ok"
    _, text = download(robin, "data.json")
    data = json.loads(text)
    assert (data["user"]["username"], data["user"]["email"]) == ("Robin", "robin@example.com")
    rows = ledger_rows(robin)
    assert data["account"]["balance"] == str(rows[-1]["balance_after"])
    assert [entry["trade_id"] for entry in data["ledger"]] == [str(row["trade_id"]) for row in rows]
    assert [(p["character__name"], p["quantity"]) for p in data["positions"]] == [("=1+1", 5), ("Nami", 1)]
    assert (len(data["watches"]), len(data["recovery_codes"]), len(data["failed_logins"])) == (1, 10, 1)
    assert "Zoro" not in text
    assert "hash" not in text
    _, text = download(other, "data.json")
    assert "Robin" not in text
    assert len(json.loads(text)["ledger"]) == 1


def test_no_table_with_my_rows_is_left_out() -> None:
    """A new per-user table belongs into the download: this fails when one is forgotten."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attname = 'user_id'"
            " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND relname !~ '^(users_|django_|order_flow)'"
        )
        tables = {name for (name,) in cursor.fetchall()}
    assert tables == {"accounts", "holdings", "ledger_entries", "recovery_codes", "watches"}


def columns_of(tables: list[str]) -> dict[str, set[str]]:
    """Return the columns of these tables."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT table_name, array_agg(column_name::text) FROM information_schema.columns"
            " WHERE table_schema = 'public' AND table_name = ANY(%s) GROUP BY 1",
            [tables],
        )
        return {table: set(columns) for table, columns in cursor.fetchall()}


WITHHELD = {
    "users": {"password", "is_active", "is_superuser"},  # a secret; whoever reads this is active; superusers know
    "recovery_codes": {"code_hash"},
    "axes_accessattempt": {"username", "get_data", "post_data"},  # his own name, and what was typed
}


def test_no_column_with_my_facts_is_left_out(robin: User) -> None:
    data = json.loads(download(robin, "data.json")[1])
    told = {
        "users": data["user"], "accounts": data["account"], "holdings": data["positions"][0], "watches": data["watches"][0],
        "ledger_entries": data["ledger"][-1], "recovery_codes": data["recovery_codes"][0],
        "axes_accessattempt": data["failed_logins"][0],
    }  # fmt: skip
    stored = columns_of([*told])
    missing = {table: stored[table] - row.keys() - WITHHELD.get(table, set()) - {"id", "user_id"} for table, row in told.items()}
    assert missing == {table: set() for table in told}
    header = download(robin, "ledger.csv")[1].split("\r\n")[0].split(",")
    assert set(header) == stored["ledger_entries"] - {"user_id"} | {"character"}


def test_staff_without_an_account_get_what_there_is() -> None:
    data = json.loads(download(UserFactory(is_staff=True), "data.json")[1])
    assert (data["account"], data["ledger"]) == (None, [])


def test_the_csv_is_what_rfc_4180_says(robin: User) -> None:
    response, text = download(robin, "ledger.csv")
    assert response["Content-Type"].startswith("text/csv; charset=utf-8")
    assert text.endswith("\r\n")
    assert "\n" not in text.replace("\r\n", "")
    header, *rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    assert tuple(header) == exports.COLUMNS
    expected = [str(row["amount"]) for row in ledger_rows(robin)]
    assert [row[header.index("amount")] for row in rows] == expected  # also negative ones: a number is no formula
    assert [row[header.index("character")] for row in rows] == ["", "'=1+1", "'=1+1"]


def test_the_csv_holds_the_ledger_cell_by_cell(robin: User) -> None:
    names = ("kind", "character_id", "quantity", "quantity_after", "price", "fee", "amount", "balance_after", "trade_id")
    told = csv.DictReader(io.StringIO(download(robin, "ledger.csv")[1], newline=""))
    expected = [["" if row[name] is None else str(row[name]) for name in names] for row in ledger_rows(robin)]
    assert [[row[name] for name in names] for row in told] == expected


@pytest.mark.parametrize("text", ['=HYPERLINK("x")', "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_text_begins_like_a_formula(text: str) -> None:
    assert exports.harmless(text) == "'" + text
    assert exports.harmless("Monkey D. Luffy") == "Monkey D. Luffy"


def test_quotes_commas_and_line_breaks_survive(robin: User) -> None:
    name = 'a "b", c\r\nd'
    CharacterFactory._meta.model.objects.update(name=name)
    header, *rows = csv.reader(io.StringIO(download(robin, "ledger.csv")[1], newline=""), strict=True)
    assert rows[-1][header.index("character")] == name


def test_entries_that_come_while_it_is_read_wait_for_the_next_download(robin: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "BATCH", 1)
    parts = exports.as_json(robin)
    text = next(parts) + next(parts)
    character = CharacterFactory()
    assert trade_by_sql(robin.pk, robin.pk, character.pk, "buy", 1)["code"] == "ok"
    data = json.loads(text + "".join(parts))
    assert data["ledger"][-1]["balance_after"] == data["account"]["balance"]
    assert len(data["ledger"]) == 3


def peak_of(user: User) -> int:
    """Read the whole CSV, part by part; return how many bytes were used at most."""
    tracemalloc.start()
    assert sum(part.count("\r\n") for part in exports.as_csv(user)) == 6002
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_a_long_history_is_never_in_memory_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    user = UserFactory()
    with connections["owner"].cursor() as cursor:
        cursor.execute("SET ROLE market_system")
        cursor.execute(
            "INSERT INTO ledger_entries (user_id, character_id, created_at, trade_id, quantity, quantity_after, kind, price, fee,"
            " amount, balance_after) SELECT %s, 1, now() + n * interval '1 microsecond', gen_random_uuid(), 1, n, 'buy', 10, 0,"
            " -10, 0 FROM generate_series(1, 6000) n",
            [user.pk],
        )
        cursor.execute("UPDATE accounts SET last_entry_at = now() + interval '1 second' WHERE user_id = %s", [user.pk])
        cursor.execute("RESET ROLE")
    monkeypatch.setattr(exports, "BATCH", 100)
    in_batches = peak_of(user)
    monkeypatch.setattr(exports, "BATCH", 10_000)  # the control: all in one piece
    assert in_batches * 5 < peak_of(user)


def test_strangers_are_sent_to_the_login(client: Client) -> None:
    for name in ("data.json", "ledger.csv"):
        assert client.get(f"/account/{name}").status_code == 302
        assert client.post(f"/account/{name}").status_code == 405
    assert not AccessAttempt.objects.exists()
