"""What a visitor may ask of the market board: a fixed set of filters and orders, read from the address."""

import re
from decimal import Decimal
from typing import NamedTuple

from django.http import QueryDict


class Sort(NamedTuple):
    """An order of the board."""

    label: str
    order: str


SORTS = {
    "cap": Sort("Market cap", "-market_cap"),
    "bounty": Sort("Bounty", "-bounty"),
    "price-high": Sort("Price, high to low", "-current_price"),
    "price-low": Sort("Price, low to high", "current_price"),
    "name": Sort("Name", "name"),
}
WHOLE = re.compile(r"[0-9]{1,15}", re.ASCII)
AMOUNT = re.compile(r"[0-9]{1,8}(\.[0-9]{1,2})?", re.ASCII)
LONGEST_SEARCH = 100


class BoardQuery(NamedTuple):
    """The filters in force. None: not filtered."""

    q: str = ""
    crew: int | None = None
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    min_bounty: int | None = None
    max_bounty: int | None = None
    sort: str = "cap"
    after: int | None = None


FIELDS = tuple(BoardQuery._fields)


def read_board_query(parameters: QueryDict) -> tuple[BoardQuery, dict[str, str]]:
    """Return the filters that can be read, and a sentence for each field that cannot (which is then ignored)."""
    errors: dict[str, str] = {}
    values: dict[str, object] = {}
    for field in FIELDS:
        text = parameters.get(field, "").strip()
        if text:
            try:
                values[field] = _read(field, text)
            except ValueError as error:
                errors[field] = str(error)
    for low, high in (("min_price", "max_price"), ("min_bounty", "max_bounty")):
        if low in values and high in values and values[low] > values[high]:  # type: ignore[operator]  # both are numbers
            errors[low] = f"This is more than the other end, {values.pop(high)}: the range is the wrong way round."
            del values[low]
    return BoardQuery(**values), errors  # type: ignore[arg-type]  # _read returns each field's type


def _read(field: str, text: str) -> object:
    """Return the value of one field. Raises ValueError with the sentence to show."""
    if field == "q":
        if len(text) > LONGEST_SEARCH:
            raise ValueError(f"Search for at most {LONGEST_SEARCH} characters.")
        return text
    if field == "sort":
        if text not in SORTS:
            raise ValueError("Choose one of the orders in the list.")
        return text
    if field.endswith("_price"):
        if not AMOUNT.fullmatch(text):
            raise ValueError("Enter a price such as 250 or 99.50.")
        return Decimal(text)
    if not WHOLE.fullmatch(text):
        raise ValueError("Enter a whole number in digits, such as 1000000.")
    if field in ("crew", "after") and int(text) >= 2**31:
        raise ValueError("Choose one from the list.")
    return int(text)
