"""Prices for programs: a few characters at once, from the price board."""

import re

from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from caching.prices import MOST, prices

ID = re.compile(r"[0-9]{1,9}", re.ASCII)


@require_safe
def price_board(request: HttpRequest) -> JsonResponse:
    """Answer with the prices of 1 to 100 characters as text, by id; who is not on the market is left out. At most one query."""
    asked = request.GET.getlist("id")
    if not 1 <= len(asked) <= MOST or not all(map(ID.fullmatch, asked)):
        message = f"Name 1 to {MOST} characters by their ids, such as /prices/?id=1&id=2."
        return JsonResponse({"code": "invalid_ids", "message": message}, status=400)
    found = prices(map(int, asked))
    return JsonResponse(
        {"prices": {str(pk): str(price) for pk, price in found.items()}}, headers={"Cache-Control": "no-cache"}
    )  # fmt: skip
