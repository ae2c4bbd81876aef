import pytest
from django.contrib.auth import get_user_model
from django.db import transaction
from django.test import Client

from tradingsite import outbox
from tradingsite.models import OutboxMessage
from tradingsite.outbox.delivery import deliver_due
from tradingsite.outbox.timing import Limits

pytestmark = pytest.mark.django_db(transaction=True)
TABLES = [
    "claim",
    "idempotencykey",
    "journalentry",
    "journalstream",
    "outboxmessage",
    "process",
    "scheduledrun",
]


@pytest.fixture
def staff():
    user = get_user_model().objects.create_superuser("alice", password="x" * 12)
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def dead_letter():
    with transaction.atomic():
        message = outbox.send("nowhere", {"number": 1})
    deliver_due(Limits(batch=1, handler_s=1, lease_s=2, attempts=1))
    return message


@pytest.mark.parametrize("table", TABLES)
def test_staff_look_at_the_table_and_change_nothing(staff: Client, table: str):
    address = f"/admin/tradingsite/{table}/"

    assert staff.get(address).status_code == 200
    assert staff.get(address, {"q": "a"}).status_code == 200
    assert staff.get(f"{address}add/").status_code == 403


def test_staff_look_at_a_message(staff: Client, dead_letter: OutboxMessage):
    address = f"/admin/tradingsite/outboxmessage/{dead_letter.pk}/change/"

    assert b"KeyError" in staff.get(address).content
    assert staff.post(address, {"topic": "other"}).status_code == 403


def test_staff_give_a_dead_letter_a_new_life(staff: Client, dead_letter: OutboxMessage):
    staff.post(
        "/admin/tradingsite/outboxmessage/",
        {"action": "retry", "_selected_action": [dead_letter.pk]},
    )

    message = OutboxMessage.objects.get()
    assert (message.status, message.attempts) == ("pending", 0)
