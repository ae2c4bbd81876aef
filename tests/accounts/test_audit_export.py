"""The audit as a file: no formulas in it, and verified by a tool that knows nothing."""

import csv
import io
import json
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts import audit
from accounts.audit import anchors
from accounts.audit.exporting import safe
from accounts.models import AuditEntry, TradingAccount, User
from accounts.views import audit as views
from tests.accounts.audit_builders import write_entries
from tests.accounts.builders import join, make_user

pytestmark = pytest.mark.django_db

TOOL = Path(django_settings.BASE_DIR) / "clients" / "verify_audit_export.py"
URL = "/accounts/north-1/audit/export"
EVIL = ["=1+1", "+1", "-1", "@SUM(A1)", "'=1+1", "'", "a,b\"c'", "héé ₹"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Settings) -> Path:
    settings.DATA_DIR = tmp_path / "data"
    return tmp_path


@pytest.fixture
def clerk(client: Client, account: TradingAccount) -> User:
    user = make_user("clerk")
    join(user, account, "back_office")
    client.force_login(user)
    return user


def verify(place: Path, *options: str) -> tuple[int, str]:
    command = [sys.executable, "-I", str(TOOL), str(place), *options]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not ran.stderr
    return ran.returncode, ran.stdout


def exported(folder: Path, account: TradingAccount, suffix: str) -> Path:
    """Export a chain with everything in it that files do not like."""
    for text in EVIL:
        audit.record(
            "limit.set",
            account=account,
            target=text,
            change=audit.Change({"note": text}, {"note": [text, 1, None]}),
        )
    place = folder / f"export.{suffix}"
    call_command("export_audit", place, account=account.slug, stdout=StringIO())
    return place


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_an_export_verifies(folder: Path, account: TradingAccount, suffix: str):
    place = exported(folder, account, suffix)
    assert verify(place, "--whole") == (0, "Everything fits.\n")


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
@pytest.mark.parametrize(
    ("old", "new"), [("limit.set", "limit.sat"), ("héé", "hée"), ('"chain"', '"chaim"')]
)
def test_one_changed_letter_is_found(
    folder: Path, account: TradingAccount, suffix: str, old: str, new: str
):
    place = exported(folder, account, suffix)
    text = place.read_text()
    changed = text.replace(old, new, 1)
    place.write_text(changed)
    if changed != text:
        assert verify(place)[0] == 1


def lines_of(place: Path) -> list[str]:
    return place.read_text().splitlines(keepends=True)


def test_a_lost_row_is_found_when_nothing_may_be_missing(
    folder: Path, account: TradingAccount
):
    place = exported(folder, account, "jsonl")
    rows = lines_of(place)
    place.write_text("".join(rows[:2] + rows[3:]))
    assert verify(place)[0] == 0
    code, told = verify(place, "--whole")
    assert (code, "missing" in told) == (1, True)


def test_exchanged_rows_are_found(folder: Path, account: TradingAccount):
    place = exported(folder, account, "jsonl")
    rows = lines_of(place)
    rows[2], rows[3] = rows[3], rows[2]
    place.write_text("".join(rows))
    assert "wrong place" in verify(place)[1]


def test_a_row_with_a_hash_of_its_own_does_not_follow(
    folder: Path, account: TradingAccount
):
    place = exported(folder, account, "jsonl")
    rows = lines_of(place)
    row = json.loads(rows[1])
    row["previous"] = "1" * 64
    place.write_text("".join([rows[0], json.dumps(row) + "\n", *rows[2:]]))
    assert "does not follow" in verify(place)[1]


def test_a_cut_tail_is_found_by_a_copy_of_the_anchors(
    folder: Path, account: TradingAccount
):
    place = exported(folder, account, "jsonl")
    anchors.anchor_all(timezone.now())
    rows = lines_of(place)
    place.write_text("".join(rows[:-1]))
    assert verify(place, "--whole")[0] == 0
    code, told = verify(place, "--whole", "--anchors", str(anchors.path()))
    assert (code, "was anchored" in told) == (1, True)


@pytest.mark.parametrize("content", ["", "nonsense\n", "[1]\n", '{"chain": 1}\n'])
def test_what_is_no_export_is_a_sentence(folder: Path, content: str):
    place = folder / "export.jsonl"
    place.write_text(content)
    code, told = verify(place)
    assert code == (1 if content else 0)
    assert "Traceback" not in told


def test_the_tool_is_small_and_needs_nothing():
    text = TOOL.read_text()
    assert len(text.splitlines()) <= 100
    imports = {line.split()[1] for line in text.splitlines() if "import " in line[:7]}
    assert imports <= sys.stdlib_module_names


@pytest.mark.parametrize("cell", ["=1", "+1", "-1", "@x", "\tx", "\rx", "'x"])
def test_no_cell_is_a_formula(cell: str):
    assert safe(cell) == f"'{cell}"
    assert safe(f"x{cell}") == f"x{cell}"


def test_a_spreadsheet_calculates_nothing(folder: Path, account: TradingAccount):
    with exported(folder, account, "csv").open(newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t"))]
    assert "'=1+1" in cells


def test_the_page_answers_with_a_file_and_tells_it(
    client: Client, clerk: User, account: TradingAccount
):
    write_entries(3, account)
    answer = client.post(URL, {"format": "csv"})
    assert answer["Content-Disposition"].startswith('attachment; filename="audit-north')
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    assert [row["position"] for row in rows] == ["1", "2", "3"]
    told = AuditEntry.objects.latest("id")
    assert (told.action, told.after) == ("audit.exported", {"rows": 3, "format": "csv"})
    assert told.account == account


def test_the_filter_of_the_page_goes_into_the_file(
    client: Client, clerk: User, account: TradingAccount
):
    write_entries(2, account)
    audit.record("order.place", account=account)
    answer = client.post(URL, {"format": "jsonl", "action": "order."})
    [row] = answer.content.splitlines()
    assert json.loads(row)["action"] == "order.place"


@pytest.mark.parametrize("role", ["viewer", "trader"])
def test_who_may_not_export_finds_nothing(
    client: Client, account: TradingAccount, role: str
):
    user = make_user()
    join(user, account, role)
    client.force_login(user)
    assert client.post(URL).status_code == 404


def test_a_link_exports_nothing(client: Client, clerk: User):
    assert client.get(URL).status_code == 405


@pytest.mark.parametrize("form", [{"format": "exe"}, {"outcome": "x"}])
def test_a_wrong_form_is_a_problem(client: Client, clerk: User, form: dict[str, str]):
    assert client.post(URL, form).status_code == 400


def test_too_much_for_a_page_is_for_the_command(
    client: Client,
    clerk: User,
    account: TradingAccount,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(views, "MOST_EXPORTED", 2)
    write_entries(3, account)
    answer = client.post(URL)
    assert answer.json()["code"] == "too_many_rows"
    assert not AuditEntry.objects.filter(action="audit.exported").exists()


@pytest.mark.parametrize(
    "options",
    [
        {"file": Path("x.exe")},
        {"file": Path("x.csv"), "account": "none"},
        {"file": Path("x.csv"), "since": "yesterday"},
        {"file": Path("x.csv"), "since": "2026-02-31T00:00:00Z"},
        {"file": Path("x.csv"), "until": "2026-02-01T00:00:00"},
    ],
)
def test_a_wrong_command_is_a_sentence(options: dict[str, object], folder: Path):
    place = options.pop("file")
    with pytest.raises(CommandError):
        call_command("export_audit", folder / str(place), **options)
