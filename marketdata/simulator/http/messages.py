"""Requests in, answers out, and the errors between: the shapes of HTTP here."""

from dataclasses import dataclass, field
from typing import Any

import orjson

JSON = b"application/json"
CSV = b"text/csv; charset=utf-8"


class ApiError(Exception):
    """Something the caller got wrong, or that we cannot do, in Kite's words."""

    def __init__(
        self, message: str, *, status: int = 400, error_type: str = "InputException"
    ) -> None:
        super().__init__(message)
        self.message, self.status, self.error_type = message, status, error_type


@dataclass(frozen=True, slots=True)
class Request:
    """What a view needs to know of an HTTP request."""

    method: str
    path: str
    query: dict[str, list[str]]
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    parts: dict[str, str] = field(default_factory=dict)

    def text(self, name: str, default: str | None = None) -> str:
        values = self.query.get(name)
        if values:
            return values[-1]
        if default is None:
            raise ApiError(f"Missing `{name}`")
        return default

    def whole(self, name: str, default: int | None = None) -> int:
        value = self.text(name, None if default is None else str(default))
        try:
            return int(value)
        except ValueError:
            raise ApiError(f"Invalid `{name}`: {value!r} is not a number") from None

    def json(self) -> Any:
        try:
            return orjson.loads(self.body or b"{}")
        except orjson.JSONDecodeError:
            raise ApiError("The body is not JSON") from None

    def fields(self) -> dict[str, Any]:
        """Return the body's object, completed from the query."""
        body = self.json()
        if not isinstance(body, dict):
            raise ApiError("The body must be an object")
        return {name: values[-1] for name, values in self.query.items()} | body

    def rows(self) -> list[dict[str, Any]]:
        """Return the body's list of objects, bare or under ``orders``."""
        body = self.json()
        rows = body.get("orders") if isinstance(body, dict) else body
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise ApiError("The body must be a list of orders")
        return rows


@dataclass(frozen=True, slots=True)
class Response:
    """A status, a type and bytes."""

    body: bytes
    status: int = 200
    content_type: bytes = JSON


def answer(value: object, status: int = 200) -> Response:
    return Response(orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS), status)


def refusal(error: ApiError) -> Response:
    return answer(
        {
            "status": "error",
            "message": error.message,
            "error_type": error.error_type,
            "data": None,
        },
        error.status,
    )
