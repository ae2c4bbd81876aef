"""What staff do with the calendar and with doubtful listings in the admin."""

import pytest
from django.test import Client
from django.urls import reverse

from marketdata.imports import calendar
from marketdata.models import (
    ContractExpiry,
    Holiday,
    Instrument,
    QuarantinedListing,
)
from tests.accounts.builders import make_user
from tests.marketdata.test_instrument_lists import TUESDAY, listed, stock

DECIDE = "admin:marketdata_quarantinedlisting_changelist"


@pytest.fixture
def staff(client: Client, db: None):
    client.force_login(make_user("bob", is_staff=True, is_superuser=True))
    return client


def test_a_holiday_of_staff_moves_the_expiry(staff: Client):
    calendar.load()
    entry = {"exchange": "NFO", "day": "2026-12-15", "name": "Test day",
             "is_holiday": "on"}  # fmt: skip

    answer = staff.post(reverse("admin:marketdata_holiday_add"), entry)

    assert answer.status_code == 302
    expiries = ContractExpiry.objects.of("NFO", "NIFTY")
    assert expiries.filter(expires_on="2026-12-14").exists()
    added = Holiday.objects.get(exchange="NFO", day="2026-12-15")
    staff.post(
        reverse("admin:marketdata_holiday_delete", args=[added.pk]), {"post": "yes"}
    )
    assert expiries.filter(expires_on="2026-12-15").exists()


@pytest.mark.parametrize(
    ("action", "status", "is_same"),
    [("rename", "renamed", True), ("replace", "replaced", False)],
)
def test_staff_decide_what_a_doubtful_row_means(
    staff: Client, action: str, status: str, is_same: bool
):
    listed(stock("OLDNAME", 257))
    old = Instrument.objects.get(symbol="OLDNAME")
    listed(stock("NEWNAME", 257), day=TUESDAY)
    row = QuarantinedListing.objects.get()

    staff.post(reverse(DECIDE), {"action": action, "_selected_action": [row.pk]})

    row.refresh_from_db()
    assert (row.status, str(row.decided_by)) == (status, "bob")
    new = Instrument.objects.get(symbol="NEWNAME")
    assert (new.pk == old.pk) is is_same


def test_who_may_only_look_decides_nothing(client: Client, db: None):
    listed(stock("OLDNAME", 257))
    listed(stock("NEWNAME", 257), day=TUESDAY)
    row = QuarantinedListing.objects.get()
    client.force_login(make_user("carol", is_staff=True))

    client.post(reverse(DECIDE), {"action": "rename", "_selected_action": [row.pk]})

    row.refresh_from_db()
    assert row.status == "open"
