"""The addresses of a person's own account, and of accounts for programs."""

from django.urls import URLPattern, URLResolver, include, path

from accounts.views import account_pages as pages
from accounts.views.audit import AuditListView, audit_export, audit_page
from accounts.views.own import (
    LogInView,
    LogOutView,
    MeView,
    PasswordChangeView,
)
from accounts.views.portfolio import (
    AccountListView,
    AccountSyncView,
    AccountView,
    CurveView,
    FundsView,
    HoldingsView,
    PositionChangeListView,
    PositionsView,
    SnapshotListView,
)

account_urls = [
    path("sync", AccountSyncView.as_view(), name="account-sync"),
    path("positions", PositionsView.as_view(), name="account-positions"),
    path(
        "positions/changes",
        PositionChangeListView.as_view(),
        name="account-position-changes",
    ),
    path("holdings", HoldingsView.as_view(), name="account-holdings"),
    path("funds", FundsView.as_view(), name="account-funds"),
    path("snapshots", SnapshotListView.as_view(), name="account-snapshots"),
    path("equity", CurveView.as_view(), name="account-equity"),
]

api_urls: list[URLPattern | URLResolver] = [
    path("auth/me", MeView.as_view(), name="me"),
    path("accounts", AccountListView.as_view(), name="account-list"),
    path("accounts/<slug:slug>", AccountView.as_view(), name="account"),
    path("accounts/<slug:slug>/", include(account_urls)),
    path("accounts/<slug:account>/audit", AuditListView.as_view(), name="audit-list"),
]

urlpatterns = [
    path("login/", LogInView.as_view(), name="login"),
    path("logout/", LogOutView.as_view(), name="logout"),
    path("password/", PasswordChangeView.as_view(), name="password_change"),
    path("accounts/", pages.accounts_page, name="accounts"),
    path("accounts/<slug:slug>/", pages.account_page, name="account"),
    path("accounts/<slug:slug>/sync", pages.sync_now, name="account-sync"),
    path("_accounts/list", pages.accounts_part, name="accounts-part"),
    path("_accounts/one", pages.account_part, name="account-part"),
    path("accounts/<slug:account>/audit", audit_page, name="audit"),
    path("accounts/<slug:account>/audit/export", audit_export, name="audit-export"),
    path("api/v1/", include((api_urls, "accounts"))),
]
