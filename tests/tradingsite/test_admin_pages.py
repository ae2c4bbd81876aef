"""Every table of the admin opens: its list, its search and its form."""

import pytest
from django.contrib import admin
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from accounts.models import User


def address(model: type[Model], page: str) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}")


@pytest.fixture
def staff(client: Client, db: None) -> Client:
    client.force_login(User.objects.create_superuser("boss", password="secret"))
    return client


@pytest.mark.parametrize(
    "model", admin.site._registry, ids=lambda model: model.__name__
)
def test_every_list_opens_and_can_be_searched(staff: Client, model: type[Model]):
    assert staff.get(address(model, "changelist")).status_code == 200
    found = staff.get(address(model, "changelist"), {"q": "nothing"})
    assert found.status_code in {200, 302}


@pytest.mark.parametrize(
    "model", admin.site._registry, ids=lambda model: model.__name__
)
def test_every_form_opens_or_is_closed_on_purpose(staff: Client, model: type[Model]):
    assert staff.get(address(model, "add")).status_code in {200, 403}


@pytest.mark.parametrize(
    "model", admin.site._registry, ids=lambda model: model.__name__
)
def test_no_list_is_open_to_staff_without_the_right(
    client: Client, db: None, model: type[Model]
):
    user = User.objects.create_user("clerk", password="secret", is_staff=True)
    client.force_login(user)
    assert client.get(address(model, "changelist")).status_code == 403
