"""Addresses of money: orders, accounts, and who leads."""

from django.urls import path

from trading import account_views, closing_views, entry_views, recovery_views, reset_views, views

urlpatterns = [
    path("characters/<id:pk>/trade/", views.trade, name="trade"),
    path("characters/<id:pk>/preview/", views.preview, name="preview"),
    path("portfolio/", views.portfolio, name="portfolio"),
    path("history/", views.history, name="history"),
    path("leaderboard/", views.leaderboard, name="leaderboard"),
    path("fair/", views.fair, name="fair"),
    path("try/", entry_views.try_out, name="try"),
    path("signup/", entry_views.sign_up, name="signup"),
    path("login/", entry_views.Login.as_view(), name="login"),
    path("logout/", entry_views.log_out, name="logout"),
    path("account/", account_views.account, name="account"),
    path("account/email/", account_views.change_email, name="change_email"),
    path("account/password/", account_views.change_password, name="change_password"),
    path("account/elsewhere/", account_views.end_other_logins, name="end_other_logins"),
    path("account/codes/", recovery_views.recovery_codes, name="recovery_codes"),
    path("account/data.json", account_views.data_json, name="data_json"),
    path("account/ledger.csv", account_views.ledger_csv, name="ledger_csv"),
    path("account/delete/", closing_views.delete_account, name="delete_account"),
    path("recover/", recovery_views.recover, name="recover"),
    path("reset/", reset_views.Reset.as_view(), name="password_reset"),
    path("reset/sent/", reset_views.reset_sent, name="password_reset_done"),
    path("reset/<uidb64>/<token>/", reset_views.NewPassword.as_view(), name="password_reset_confirm"),
]
