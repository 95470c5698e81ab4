"""A forgotten password: a letter with a link, for who has given an e-mail address. Django's own views in our dress."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.forms import PasswordResetForm
from django.contrib.auth.views import PasswordResetConfirmView, PasswordResetView
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse_lazy
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from trading.addresses import client_address
from trading.daily_limits import count_today, seconds_to_tomorrow
from trading.entry_views import BACKEND
from trading.forms import LetterForm, NewPasswordForm
from trading.refusals import Refusal, refuse

LETTERS = 5  # a day to one e-mail address: nobody's letter box is filled
REQUESTS = 20  # a day from one network address
TOO_MANY_LETTERS = Refusal(
    429, "too_many_letters", "Too many letters", "Too many letters were asked for from your network today. Try again tomorrow."
)


@method_decorator(never_cache, name="dispatch")
class Reset(PasswordResetView):
    """Send the link. The answer is the same whether there is such an account, and whether the letter is one too many."""

    form_class = LetterForm
    template_name = "trading/reset.html"
    email_template_name = "trading/reset_letter.txt"
    subject_template_name = "trading/reset_subject.txt"
    success_url = reverse_lazy("password_reset_done")

    def form_valid(self, form: PasswordResetForm) -> HttpResponse:
        """Send the letter if today's limits allow it."""
        if not count_today("request", client_address(self.request), REQUESTS):
            return refuse(self.request, TOO_MANY_LETTERS, seconds_to_tomorrow())
        if not count_today("letter", form.cleaned_data["email"].casefold(), LETTERS):
            form.cleaned_data["email"] = ""
        return super().form_valid(form)

    def form_invalid(self, form: PasswordResetForm) -> HttpResponse:
        """Show the form again, as the refusal it is."""
        return _refused(super().form_invalid(form))


class NewPassword(PasswordResetConfirmView):
    """Choose a new password by the link: every login ends, a new one begins here."""

    form_class = NewPasswordForm
    template_name = "trading/reset_confirm.html"
    success_url = reverse_lazy("account")
    post_reset_login = True
    post_reset_login_backend = BACKEND

    def form_valid(self, form: Any) -> HttpResponse:
        """Save it."""
        messages.success(self.request, "Your password was changed. Everywhere else you are logged out.")
        return super().form_valid(form)

    def form_invalid(self, form: Any) -> HttpResponse:
        """Show the form again, as the refusal it is."""
        return _refused(super().form_invalid(form))


@require_safe
def reset_sent(request: HttpRequest) -> HttpResponse:
    """Say what happens now, to everybody alike."""
    return render(request, "trading/reset_sent.html")


def _refused[R: HttpResponseBase](response: R) -> R:
    response.status_code = 422
    return response
