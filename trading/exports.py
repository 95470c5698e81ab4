"""All that is stored about a trader, for himself: as JSON, and the ledger as CSV. Streamed, a batch of entries at a time.

Every batch is read in a transaction of its own, bound to the user; the ledger is only ever added to, and what is read ends
with the entry that was the last when the reading began. So a long history needs neither memory nor a long transaction.
"""

import csv
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from axes.models import AccessAttempt

from characters.models import Character
from trading.binding import as_user
from trading.lockout import one_spelling
from trading.models import Account, Holding, LedgerEntry, RecoveryCode, User, Watch

BATCH = 2000
PERSON = (
    "id", "username", "email", "first_name", "last_name", "is_guest", "is_simulated", "is_staff", "date_joined", "last_login",
    "last_seen",
)  # fmt: skip
ACCOUNT = ("balance", "last_entry_at", "closed_at", "is_counted", "is_barred")
ENTRY = (
    "created_at", "kind", "character_id", "quantity", "quantity_after", "price", "fee", "amount", "balance_after", "trade_id",
)  # fmt: skip
ATTEMPT = ("attempt_time", "ip_address", "user_agent", "http_accept", "path_info", "failures_since_start")
COLUMNS = (*ENTRY, "character")
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_json(user: User) -> Iterator[str]:
    """Yield one JSON object: who the user is, what he has, and every movement of his money. Amounts are texts, in berries."""
    head, until = _head(user)
    yield json.dumps(head, default=_text, ensure_ascii=False, indent=1).removesuffix("\n}") + ',\n "ledger": ['
    separator = "\n  "
    for rows in _ledger(user, until):
        yield separator + ",\n  ".join(json.dumps(row, default=_text, ensure_ascii=False) for row in rows)
        separator = ",\n  "
    yield "\n ]\n}\n"


def as_csv(user: User) -> Iterator[str]:
    """Yield the ledger as RFC 4180 has it, oldest entry first. No cell with a text begins as a formula would."""
    writer = csv.writer(_Echo())
    yield writer.writerow(COLUMNS)
    _, until = _head(user)
    for rows in _ledger(user, until):
        yield "".join(writer.writerow([_text(row[name]) for name in ENTRY] + [harmless(row["character"])]) for row in rows)


def harmless(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text


class _Echo:
    """A file that gives back what is written: csv then returns each line."""

    def write(self, line: str) -> str:
        return line


def _head(user: User) -> tuple[dict[str, Any], datetime | None]:
    """Return all but the ledger, and the moment of the last entry that belongs to it (None without an account)."""
    person = User.objects.filter(pk=user.pk).values(*PERSON).get()
    failed = AccessAttempt.objects.filter(username=one_spelling(person["username"]))
    with as_user(user):
        account = Account.objects.filter(user_id=user.pk).values(*ACCOUNT).first()
        holdings = Holding.objects.filter(user_id=user.pk)
        head = {
            "user": person,
            "account": account,
            "positions": list(holdings.values("character_id", "character__name", "quantity", "cost_basis")),
            "watches": list(Watch.objects.filter(user_id=user.pk).values("character_id", "created_at")),
            "recovery_codes": list(RecoveryCode.objects.filter(user_id=user.pk).values("created_at", "used_at")),
            "failed_logins": list(failed.values(*ATTEMPT)),
        }
    return head, account["last_entry_at"] if account else None


def _ledger(user: User, until: datetime | None) -> Iterator[list[dict[str, Any]]]:
    """Yield the entries up to a moment, oldest first, in batches. Two queries a batch."""
    last: datetime | None = None
    while until:
        with as_user(user):
            entries = LedgerEntry.objects.filter(user_id=user.pk, created_at__lte=until).order_by("created_at")
            rows = list((entries.filter(created_at__gt=last) if last else entries).values(*ENTRY)[:BATCH])
        if not rows:
            return
        last = rows[-1]["created_at"]
        names = dict(Character.objects.filter(pk__in={row["character_id"] for row in rows}).values_list("id", "name"))
        yield [{**row, "character": names.get(row["character_id"], "")} for row in rows]


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else "" if value is None else str(value)
