"""The addresses of a person's own account, and of accounts for programs."""

from django.urls import URLPattern, URLResolver, include, path

from accounts.views import account_pages as pages
from accounts.views import (
    accounts,
    keys,
    log_in,
    members,
    second_factor,
    sessions,
    tokens,
)
from accounts.views.audit import AuditListView, audit_export, audit_page
from accounts.views.own import MeView
from accounts.views.portfolio import (
    AccountSyncView,
    CurveView,
    FundsView,
    HoldingsView,
    PositionChangeListView,
    PositionsView,
    SnapshotListView,
)
from tradingsite.access import EVERYBODY, open_to

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
    path("members", members.AccountMembersView.as_view(), name="account-members"),
    path(
        "members/<str:username>",
        members.AccountMemberView.as_view(),
        name="account-member",
    ),
]

api_urls: list[URLPattern | URLResolver] = [
    path("auth/me", MeView.as_view(), name="me"),
    path("auth/token", tokens.TokenView.as_view(), name="token"),
    path("auth/refresh", tokens.RefreshView.as_view(), name="refresh"),
    path("auth/revoke", tokens.RevokeView.as_view(), name="revoke"),
    path("auth/step-up", tokens.StepUpView.as_view(), name="step-up"),
    path("auth/ws-ticket", tokens.TicketView.as_view(), name="ws-ticket"),
    path("auth/sessions", sessions.LogInListView.as_view(), name="log-in-list"),
    path("auth/sessions/<str:public_id>", sessions.LogInView.as_view(), name="log-in"),
    path("auth/keys", keys.ApiKeyListView.as_view(), name="key-list"),
    path("auth/keys/<str:public_id>", keys.ApiKeyView.as_view(), name="key"),
    path("accounts", accounts.AccountListView.as_view(), name="account-list"),
    path("accounts/<slug:slug>", accounts.AccountView.as_view(), name="account"),
    path("accounts/<slug:slug>/", include(account_urls)),
    path("accounts/<slug:account>/audit", AuditListView.as_view(), name="audit-list"),
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
    path("login/", log_in.LogInView.as_view(), name="login"),
    path("login/code/", log_in.show_code, name="login-code"),
    path("logout/", open_to(EVERYBODY)(log_in.LogOutView.as_view()), name="logout"),
    path("password/", log_in.PasswordChangeView.as_view(), name="password_change"),
    path("accounts/step-up/", log_in.step_up, name="step-up"),
    path("accounts/security/", second_factor.security, name="security"),
    path("accounts/security/second-factor/", second_factor.enrol, name="second-factor"),
    path(
        "accounts/security/recovery-codes/",
        second_factor.renew_recovery_codes,
        name="recovery-codes",
    ),
    path("accounts/keys/", keys.list_keys, name="keys"),
    path("accounts/keys/new/", keys.make_key, name="key-new"),
    path("accounts/keys/<str:public_id>/revoke/", keys.revoke_key, name="key-revoke"),
    path("accounts/sessions/", sessions.list_log_ins, name="sessions"),
    path(
        "accounts/sessions/end-others/", sessions.end_other_log_ins, name="end-others"
    ),
    path(
        "accounts/sessions/<str:public_id>/end/",
        sessions.end_log_in,
        name="session-end",
    ),
    # After the words above, which are no accounts.
    path("accounts/", pages.accounts_page, name="accounts"),
    path("accounts/<slug:slug>/", pages.account_page, name="account"),
    path("accounts/<slug:slug>/sync", pages.sync_now, name="account-sync"),
    path("_accounts/list", pages.accounts_part, name="accounts-part"),
    path("_accounts/one", pages.account_part, name="account-part"),
    path("accounts/<slug:account>/audit", audit_page, name="audit"),
    path("accounts/<slug:account>/audit/export", audit_export, name="audit-export"),
    path("api/v1/", include((api_urls, "accounts"))),
]
