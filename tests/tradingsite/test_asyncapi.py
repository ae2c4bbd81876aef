"""docs/asyncapi.yaml says what the code does: commands, addresses, close codes.

What servers send is checked message by message wherever a test hears one, by
``tests.sockets``.
"""

import re
import typing

import jsonschema
import msgspec
import pytest

from tests import asyncapi
from tradingsite.asgi import make_application
from tradingsite.streaming import commands
from tradingsite.streaming.codes import Close

COMMANDS = {
    each.__struct_config__.tag: each for each in typing.get_args(commands.Command)
}


def test_every_command_is_described_with_its_fields():
    said = asyncapi.description()["operations"]["say"]["messages"]

    assert {each["$ref"].rpartition("/")[2] for each in said} == set(COMMANDS)
    for kind, struct in COMMANDS.items():
        schema = asyncapi.payload_of(str(kind))
        fields = msgspec.structs.fields(struct)
        assert set(schema["properties"]) == {"type", *(one.name for one in fields)}
        required = {one.name for one in fields if one.required}
        assert set(schema["required"]) == {"type", *required}


GOOD = [
    {"type": "auth", "token": "tsk_x"},
    {"type": "subscribe", "keys": ["NSE:ACME"], "batch_ms": 10},
    {"type": "subscribe", "keys": [], "after": {"a": {"epoch": "e", "seq": 0}}},
    {"type": "unsubscribe"},
    {"type": "ping"},
]
BAD = [
    {"type": "auth", "token": ""},
    {"type": "auth", "token": "x" * 513},
    {"type": "subscribe"},
    {"type": "subscribe", "keys": [1]},
    {"type": "subscribe", "keys": ["x" * 129]},
    {"type": "subscribe", "keys": [], "batch_ms": 1001},
    {"type": "subscribe", "keys": [], "after": {"a": {"epoch": "e"}}},
    {"type": "unsubscribe", "keys": "x"},
    {"type": "ping", "more": 1},
]


@pytest.mark.parametrize("message", GOOD)
def test_what_is_described_is_understood(message: dict[str, object]):
    asyncapi.check(message)
    commands.decode(msgspec.json.encode(message))


@pytest.mark.parametrize("message", BAD)
def test_what_is_not_described_is_not_understood(message: dict[str, object]):
    with pytest.raises(jsonschema.ValidationError):
        asyncapi.check(message)
    with pytest.raises(msgspec.ValidationError):
        commands.decode(msgspec.json.encode(message))


def test_the_close_codes_are_those_of_the_code():
    described = asyncapi.description()["x-close-codes"]

    assert {code: one["name"] for code, one in described.items()} == {
        int(code): code.name for code in Close
    }


def test_the_addresses_are_those_of_the_application():
    router = make_application().application_mapping["websocket"].router
    patterns = [str(route.pattern) for route in router.routes]
    served = {"/" + re.sub(r"<\w+:(\w+)>", r"{\1}", p) for p in patterns if p}

    channels = asyncapi.description()["channels"].values()
    assert {channel["address"] for channel in channels} == served
