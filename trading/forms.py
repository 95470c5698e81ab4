"""Forms of accounts."""

from threading import Thread
from typing import Any

from django import forms
from django.contrib.auth import authenticate
from django.contrib.auth.forms import PasswordChangeForm, PasswordResetForm, SetPasswordForm, SetPasswordMixin, UserCreationForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from trading import guests, sailors
from trading.models import CLOSED, User
from trading.passwords import store_password

EMAIL_HELP = (
    "Optional. Used only to reset a forgotten password, and shown to nobody else. Recovery codes do the same without it: they"
    " are on the account page."
)
RESERVED = (guests.PREFIX, sailors.PREFIX, CLOSED)
EMAIL_TAKEN = "This address cannot be used for this account. Use another one, or none."


class EmailField(forms.EmailField):
    """An e-mail address that may be left empty."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.EmailInput(attrs={"autocomplete": "email"})
        super().__init__(label="E-mail", required=False, max_length=254, help_text=EMAIL_HELP, widget=widget, **kwargs)


class SignUpForm(UserCreationForm[User]):
    """A name, a password, and an e-mail address for who wants one."""

    email = EmailField()

    class Meta(UserCreationForm.Meta):
        model = User
        fields = ("username",)

    field_order = ("username", "password1", "password2", "email")

    def clean_username(self) -> str:
        """Refuse names that look like a guest's, a simulated trader's or a closed account's, and names taken in any case."""
        name: str = super().clean_username() or ""  # None: taken, and said so
        if name.casefold().startswith(tuple(prefix.casefold() for prefix in RESERVED)):
            raise ValidationError(
                f"Names that begin with {', '.join(RESERVED[:-1])} or {RESERVED[-1]} are not for sign-ups. Choose another name."
            )
        return name

    def clean_email(self) -> str:
        """Refuse an address that is another account's."""
        return free_email(self.cleaned_data["email"])

    def chosen(self) -> User:
        """Return the user as typed, with the password hashed; nothing is saved."""
        user = self.save(commit=False)
        user.email = self.cleaned_data["email"]
        return user


class ConfirmForm(forms.Form):
    """The password again, before something that a stranger at the keyboard must not do. Wrong ones count as failed logins."""

    password = forms.CharField(
        label="Your password", strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "current-password"})
    )

    def __init__(self, data: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.request = request

    def clean_password(self) -> str:
        """Compare with the user's password."""
        password: str = self.cleaned_data["password"]
        if authenticate(self.request, username=self.request.user.get_username(), password=password) != self.request.user:
            raise ValidationError("This is not your password. Type it again.")
        return password


class EmailForm(ConfirmForm):
    """A new e-mail address, or none."""

    email = EmailField()
    field_order = ("email", "password")

    def clean_email(self) -> str:
        """Refuse an address that is another account's."""
        return free_email(self.cleaned_data["email"], self.request.user.pk or 0)


class LetterForm(PasswordResetForm):
    """Ask for a letter with a link."""

    def send_mail(self, *args: Any, **kwargs: Any) -> None:
        """Write and send it beside the answer, whose time must not tell that there is one. What fails is logged, by Django."""
        Thread(target=super().send_mail, args=args, kwargs=kwargs, name="letter", daemon=True).start()


class NewPasswordForm(SetPasswordForm[User]):
    """A new password, by the link in a letter."""

    def save(self, commit: bool = True) -> User:  # noqa: FBT001, FBT002  Django's signature
        """Save the password alone."""
        user = super().save(commit=False)
        store_password(user)
        return user


class ChangedPasswordForm(NewPasswordForm, PasswordChangeForm):
    """A new password, and the old one."""


class RecoverForm(SetPasswordMixin[User], forms.Form):
    """A name, one of its recovery codes, and a new password. Whether they fit is not this form's to say."""

    username = forms.CharField(label="Username", max_length=150, widget=forms.TextInput(attrs={"autocomplete": "username"}))
    code = forms.CharField(label="Recovery code", max_length=50, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    new_password1, new_password2 = SetPasswordMixin.create_password_fields("New password", "New password again")

    def clean(self) -> dict[str, Any]:
        """Judge the password by what was typed alone: nothing is looked up here."""
        self.validate_passwords("new_password1", "new_password2")
        self.validate_password_for_user(User(username=self.cleaned_data.get("username", "")), "new_password2")
        return super().clean() or self.cleaned_data


class FarewellForm(forms.Form):
    """What a guest, who has no password, types before his account is closed."""

    word = forms.CharField(label="Type “delete” to confirm", max_length=20, widget=forms.TextInput(attrs={"autocomplete": "off"}))

    def clean_word(self) -> str:
        """Compare with the word asked for."""
        word: str = self.cleaned_data["word"].strip().casefold()
        if word != "delete":
            raise ValidationError("Type the word delete, in letters, to close the account.")
        return word


def free_email(email: str, owner: int = 0) -> str:
    """Return the address if no other account has it. Raises ValidationError."""
    if email and User.objects.filter(email__iexact=email).exclude(pk=owner).exists():
        raise ValidationError(EMAIL_TAKEN)
    return email
