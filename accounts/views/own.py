"""The doors of a person's own account: log in, change the password, ask who I am."""

from http import HTTPStatus

from django.contrib import messages
from django.contrib.auth import views
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm
from django.http import HttpResponse
from django.urls import reverse_lazy
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.forms import LogInForm
from accounts.permissions import IsPrincipal
from accounts.principals import Principal
from accounts.serializers.accounts import PrincipalSerializer


class LogInView(views.LoginView):
    """The door of the pages and of the admin."""

    form_class = LogInForm

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        response = super().form_invalid(form)
        if isinstance(form, LogInForm) and form.wait:
            response.status_code = HTTPStatus.TOO_MANY_REQUESTS
            response["Retry-After"] = str(round(form.wait.total_seconds()))
        return response


class PasswordChangeView(views.PasswordChangeView):
    """A new password; every other session of the user ends with it."""

    success_url = reverse_lazy("desk")

    def form_valid(self, form: PasswordChangeForm) -> HttpResponse:
        messages.success(self.request, "Your password was changed.")
        return super().form_valid(form)


class MeView(APIView):
    """Who the caller is, by which door it came, and what that door allows."""

    permission_classes = [IsPrincipal]

    @extend_schema(responses=PrincipalSerializer)
    def get(self, request: Request) -> Response:
        assert isinstance(request.auth, Principal)
        return Response(PrincipalSerializer(request.auth).data)
