"""What browsers are told, page by page: policy, cookies, origins."""

import json
import os
import re
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from pytest_django.fixtures import Settings

from tradingsite import checks
from tradingsite.access import endpoints
from tradingsite.headers import Headers

PARTNER = "https://desk.example.com"


def policy(answer: object) -> dict[str, list[str]]:
    """Return the directives of the answer's policy."""
    text = answer.headers["Content-Security-Policy"]  # type: ignore[attr-defined]
    parts = [part.split() for part in text.split(";") if part.strip()]
    return {name: sources for name, *sources in parts}


@pytest.mark.parametrize("path", ["/login/", "/admin/", "/nothing", "/api/docs/"])
def test_no_page_allows_what_is_inline(client: Client, db: None, path: str):
    found = policy(client.get(path))
    assert "'unsafe-inline'" not in found["script-src"] + found["style-src"]
    assert found["default-src"] == ["'none'"]
    assert found["object-src"] == found["frame-ancestors"] == ["'none'"]
    assert found["base-uri"] == ["'none'"]
    assert found["form-action"] == ["'self'"]


def test_only_the_admin_puts_expressions_together(client: Client, db: None):
    assert "'unsafe-eval'" in policy(client.get("/admin/"))["script-src"]
    assert "'unsafe-eval'" not in policy(client.get("/login/"))["script-src"]
    assert "'unsafe-eval'" not in policy(client.get("/administration"))["script-src"]


def test_what_programs_get_may_load_nothing(client: Client, db: None):
    found = policy(client.get("/api/v1/accounts"))
    assert "script-src" not in found
    assert found["default-src"] == found["form-action"] == ["'none'"]


def test_a_nonce_is_of_one_answer_and_stands_in_its_policy():
    def page(request: HttpRequest) -> HttpResponse:
        return HttpResponse(str(request.csp_nonce))  # type: ignore[attr-defined]

    answers = [Headers(page)(RequestFactory().get("/")) for _ in range(2)]
    nonces = [answer.content.decode() for answer in answers]
    assert nonces[0] != nonces[1]
    for answer, nonce in zip(answers, nonces, strict=True):
        assert f"'nonce-{nonce}'" in policy(answer)["script-src"]


@pytest.mark.parametrize("path", ["/login/", "/admin/", "/api/v1/accounts", "/nothing"])
def test_every_answer_tells_how_it_may_be_used(client: Client, db: None, path: str):
    told = client.get(path).headers
    assert told["X-Content-Type-Options"] == "nosniff"
    assert told["Referrer-Policy"] == "same-origin"
    assert told["Cross-Origin-Opener-Policy"] == "same-origin"
    assert told["Cross-Origin-Resource-Policy"] == "same-origin"
    assert told["X-Frame-Options"] == "DENY"
    assert "camera=()" in told["Permissions-Policy"]


def test_templates_hold_nothing_inline():
    """The pages of the house: no script, style or handler that a policy must allow."""
    root = Path(__file__).resolve().parents[2] / "templates"
    odd = re.compile(r"<script(?![^>]*(src|nonce)=)|<style(?! nonce)|\son\w+=|\sstyle=")
    found = [
        f"{path.name}: {match[0]}"
        for path in root.rglob("*.html")
        if (match := odd.search(path.read_text(encoding="utf-8")))
    ]
    assert found == []


# --- reports ------------------------------------------------------------------


def report(client: Client, body: object, kind: str = "application/csp-report") -> int:
    return client.post("/csp-report", body, content_type=kind).status_code


def test_both_kinds_of_reports_are_logged_without_their_queries(
    client: Client, caplog: pytest.LogCaptureFixture
):
    old = {
        "csp-report": {"document-uri": "https://x/?token=tsk", "blocked-uri": "inline"}
    }
    new = [{"type": "csp-violation", "body": {"documentURL": "https://x/a\n[forged]"}}]
    assert report(client, json.dumps(old)) == 204
    assert report(client, json.dumps(new), "application/reports+json") == 204
    told = [getattr(record, "document", None) for record in caplog.records]
    assert "https://x/" in told
    assert "https://x/a\ufffd[forged]" in told


