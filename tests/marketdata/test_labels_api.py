"""Labels as charts write and read them."""

import uuid
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.principals import Scope
from marketdata.models import Instrument, Label
from marketdata.views import labels
from tests.accounts.builders import make_key, make_user

LABELS = "/api/v1/labels"
JSON = "application/json"
METADATA: dict[str, Any] = {
    "timeframe": "5min",
    "nearest_candle_timestamp_utc": "2026-11-23T04:00:00Z",
    "sample_offset_seconds": 12,
    "price": 101.5,
}


def body(**changed: Any) -> dict[str, Any]:
    label = {
        "symbol": "NSE:ACME",
        "label_type": "bullish",
        "metadata": METADATA,
        "tags": ["breakout"],
    }
    return label | changed


def made(client: Client, **changed: Any) -> str:
    answer = client.post(LABELS, body(**changed), content_type=JSON)
    assert answer.status_code == 201, answer.content
    return str(answer.json()["id"])


def read(client: Client, **question: str) -> list[dict[str, Any]]:
    answer = client.get(LABELS, question)
    assert answer.status_code == 200, answer.content
    rows: list[dict[str, Any]] = answer.json()["labels"]
    return rows


def fields(answer: Any) -> list[str]:
    return [error["field"] for error in answer.json()["errors"]]


def test_a_label_comes_back_as_it_was_made(asha: Client, acme: Instrument):
    pinned = {"cursorUtc": "2026-11-23T04:00:00Z", "timeframe": "5", "playbackSpeed": 2}
    label_id = made(
        asha, metadata=METADATA | {"pinnedCursorState": pinned, "color": "green"}
    )

    (label,) = read(asha)

    assert label["id"] == label_id
    assert (label["symbol"], label["label_type"]) == ("NSE:ACME", "bullish")
    assert label["tags"] == ["breakout"]
    assert label["metadata"] == METADATA | {
        "timeframe": "5",
        "pinnedCursorState": pinned,
        "color": "green",
    }


def test_a_label_is_changed_in_part(asha: Client, acme: Instrument):
    label_id = made(asha)

    answer = asha.patch(
        f"{LABELS}/{label_id}", {"label_type": "exit_bullish"}, content_type=JSON
    )

    assert answer.json() == {
        "id": label_id, "success": True, "message": "Label updated.",
    }  # fmt: skip
    (label,) = read(asha)
    assert (label["label_type"], label["tags"]) == ("exit_bullish", ["breakout"])
    assert label["updated_at"] > label["created_at"]


def test_a_label_is_moved_to_another_bar(asha: Client, acme: Instrument):
    label_id = made(asha)
    moved = METADATA | {"nearest_candle_timestamp_utc": "2026-11-23T04:05:00Z"}

    asha.patch(f"{LABELS}/{label_id}", {"metadata": moved}, content_type=JSON)

    answer = asha.get(f"{LABELS}/{label_id}").json()
    assert answer["metadata"]["nearest_candle_timestamp_utc"] == "2026-11-23T04:05:00Z"


@pytest.mark.parametrize(
    "removed",
    [
        {},
        {"symbol": "ACME", "timeframe": "5m", "timestamp": "2026-11-23T09:30:00+05:30"},
    ],
)
def test_a_label_is_removed_by_id_or_by_its_bar(
    asha: Client, acme: Instrument, removed: dict[str, str]
):
    label_id = made(asha)

    answer = asha.delete(LABELS, removed or {"id": label_id}, content_type=JSON)

    assert answer.json()["id"] == label_id
    assert not Label.objects.exists()


def test_a_label_is_removed_at_its_own_address(asha: Client, acme: Instrument):
    label_id = made(asha)

    assert asha.delete(f"{LABELS}/{label_id}").status_code == 200
    assert asha.delete(f"{LABELS}/{label_id}").status_code == 404


@pytest.mark.parametrize(
    ("question", "number"),
    [
        ({"symbol": "ACME"}, 2),
        ({"timeframe": "5m"}, 1),
        ({"timeframe": "1D"}, 1),
        ({"timeframe": "60"}, 0),
        ({"from_timestamp": "2026-11-23T04:00:00Z"}, 2),
        ({"from_timestamp": "2026-11-23T04:00:01Z"}, 1),
        ({"to_timestamp": "2026-11-23T04:00:01Z"}, 1),
        ({"limit": "1"}, 1),
    ],
)
def test_labels_are_asked_for_by_bar(
    asha: Client, acme: Instrument, question: dict[str, str], number: int
):
    made(asha)
    later = {
        "timeframe": "1day",
        "nearest_candle_timestamp_utc": "2026-11-24T00:00:00Z",
    }
    made(asha, metadata=METADATA | later)

    assert len(read(asha, **question)) == number


