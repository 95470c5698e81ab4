"""Reading accounts past row-level security, and calling execute_trade as any client would."""

import json
import uuid
from decimal import Decimal
from typing import Any

from django.db import connections, transaction

from trading.binding import as_user
from trading.models import Account, Holding, LedgerEntry, User


def money_of(user: User) -> dict[Any, Any]:
    """Return {"balance": berries, character id: (shares, cost)} of one account, read by the auditor."""
    holdings = Holding.objects.using("owner").filter(user_id=user.pk)
    positions = {h.character_id: (h.quantity, h.cost_basis) for h in holdings}
    return {"balance": Account.objects.using("owner").get(pk=user.pk).balance, **positions}


def ledger_rows(user: User) -> list[dict[str, Any]]:
    """Return one account's entries in order of time, read by the auditor."""
    return list(LedgerEntry.objects.using("owner").filter(user_id=user.pk).order_by("created_at").values())


def trade_by_sql(
    bound: int | None,
    user_id: int | None,
    character: int | None,
    action: str | None,
    quantity: int | None,
    price: str | None = None,
    trade_id: str | None = None,
    using: str = "default",
) -> dict[str, Any]:
    """Call the SQL function with any arguments, bound to any user or to nobody."""
    arguments = [user_id, character, action, quantity, price, trade_id or str(uuid.uuid4())]
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        if bound is not None:
            cursor.execute(f"SET LOCAL market.user_id = '{bound}'")
        cursor.execute("SELECT execute_trade(%s, %s, %s, %s, %s::numeric, %s::uuid)::text", arguments)
        answer: dict[str, Any] = json.loads(cursor.fetchone()[0], parse_float=Decimal)
    return answer


def trades_by_sql(user: User, orders: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Call execute_trades as this user; return its answers."""
    with as_user(user), connections["default"].cursor() as cursor:
        cursor.execute("SELECT execute_trades(%s, %s::jsonb)::text", [user.pk, json.dumps(orders)])
        answers: list[dict[str, Any]] = json.loads(cursor.fetchone()[0], parse_float=Decimal)
    return answers
