"""The market's parameters, typed by staff. The database has the last word on what one account could pump."""

import re
from typing import Any, ClassVar

import psycopg
from django import forms
from django.core.exceptions import ValidationError
from django.db import IntegrityError

from crews.admin.careful import CarefulForm

EDITED = ("commission", "kappa", "position_cap", "min_account_days", "min_trading_days", "breaker", "cooling")
WHOLE = re.compile(r"[0-9]{1,9}", re.ASCII)
PUMP = "one_account_could_pump_the_price"  # the constraint's name
PUMPED = (
    "With these rules one account could pump a price: its full vote would move it by more than two commissions cost. "
    "Lower kappa, or raise the commission; at a commission of 0.01 a kappa of 19000 just holds."
)


class WholeField(forms.IntegerField):
    """A whole number in plain digits."""

    def to_python(self, value: Any) -> int | None:
        """Refuse 1_000 and digits of other scripts."""
        if value not in self.empty_values and not WHOLE.fullmatch(str(value).strip()):
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return super().to_python(value)


class RulesForm(CarefulForm):
    """The parameters of the market."""

    refused: ClassVar[str] = ""  # why the database refused these very values

    class Meta:
        field_classes = dict.fromkeys(("kappa", "position_cap", "min_account_days", "min_trading_days"), WholeField)
        help_texts = {
            "commission": "A part of each order's total, on both sides: 0.01 is 1 %.",
            "kappa": "What a full vote moves, in millionths of ln P: 18000 is about 1.8 %. All votes are weighed anew.",
            "position_cap": "How many full votes of shares one account may hold of one character.",
            "min_account_days": "How old an account is before its votes count. Accounts are counted anew once a day.",
            "min_trading_days": "On how many days it has traded before its votes count.",
            "breaker": "How far demand may bend ln P within 24 hours before trade cools down: 0.4 is a price 1.49 times as high.",
            "cooling": "For how long it cools down, such as 01:00:00.",
        }

    def clean(self) -> dict[str, Any] | None:
        """Say what the database has refused."""
        if self.refused:
            raise ValidationError(self.refused)
        return super().clean()


def sentence_of(error: IntegrityError) -> str:
    """Return what to do about a refusal of the database. Raises the error where it refuses anything else."""
    cause = error.__cause__
    if not isinstance(cause, psycopg.Error) or cause.diag.constraint_name != PUMP:
        raise error
    return PUMPED
