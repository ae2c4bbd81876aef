"""The id of a request, its log line, and the one error shape."""

import logging
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIHandler
from django.test import AsyncClient, Client
from pytest_django.fixtures import Settings
from rest_framework import exceptions

from tradingsite import api, metrics
from tradingsite.middleware import chosen_id


@pytest.fixture(autouse=True)
def slow_urls(settings: Settings) -> None:
    settings.ROOT_URLCONF = "tests.tradingsite.slow_site.urls"


@pytest.fixture
def quiet_client() -> Client:
    return Client(raise_request_exception=False)


def test_a_sane_id_is_taken(client: Client):
    answer = client.get("/health/live", headers={"X-Correlation-ID": "order-7.b_c"})
    assert answer.headers["X-Correlation-ID"] == "order-7.b_c"


@pytest.mark.parametrize("offered", ["", "x" * 65, "a b", "<script>", "ä", "a\tb"])
def test_any_other_id_is_replaced(offered: str):
    assert len(chosen_id(offered)) == 32


async def test_the_id_is_returned_in_async_too(async_client: AsyncClient):
    answer = await async_client.get(
        "/health/live", headers={"X-Correlation-ID": "async-1"}
    )
    assert answer.headers["X-Correlation-ID"] == "async-1"


def test_an_error_has_the_id_and_tells_no_secret(quiet_client: Client):
    answer = quiet_client.get(
        "/slow/broken", headers={"X-Correlation-ID": "broken-1", "Accept": "*/*"}
    )
    assert answer.status_code == 500
    assert answer.headers["X-Correlation-ID"] == "broken-1"
    assert answer.json()["request_id"] == "broken-1"
    assert "hunter2" not in answer.content.decode()


def test_the_log_line_has_the_route_and_not_the_query(
    client: Client, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO)
    client.get("/slow/sleep?s=0&api_key=CANARY")
    (record,) = [r for r in caplog.records if r.name == "tradingsite.requests"]
    assert record.getMessage() == "GET /slow/sleep 200"
    assert vars(record)["route"] == "slow/sleep"
    assert "CANARY" not in caplog.text


def test_requests_are_measured_by_route_never_by_path(client: Client):
    client.get("/udf/unheard-of-1")
    client.get("/udf/unheard-of-2")
    names = {
        sample.labels["route"]
        for family in metrics.current().requests.collect()
        for sample in family.samples
    }
    assert not {name for name in names if "unheard-of" in name}


def test_an_unknown_address_is_a_problem_for_programs(client: Client):
    answer = client.get("/api/v1/nothing", headers={"Accept": "text/html"})
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "Nothing matches the given URI",
        "instance": "/api/v1/nothing",
        "request_id": answer.headers["X-Correlation-ID"],
        "code": "not_found",
    }


def test_an_unknown_address_is_a_page_for_people(client: Client):
    answer = client.get("/nothing", headers={"Accept": "text/html"})
    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("text/html")


class Asked:
    """What Django REST framework hands over of a request."""

    path = "/api/v1/orders"


def told(error: Exception) -> Any:
    answer = api.problem_response(error, {"request": Asked()})
    assert answer is not None
    return answer


def test_each_field_in_error_is_named():
    answer = told(
        exceptions.ValidationError(
            {
                "quantity": [exceptions.ErrorDetail("Too big.", "max_value")],
                "legs": [
                    {},
                    {"price": [exceptions.ErrorDetail("Missing.", "required")]},
                ],
            }
        )
    )
    assert answer.status_code == 400
    assert answer.data["code"] == "invalid"
    assert answer.data["errors"] == [
        {"field": "quantity", "code": "max_value", "detail": "Too big."},
        {"field": "legs.1.price", "code": "required", "detail": "Missing."},
    ]


def test_a_throttled_caller_hears_when_to_come_back():
    answer = told(exceptions.Throttled(wait=7))
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "7"
    assert answer.data["code"] == "throttled"


def test_a_mistake_of_ours_is_not_dressed_up():
    assert api.problem_response(LookupError("x"), {"request": Asked()}) is None


def test_pages_are_bounded():
    assert api.Pages.max_limit == 1000


def test_no_middleware_turns_the_async_chain_sync(
    settings: Settings, caplog: pytest.LogCaptureFixture
):
    settings.DEBUG = True  # only then Django says so
    caplog.set_level(logging.DEBUG, logger="django.request")
    ASGIHandler()
    assert "adapted for middleware" not in caplog.text


def test_control_a_sync_middleware_would(
    settings: Settings, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG, logger="django.request")
    settings.DEBUG = True
    settings.MIDDLEWARE = [
        *settings.MIDDLEWARE[:3],
        "whitenoise.middleware.WhiteNoiseMiddleware",
        *settings.MIDDLEWARE[3:],
    ]
    ASGIHandler()
    assert "adapted for middleware" in caplog.text
