"""The description of the sockets, held against what really goes over them."""

from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import yaml

DESCRIPTION = Path(__file__).resolve().parent.parent / "docs" / "asyncapi.yaml"


@cache
def description() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(DESCRIPTION.read_text())
    return found


def payload_of(kind: str) -> dict[str, Any]:
    """Return the schema of the message of type ``kind``."""
    found: dict[str, Any] = description()["components"]["messages"][kind]["payload"]
    return found


def check(message: dict[str, Any]) -> None:
    """Raise unless the message is as described."""
    jsonschema.validate(message, payload_of(message["type"]))
    if message["type"] in {"update", "event"} and "padding" not in message["data"]:
        # The streams of the tests alone are described nowhere.
        name = f"x-{message['stream']}"
        whole = description()
        if name in whole:
            # Parts that several streams share are found from the top.
            jsonschema.validate(message["data"], whole | {"$ref": f"#/{name}"})
