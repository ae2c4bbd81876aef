"""The demo desk: the same after every start, whatever was done to it meanwhile."""

import json
import stat
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import second_factor
from accounts.authentication import principal_of
from accounts.models import (
    AccountSnapshot,
    ApiKey,
    Desk,
    Membership,
    Position,
    TradingAccount,
    User,
)
from tests.accounts.broker_server import BrokerServer
from tests.accounts.builders import TOTP_SECRET, code_of, request_with
from tests.accounts.portfolios import paper_broker, wire_position
from tests.marketdata.builders import make_exchange, make_hours

pytestmark = pytest.mark.django_db


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "demo.json"


def load(path: Path) -> dict[str, str]:
    out = StringIO()
    call_command("load_demo_desk", output=path, url="http://127.0.0.1:8000", stdout=out)
    demo: dict[str, str] = json.loads(path.read_text())
    return demo


def test_the_file_holds_all_that_one_needs_and_is_private(path: Path):
    demo = load(path)
    assert set(demo) == {
        "url",
        "username",
        "password",
        "totp_secret",
        "api_key",
        "account_id",
    }
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_password_and_a_code_open_the_admin(path: Path, client: Client):
    demo = load(path)
    client.post(
        reverse("login"), {name: demo[name] for name in ("username", "password")}
    )
    client.post(reverse("login-code"), {"code": code_of(demo["totp_secret"])})
    assert client.get("/admin/").status_code == 200


def test_the_key_sees_the_demo_account(path: Path):
    demo = load(path)
    principal = principal_of(request_with(demo["api_key"]))
    seen = TradingAccount.objects.for_subject(principal)
    assert [account.slug for account in seen] == [demo["account_id"]]


def test_loading_twice_changes_nothing(path: Path):
    first = load(path)
    assert load(path) == first
    counts = [model.objects.count() for model in (User, Desk, TradingAccount, ApiKey)]
    assert counts == [2, 1, 1, 1]
    assert Membership.objects.count() == 2


def test_a_key_whose_row_is_gone_is_made_again(path: Path):
    first = load(path)
    ApiKey.objects.all().delete()
    second = load(path)
    assert second["api_key"] != first["api_key"]
    assert second["password"] == first["password"]
    assert principal_of(request_with(second["api_key"])) is not None


def test_a_second_factor_that_was_replaced_is_set_back(path: Path):
    demo = load(path)
    user = User.objects.get(username="demo")
    second_factor.enrol(user, TOTP_SECRET, now=timezone.now())
    again = load(path)
    assert again["totp_secret"] not in {TOTP_SECRET, demo["totp_secret"]}
    assert second_factor.has_secret(user, again["totp_secret"])


def test_a_changed_password_is_set_back(path: Path, client: Client):
    demo = load(path)
    user = User.objects.get(username="demo")
    user.set_password("something else")
    user.save()
    load(path)
    assert client.login(username="demo", password=demo["password"])


@pytest.mark.parametrize("text", ["", "{", "[]", '{"password": "x"}', "null"])
def test_a_broken_file_is_written_anew(path: Path, text: str):
    path.parent.mkdir()
    path.write_text(text)
    assert load(path)["username"] == "demo"


def test_the_demo_account_shows_something_at_once(path: Path, paper: BrokerServer):
    load(path)
    paper_broker(paper, "DEMO01", positions=[wire_position("ACME", 5)])
    make_hours(make_exchange("NSE"), opens="00:00", closes="00:00", weekdays=range(7))

    call_command("load_demo_portfolio", stdout=StringIO())

    account = TradingAccount.objects.get(slug="demo-paper")
    assert Position.objects.of(account).get().quantity == 5
    assert AccountSnapshot.objects.of(account).count() == 1


def test_a_broker_that_is_away_does_not_stop_the_start(path: Path, settings: Any):
    load(path)
    settings.TICKER_URLS = []
    said = StringIO()
    call_command("load_demo_portfolio", stderr=said)
    assert "was not synced" in said.getvalue()
