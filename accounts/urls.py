"""The addresses of a person's own account, and of accounts for programs."""

from django.contrib.auth.views import LogoutView
from django.urls import include, path

from accounts.views import accounts, members
from accounts.views.own import LogInView, MeView, PasswordChangeView
from tradingsite.access import EVERYBODY, open_to

api_urls = [
    path("auth/me", MeView.as_view(), name="me"),
    path("accounts", accounts.AccountListView.as_view(), name="account-list"),
    path("accounts/<slug:slug>", accounts.AccountView.as_view(), name="account"),
    path(
        "accounts/<slug:slug>/members",
        members.AccountMembersView.as_view(),
        name="account-members",
    ),
    path(
        "accounts/<slug:slug>/members/<str:username>",
        members.AccountMemberView.as_view(),
        name="account-member",
    ),
    path("desks", accounts.DeskListView.as_view(), name="desk-list"),
    path(
        "desks/<slug:slug>/members",
        members.DeskMembersView.as_view(),
        name="desk-members",
    ),
    path(
        "desks/<slug:slug>/members/<str:username>",
        members.DeskMemberView.as_view(),
        name="desk-member",
    ),
]

urlpatterns = [
    path("login/", LogInView.as_view(), name="login"),
    path("logout/", open_to(EVERYBODY)(LogoutView.as_view()), name="logout"),
    path("password/", PasswordChangeView.as_view(), name="password_change"),
    path("api/v1/", include((api_urls, "accounts"))),
]
