"""The doors of a log-in by hand: name and password, then a code."""

from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.contrib.auth import views
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render, resolve_url
from django.urls import reverse, reverse_lazy
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts import audit, log_ins, second_factor
from accounts.authentication import subject_of
from accounts.forms import CodeForm, LogInForm
from accounts.models import User
from accounts.step_up import shown, words_of
from tradingsite.access import EVERYBODY, open_to


def safe_next(request: HttpRequest, asked: str) -> str:
    """Return where to go on: ``asked``, if it is a page of this site."""
    is_ours = url_has_allowed_host_and_scheme(
        asked, {request.get_host()}, require_https=request.is_secure()
    )
    return asked if is_ours else resolve_url("desk")


class LogInView(views.LoginView):
    """The door of the pages and of the admin."""

    form_class = LogInForm

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        user = form.get_user()
        assert isinstance(user, User)
        if second_factor.is_enrolled(user):
            page = self.get_success_url()
            log_ins.await_code(self.request, user, next_page=page)
            return redirect("login-code")
        log_ins.begin(self.request, user)
        return HttpResponseRedirect(self.get_success_url())

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        response = super().form_invalid(form)
        wait = form.wait if isinstance(form, LogInForm) else None
        refused = "throttled" if wait else "wrong name or password"
        audit.record(
            "log_in.begun", source=self.request, target=_target(form), refused=refused
        )
        if wait:
            response.status_code = HTTPStatus.TOO_MANY_REQUESTS
            response["Retry-After"] = str(round(wait.total_seconds()))
        return response


def _target(form: AuthenticationForm) -> str:
    # Only a name that is one: people type their password into the wrong field.
    name = form.data.get("username", "")
    known = User.objects.filter(username=name).first() if "\0" not in name else None
    return "unknown name" if known is None else named(known)


def named(user: Any) -> str:
    return f"User {user.pk} ({user})"


@open_to(EVERYBODY)
@never_cache
@require_http_methods(["GET", "POST"])
def show_code(request: HttpRequest) -> HttpResponse:
    """Ask who knew the password for a code, and log them in with it."""
    waiting = log_ins.waiting(request)
    if waiting is None:
        return redirect("login")
    form = CodeForm(request.POST or None)
    status = HTTPStatus.OK
    if request.method == "POST" and form.is_valid():
        try:
            now = log_ins.show_code(request, waiting.user, form.cleaned_data["code"])
        except second_factor.CodeError as error:
            form.add_error("code", words_of(error))
            status = HTTPStatus.TOO_MANY_REQUESTS if error.wait else HTTPStatus.OK
        else:
            log_ins.begin(request, waiting.user, second_factor_at=now)
            return HttpResponseRedirect(safe_next(request, waiting.next_page))
    return render(request, "registration/code.html", {"form": form}, status=status)


@open_to("people")
@never_cache
@require_http_methods(["GET", "POST"])
def step_up(request: HttpRequest) -> HttpResponse:
    """Ask somebody who is logged in for a fresh code, and go on."""
    subject = subject_of(request)
    asked = request.GET.get("next", "")
    if subject is None or subject[1].kind != "session":
        return redirect("login")
    if not second_factor.is_enrolled(subject[0]):
        return redirect(f"{reverse('second-factor')}?{request.GET.urlencode()}")
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        error = shown(request, form.cleaned_data["code"])
        if not error:
            return HttpResponseRedirect(safe_next(request, asked))
        form.add_error("code", error)
    return render(request, "accounts/step_up.html", {"form": form})


class LogOutView(views.LogoutView):
    """The way out; the audit is told who went."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if isinstance(request.user, User):
            audit.record("log_in.ended", source=request, target=named(request.user))
        return super().post(request, *args, **kwargs)


class PasswordChangeView(views.PasswordChangeView):
    """A new password; every other log-in of the user ends with it."""

    success_url = reverse_lazy("desk")

    def form_valid(self, form: PasswordChangeForm) -> HttpResponse:
        messages.success(self.request, "Your password was changed.")
        target = named(form.user)
        audit.record("user.password_changed", source=self.request, target=target)
        return super().form_valid(form)
