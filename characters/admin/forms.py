"""What staff type about a character."""

from typing import Any

from django import forms
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import ValidationError
from django.forms import ModelForm

from characters.admin.reading import ReadField, ReadForm
from characters.loading import COLUMNS, text
from characters.models import BountyEvent, Character

READERS = COLUMNS["characters"]
LEAP = 3  # times: a bounty that moves further is confirmed
CHAPTER = "The chapter that told it, in digits. Empty: to be confirmed."


class CharacterForm(ReadForm):
    """A character."""

    kind = "characters"
    first_chapter = ReadField(
        READERS["chapter"], help_text="The chapter of the first appearance, in digits. Empty: to be confirmed."
    )

    crew_chapter = ReadField(READERS["crew_chapter"], help_text=CHAPTER)
    epithet_chapter = ReadField(READERS["epithet_chapter"], help_text=CHAPTER)
    devil_fruit_chapter = ReadField(READERS["devil_fruit_chapter"], help_text=CHAPTER)

    class Meta:
        widgets = {
            "description": forms.Textarea(attrs={"rows": 4, "cols": 60}),
            "aliases": forms.Textarea(attrs={"rows": 2, "cols": 60}),
            "terms": forms.Textarea(attrs={"rows": 2, "cols": 60}),
        }
        help_texts = {
            "name": "The full name, such as Monkey D. Luffy. Every character has a name of its own.",
            "crew": "Type a part of the crew's name. Empty: without a crew.",
            "epithet": "What the newspapers call them, such as Pirate Hunter Zoro.",
            "aliases": "Other spellings that people type, separated by commas: Zoro, Zolo, ゾロ.",
            "terms": "Words to be found by that no page shows, parted by spaces: cook, warlord, yonko.",
            "devil_fruit": "Such as Gum-Gum Fruit (Gomu Gomu no Mi). Empty: none is known.",
            "description": "One or two sentences in our own words that spoil nothing beyond the first chapter.",
            "is_active": "Untick to take the character off the pages; nothing is deleted.",
            "is_tradeable": "Untick to stop buying and selling; holders keep their shares.",
        }

    def clean_aliases(self) -> list[str]:
        """Read each alias as a file's would be."""
        try:
            aliases = [text(alias) for alias in self.cleaned_data.get("aliases") or [] if alias.strip()]
        except ValueError as error:
            sentence = str(error)
            raise ValidationError(f"An alias {sentence}") from error
        if any("|" in alias for alias in aliases):
            raise ValidationError("Separate aliases by commas: a file has | between them.")
        return aliases


class NewCharacterForm(CharacterForm):
    """A character with the bounty that it begins with."""

    bounty = ReadField(READERS["bounty"], help_text="In berries: 12345000 or 12,345,000. Empty: none is known.")
    chapter = ReadField(READERS["chapter"], label="Bounty chapter", help_text=CHAPTER)

    def clean(self) -> dict[str, Any] | None:
        """Refuse a chapter that dates no bounty."""
        cleaned = super().clean()
        if cleaned and cleaned.get("chapter") and cleaned.get("bounty") is None and "bounty" not in self.errors:
            self.add_error("chapter", "This dates a bounty, but there is none.")
        return cleaned


class BountyForm(ModelForm):
    """News of a bounty."""

    amount = ReadField(READERS["bounty"], help_text="In berries: 12345000 or 12,345,000.")
    chapter = ReadField(READERS["chapter"], help_text=CHAPTER)
    is_unknown = forms.BooleanField(required=False, label="Nobody knows the bounty any more")
    is_sure = forms.BooleanField(
        required=False,
        label="Yes, it moves that much",
        help_text=f"To tick when the bounty moves to more than {LEAP} times, or to unknown.",
    )

    def clean(self) -> dict[str, Any] | None:
        """Refuse what would move a price by mistake: an empty amount, and a leap that nobody has confirmed."""
        cleaned = super().clean() or self.cleaned_data
        amount, is_unknown = cleaned.get("amount"), cleaned.get("is_unknown")
        if not self.has_changed() or "amount" in self.errors:
            return cleaned
        if amount is None and not is_unknown:
            self.add_error("amount", "Enter the bounty, or tick that nobody knows it any more.")
        elif amount is not None and is_unknown:
            self.add_error("amount", "This is an amount, but it is ticked that nobody knows it.")
        elif not cleaned.get("is_sure") and (leap := self._leap(amount, cleaned.get("chapter"))):
            self.add_error("is_sure", leap)
        return cleaned

    def _leap(self, amount: int | None, chapter: int | None) -> str:
        """Return what is to be confirmed, empty where nothing moves far. Two queries at most."""
        news = BountyEvent.objects.told().filter(character=self.instance.character_id)
        now = Character.objects.filter(pk=self.instance.character_id).values_list("bounty", flat=True).first()
        moves = not (chapter and news.filter(chapter__gt=chapter).exists())
        if not moves or not now or (amount is not None and now / LEAP <= amount <= now * LEAP):
            return ""
        return f"The bounty would move from ฿{now:,} to {'unknown' if amount is None else f'฿{amount:,}'}, and the price with it."


class MemberForm(NewCharacterForm):
    """A character typed inside its crew's form."""

    class Meta(CharacterForm.Meta):
        model = Character
        fields = ("name", "epithet", "aliases", "devil_fruit", "bounty", "chapter", "first_chapter", "description")


class ListForm(ReadForm):
    """A row of the list."""

    kind = "characters"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs["aria-label"] = f"{field.label} of {self.instance}"


class TypedSelect(AutocompleteSelect):
    """A box to type in that says what to type, also to a screen reader."""

    def build_attrs(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Fill the empty box with words."""
        return {**super().build_attrs(*args, **kwargs), "data-placeholder": "Type a part of the name"}