@pytest.mark.parametrize(
    "body", ["", "no json", "[]", "[1]", '"x"', "{}", "x" * 20_000]
)
def test_what_is_no_report_is_refused(client: Client, body: str):
    assert report(client, body) == 400


def test_reports_are_limited(client: Client, settings: Settings):
    settings.RATE_LIMIT_PLANS = {"anonymous": {"reports": 3}}
    settings.REDIS_PREFIX = f"test:{uuid.uuid4().hex}"
    body = json.dumps({"csp-report": {"blocked-uri": "inline"}})
    assert [report(client, body) for _ in range(5)] == [204] * 3 + [429] * 2


# --- other origins --------------------------------------------------------------


def asked_from(client: Client, origin: str, path: str = "/api/v1/accounts") -> object:
    return client.get(path, headers={"Origin": origin}).headers.get(
        "Access-Control-Allow-Origin"
    )


def test_only_a_named_origin_may_read_answers(
    client: Client, db: None, settings: Settings
):
    settings.CORS_ALLOWED_ORIGINS = [PARTNER]
    assert asked_from(client, PARTNER) == PARTNER


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "https://desk.example.com.evil.test",
        "https://evil-desk.example.com",
        "http://desk.example.com",
        "https://desk.example.com:8443",
        "https://sub.desk.example.com",
        "*",
    ],
)
def test_no_other_origin_is_reflected(
    client: Client, db: None, settings: Settings, origin: str
):
    settings.CORS_ALLOWED_ORIGINS = [PARTNER]
    assert asked_from(client, origin) is None


def test_pages_are_for_no_other_origin_and_cookies_never(
    client: Client, db: None, settings: Settings
):
    settings.CORS_ALLOWED_ORIGINS = [PARTNER]
    assert asked_from(client, PARTNER, "/login/") is None
    answer = client.get("/udf/time", headers={"Origin": PARTNER})
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize(
    "origin", ["*", "null", "https://*.example.com", "https://x.test/", "http://x.test"]
)
def test_an_origin_that_is_not_exact_is_a_mistake(settings: Settings, origin: str):
    settings.CORS_ALLOWED_ORIGINS = [PARTNER]
    assert not list(checks.origins_are_exact())
    settings.CORS_ALLOWED_ORIGINS = [origin]
    assert [found.id for found in checks.origins_are_exact()] == ["tradingsite.E009"]


# --- who may come ---------------------------------------------------------------


def test_a_view_that_does_not_say_who_may_come_is_a_mistake(
    monkeypatch: pytest.MonkeyPatch,
):
    assert not list(checks.views_say_who_may_come(None))
    some = next(each for each in endpoints() if each.route == "health/live")
    monkeypatch.delattr(some.view, "access")
    monkeypatch.delattr(some.view, "login_required")
    (found,) = checks.views_say_who_may_come(None)
    assert found.id == "tradingsite.E008"
    assert "/health/live" in found.msg


# --- under https ----------------------------------------------------------------

ASK = """
import django
django.setup()
from django.test import Client
from django.test.utils import setup_test_environment
setup_test_environment()
from django.conf import settings
page = Client().get("/login/", secure=True, headers={"host": "example.org"})
print(page.headers["Strict-Transport-Security"])
print(settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME)
print(settings.SESSION_COOKIE_SECURE and settings.CSRF_COOKIE_SECURE)
print(settings.SESSION_COOKIE_DOMAIN, settings.SESSION_COOKIE_PATH)
print(page.cookies["__Host-csrftoken"].OutputString())
"""


def test_under_https_cookies_are_of_this_host_alone(tmp_path: Path):
    environment = os.environ | {
        "SITE_URL": "https://example.org",
        "TRADINGSITE_DATA": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "tests.settings",
    }
    told = subprocess.run(
        [sys.executable, "-c", ASK],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout.splitlines()
    assert told[0].startswith("max-age=31536000; includeSubDomains")
    assert told[1] == "__Host-sessionid __Host-csrftoken"
    assert told[2:4] == ["True", "None /"]
    for word in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
        assert word in told[4]
    assert "Domain" not in told[4]
