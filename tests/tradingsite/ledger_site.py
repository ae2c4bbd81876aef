"""A site with one stream that loses nothing: what was written on an account."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django

django.setup()

from collections.abc import Collection  # noqa: E402
from typing import Any  # noqa: E402

from channels.routing import ProtocolTypeRouter  # noqa: E402
from django.core.asgi import get_asgi_application  # noqa: E402
from django.urls import path  # noqa: E402

from accounts.models import Membership  # noqa: E402
from tradingsite.lifespan import Lifespan  # noqa: E402
from tradingsite.limits import Limits, State  # noqa: E402
from tradingsite.models import JournalEntry  # noqa: E402
from tradingsite.streaming.consumer import StreamConsumer  # noqa: E402
from tradingsite.streaming.identity import Principal  # noqa: E402
from tradingsite.streaming.lossless import LosslessFeed, Pair  # noqa: E402
from tradingsite.streaming.sockets import Sockets  # noqa: E402


def find(principal: Principal, words: Collection[str]) -> dict[str, tuple[str, str]]:
    pairs = readable({(principal, f"ledger.{word}") for word in words})
    keys = {stream.removeprefix("ledger.") for _, stream in pairs}
    return {key: (f"ledger.{key}", key) for key in keys}


def readable(pairs: Collection[Pair]) -> set[Pair]:
    users = {principal.user_id for principal, _ in pairs}
    rows = Membership.objects.filter(user_id__in=users)
    members = {
        (user_id, f"ledger.{slug}")
        for user_id, slug in rows.values_list("user_id", "account__slug")
    }
    return {pair for pair in pairs if (pair[0].user_id, pair[1]) in members}


def snapshot(stream: str) -> list[Any]:
    entries = JournalEntry.objects.filter(stream_id=stream)
    return [entry.event["number"] for entry in entries.order_by("seq")]


_ledger: Any = StreamConsumer.as_asgi(
    feeds=(LosslessFeed("ledger", "read:accounts", find, readable, snapshot),)
)
_state = State()
application = ProtocolTypeRouter(
    {
        "http": Limits(get_asgi_application(), _state),
        "websocket": Sockets([path("ws/ledger", _ledger)], _state),
        "lifespan": Lifespan(_state),
    }
)
