"""Forms that take what load_characters takes, and refuse what it refuses."""

import re
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError

from characters.loading import COLUMNS, Reader
from crews.admin.careful import CarefulForm

NEWLINES = re.compile(r"\s*[\r\n]+\s*")


class ReadField(forms.CharField):
    """A field that is read as a column of a file is: whole numbers in plain digits, chapters, bounties."""

    def __init__(self, reader: Reader, **kwargs: Any) -> None:
        self.reader = reader
        super().__init__(required=False, **kwargs)
        self.widget.attrs["inputmode"] = "numeric"

    def to_python(self, value: Any) -> Any:
        """Return what the reader makes of the text. Raises ValidationError with its sentence."""
        try:
            return self.reader("" if value is None else str(value))
        except ValueError as error:
            sentence = str(error)
            raise ValidationError(f"This {sentence}") from error


class ReadForm(CarefulForm):
    """A form whose texts are read as the columns of a file are."""

    kind: ClassVar[str]

    def clean(self) -> dict[str, Any] | None:
        """Bring each text into normal form, or say why it is refused."""
        for name, reader in COLUMNS[self.kind].items():
            value = (self.cleaned_data or {}).get(name)
            if isinstance(value, str) and value:
                try:
                    self.cleaned_data[name] = reader(NEWLINES.sub(" ", value) if name == "description" else value)
                except ValueError as error:
                    self.add_error(name, f"This {error}")
        return super().clean()


class CrewForm(ReadForm):
    """A crew."""

    kind = "crews"

    class Meta:
        help_texts = {
            "name": "As its members say it. Every crew has a name of its own.",
            "captain": "Who leads it.",
            "description": "One or two sentences in our own words.",
            "founded_date": "Only where it is known, such as 1999-01-31.",
            "is_active": "Untick to take the crew off the pages; nothing is deleted.",
        }
