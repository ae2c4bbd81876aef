"""The doors of a person's own account: log in, change the password, ask who I am."""

from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.contrib.auth import views
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import reverse_lazy
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import audit
from accounts.forms import LogInForm
from accounts.models import User
from accounts.principals import Principal
from accounts.serializers.accounts import PrincipalSerializer


class LogInView(views.LoginView):
    """The door of the pages and of the admin."""

    form_class = LogInForm

    @transaction.atomic
    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        response = super().form_valid(form)
        audit.record("log_in", source=self.request, target=named(form.get_user()))
        return response

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        tell_of_failure(self.request, form)
        response = super().form_invalid(form)
        if isinstance(form, LogInForm) and form.wait:
            response.status_code = HTTPStatus.TOO_MANY_REQUESTS
            response["Retry-After"] = str(round(form.wait.total_seconds()))
        return response


class PasswordChangeView(views.PasswordChangeView):
    """A new password; every other session of the user ends with it."""

    success_url = reverse_lazy("desk")

    @transaction.atomic
    def form_valid(self, form: PasswordChangeForm) -> HttpResponse:
        messages.success(self.request, "Your password was changed.")
        response = super().form_valid(form)
        audit.record(
            "user.password_changed", source=self.request, target=named(form.user)
        )
        return response


class LogOutView(views.LogoutView):
    """The way out; the audit is told who went."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.user.is_authenticated:
            audit.record("log_out", source=request, target=named(request.user))
        return super().post(request, *args, **kwargs)


def tell_of_failure(request: HttpRequest, form: AuthenticationForm) -> None:
    """Write down a failed log-in; a name that nobody has may be a password."""
    tried = str(form.data.get("username", ""))
    user = User.objects.filter(username=tried).first()
    codes = {
        error.code for errors in form.errors.as_data().values() for error in errors
    }
    audit.record(
        "log_in",
        source=request,
        target="unknown name" if user is None else named(user),
        refused="throttled" if "throttled" in codes else "wrong name or password",
    )


def named(user: Any) -> str:
    return f"User {user.pk} ({user})"


class MeView(APIView):
    """Who the caller is, by which door it came, and what that door allows."""

    @extend_schema(responses=PrincipalSerializer)
    def get(self, request: Request) -> Response:
        assert isinstance(request.auth, Principal)
        return Response(PrincipalSerializer(request.auth).data)
