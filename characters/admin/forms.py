"""What staff type about a character."""

from typing import Any

from django import forms
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import ValidationError
from django.forms import BaseModelFormSet, ModelForm
from django.utils import timezone

from characters.admin.reading import ReadField, ReadForm
from characters.loading import COLUMNS, text
from characters.models import Character
from characters.news import Move, News, decision, moves

READERS = COLUMNS["characters"]
CHAPTER = "The chapter that told it, in digits. Empty: to be confirmed."
STOPS = "Trade in it stops when you announce this, until a tick has applied it. Tick the box to announce exactly this."


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


class Confirmation(forms.CheckboxInput):
    """A box whose value stands for what is shown beside it: ticked, it confirms that and nothing else."""

    shown = "nothing yet"

    def value_from_datadict(self, data: Any, files: Any, name: str) -> str:  # type: ignore[override]
        """Return what was confirmed."""
        return str(data.get(name, ""))

    def format_value(self, value: Any) -> str:
        """Return what ticking it confirms."""
        return self.shown


class BountyForm(ModelForm):
    """News of a bounty. What it moves is shown before it is announced."""

    amount = ReadField(READERS["bounty"], help_text="In berries: 12345000 or 12,345,000.")
    chapter = ReadField(READERS["chapter"], help_text=CHAPTER)
    is_unknown = forms.BooleanField(required=False, label="Nobody knows the bounty any more")
    effective_at = forms.DateTimeField(
        required=False,
        label="Takes effect (UTC)",
        widget=forms.DateTimeInput({"type": "datetime-local"}, "%Y-%m-%dT%H:%M"),
        help_text="Empty: with the next tick. Later: trade stands still until then.",
    )
    is_sure = forms.CharField(
        required=False,
        label="Yes, announce it",
        widget=Confirmation(check_test=lambda _: False),
        help_text="To tick when you have seen which price moves: Save shows it first.",
    )

    def clean_effective_at(self) -> Any:
        """Refuse a moment that has passed."""
        moment = self.cleaned_data["effective_at"]
        if moment and moment <= timezone.now():
            raise ValidationError("This has passed already. Leave it empty to let the next tick apply it.")
        return moment

    def clean(self) -> dict[str, Any] | None:
        """Refuse what would move a price by mistake: an empty amount, and what nobody has seen and confirmed."""
        cleaned = super().clean() or self.cleaned_data
        amount, is_unknown = cleaned.get("amount"), cleaned.get("is_unknown")
        moment = cleaned.pop("effective_at", None)
        if moment:  # else it is the database's to say
            cleaned["effective_at"] = moment
        if not self.has_changed() or self.errors:
            return cleaned
        if amount is None and not is_unknown:
            self.add_error("amount", "Enter the bounty, or tick that nobody knows it any more.")
        elif amount is not None and is_unknown:
            self.add_error("amount", "This is an amount, but it is ticked that nobody knows it.")
        else:
            self._show(moves([News(self.instance.character_id, amount, cleaned.get("chapter"))], moment))
        return cleaned

    def _show(self, found: list[Move]) -> None:
        """Refuse what moves a price until exactly that is confirmed."""
        if found and self.cleaned_data.get("is_sure") != decision(found):
            box: Any = self.fields["is_sure"].widget
            box.shown = decision(found)
            self.add_error("is_sure", f"{found[0]}. {STOPS}")


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


class NewsListForm(ListForm):
    """A row of the list, with news of its bounty."""

    new_bounty = ReadField(READERS["bounty"])
    new_chapter = ReadField(READERS["chapter"])

    @property
    def news(self) -> News | None:
        """What the row announces."""
        typed = self.cleaned_data.get("new_bounty") if hasattr(self, "cleaned_data") else None
        return None if typed is None else News(self.instance.pk, typed, self.cleaned_data.get("new_chapter"))

    def clean(self) -> dict[str, Any] | None:
        """Refuse a chapter that dates no bounty."""
        cleaned = super().clean()
        if cleaned and cleaned.get("new_chapter") and cleaned.get("new_bounty") is None and "new_bounty" not in self.errors:
            self.add_error("new_chapter", "This dates a bounty, but there is none.")
        return cleaned


class NewsFormSet(BaseModelFormSet):
    """The rows of the list. Nothing of them is saved before all that they move was shown, and exactly that is confirmed."""

    moves: tuple[Move, ...] = ()

    @property
    def decision(self) -> str:
        """What ticking the box confirms."""
        return decision(self.moves)

    def clean(self) -> None:
        """Show what moves. One query."""
        super().clean()
        self.moves = tuple(moves(news for form in self.forms if (news := getattr(form, "news", None))))
        if self.moves and self.data.get("is_sure") != self.decision:
            raise ValidationError("Nothing was saved yet. Look at the prices that would move, and tick that this is meant.")


class TypedSelect(AutocompleteSelect):
    """A box to type in that says what to type, also to a screen reader."""

    def build_attrs(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Fill the empty box with words."""
        return {**super().build_attrs(*args, **kwargs), "data-placeholder": "Type a part of the name"}
