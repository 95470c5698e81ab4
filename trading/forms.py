"""Forms of accounts."""

from django.contrib.auth.forms import UserCreationForm

from trading.models import User


class SignUpForm(UserCreationForm[User]):
    """A name and a password: nothing else is asked."""

    class Meta(UserCreationForm.Meta):
        model = User
        fields = ("username",)
