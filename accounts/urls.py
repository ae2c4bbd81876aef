"""The addresses of a person's own account, and of accounts for programs."""

from django.urls import include, path

from accounts.views.audit import AuditListView, audit_export, audit_page
from accounts.views.own import (
    AccountListView,
    LogInView,
    LogOutView,
    MeView,
    PasswordChangeView,
)

api_urls = [
    path("auth/me", MeView.as_view(), name="me"),
    path("accounts", AccountListView.as_view(), name="account-list"),
    path("accounts/<slug:account>/audit", AuditListView.as_view(), name="audit-list"),
]

urlpatterns = [
    path("login/", LogInView.as_view(), name="login"),
    path("logout/", LogOutView.as_view(), name="logout"),
    path("password/", PasswordChangeView.as_view(), name="password_change"),
    path("accounts/<slug:account>/audit", audit_page, name="audit"),
    path("accounts/<slug:account>/audit/export", audit_export, name="audit-export"),
    path("api/v1/", include((api_urls, "accounts"))),
]