def test_a_list_that_was_cut_says_so(asha: Client, acme: Instrument):
    made(asha)
    made(asha)

    assert asha.get(LABELS, {"limit": "1"}).json()["is_truncated"]
    assert not asha.get(LABELS, {"limit": "2"}).json()["is_truncated"]


@pytest.mark.parametrize("method", ["get", "patch", "delete"])
def test_nobody_reaches_the_label_of_another(
    asha: Client, acme: Instrument, method: str
):
    label_id = made(asha)
    stranger = Client()
    stranger.force_login(make_user("bob"))

    answer = getattr(stranger, method)(f"{LABELS}/{label_id}", content_type=JSON)

    assert answer.status_code == 404
    assert read(stranger) == []
    gone = stranger.delete(LABELS, {"id": label_id}, content_type=JSON)
    assert gone.status_code == 404
    assert Label.objects.count() == 1


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"symbol": "NOBODY"}, "symbol"),
        ({"symbol": "x" * 97}, "symbol"),
        ({"label_type": "sideways"}, "label_type"),
        ({"tags": ["x" * 33]}, "tags.0"),
        ({"tags": ["x"] * 21}, "tags"),
        ({"tags": "x"}, "tags"),
        ({"metadata": {}}, "metadata.timeframe"),
        ({"metadata": "x"}, "metadata.non_field_errors"),
        ({"metadata": METADATA | {"timeframe": "7"}}, "metadata.timeframe"),
        ({"metadata": METADATA | {"price": "NaN"}}, "metadata.price"),
        ({"metadata": METADATA | {"price": -1}}, "metadata.price"),
        (
            {"metadata": METADATA | {"sample_offset_seconds": 10**9}},
            "metadata.sample_offset_seconds",
        ),
        (
            {"metadata": METADATA | {"nearest_candle_timestamp_utc": "noon"}},
            "metadata.nearest_candle_timestamp_utc",
        ),
        (
            {"metadata": METADATA | {"pinnedCursorState": {"timeframe": "5"}}},
            "metadata.pinnedCursorState.cursorUtc",
        ),
        ({"metadata": METADATA | {"note": "x" * 5000}}, "metadata"),
        ({"metadata": METADATA | {"note": "\0"}}, "metadata"),
        ({"metadata": METADATA | {"note": [[[[[[1]]]]]]}}, "metadata"),
    ],
)
def test_a_label_out_of_bounds_is_told_which_field(
    asha: Client, acme: Instrument, changed: dict[str, Any], field: str
):
    answer = asha.post(LABELS, body(**changed), content_type=JSON)

    assert answer.status_code == 400
    assert fields(answer)[0] == field


@pytest.mark.parametrize(
    ("question", "field"),
    [
        ({"limit": "5001"}, "limit"),
        ({"timeframe": "7min"}, "timeframe"),
        ({"from_timestamp": "noon"}, "from_timestamp"),
        (
            {
                "from_timestamp": "2026-11-23T04:00:00Z",
                "to_timestamp": "2026-11-23T04:00:00Z",
            },
            "to_timestamp",
        ),
    ],
)
def test_a_question_out_of_bounds_is_told_which_field(
    asha: Client, acme: Instrument, question: dict[str, str], field: str
):
    answer = asha.get(LABELS, question)

    assert (answer.status_code, fields(answer)) == (400, [field])


def test_a_removal_must_name_something(asha: Client, acme: Instrument):
    answer = asha.delete(LABELS, {"symbol": "ACME"}, content_type=JSON)

    assert (answer.status_code, fields(answer)) == (400, ["timeframe", "timestamp"])


def test_a_user_has_a_bounded_number_of_labels(
    asha: Client, acme: Instrument, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(labels, "MOST_LABELS", 1)
    made(asha)

    answer = asha.post(LABELS, body(), content_type=JSON)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == "too_many_labels"


def test_a_key_writes_the_labels_of_its_user(client: Client, acme: Instrument):
    alice = make_user("alice")
    key = make_key(alice, scopes=[Scope.READ_MARKET])
    wrong = make_key(alice, scopes=[Scope.TRADE])

    def post(text: str) -> int:
        headers = {"Authorization": f"Bearer {text}"}
        answer = client.post(LABELS, body(), content_type=JSON, headers=headers)
        return answer.status_code

    assert post(key.text) == 201
    assert post(wrong.text) == 403
    assert Label.objects.get().user == alice
    assert client.get(LABELS).status_code == 401


def test_a_label_that_never_was_is_not_found(asha: Client, acme: Instrument):
    assert asha.get(f"{LABELS}/{uuid.uuid4()}").status_code == 404
    assert asha.get(f"{LABELS}/1").status_code == 404


def test_many_labels_take_the_queries_of_one(
    asha: Client, acme: Instrument, django_assert_num_queries: DjangoAssertNumQueries
):
    for _ in range(3):
        made(asha)

    with django_assert_num_queries(5):
        read(asha)
