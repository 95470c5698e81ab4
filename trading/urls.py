"""Addresses of money: orders, accounts, and who leads."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from trading import views

urlpatterns = [
    path("characters/<id:pk>/trade/", views.trade, name="trade"),
    path("characters/<id:pk>/preview/", views.preview, name="preview"),
    path("portfolio/", views.portfolio, name="portfolio"),
    path("history/", views.history, name="history"),
    path("leaderboard/", views.leaderboard, name="leaderboard"),
    path("signup/", views.sign_up, name="signup"),
    path("login/", views.Login.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
]
