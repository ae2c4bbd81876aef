"""What REST views share: the error shape and bounded pages."""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import IO, Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import exceptions
from rest_framework.pagination import (
    Cursor,
    CursorPagination,
    LimitOffsetPagination,
)
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import set_rollback

from tradingsite.problems import BEARER, CONTENT_TYPE, Problem, answer_to, problem

__all__ = [
    "BEARER",
    "CsvParser",
    "CursorPages",
    "Pages",
    "StrictSerializer",
    "asked",
    "is_position",
    "problem",
    "problem_response",
]

# Digits that a 64-bit number surely holds.
LONGEST_POSITION = 18


def problem_response(error: Exception, context: dict[str, Any]) -> Response | None:
    """Answer an error of a REST view; None leaves a mistake of ours to be reported."""
    found = answer_to(error) or _answer_to_refusal(error)
    if found is None:
        return None
    set_rollback()
    request = context["request"]
    return Response(
        found.body(request),
        status=found.status,
        headers=dict(found.headers),
        content_type=CONTENT_TYPE,
    )


def _answer_to_refusal(error: Exception) -> Problem | None:
    if isinstance(error, Http404):
        return Problem(status=HTTPStatus.NOT_FOUND)
    if isinstance(error, PermissionDenied):
        return Problem(status=HTTPStatus.FORBIDDEN)
    if not isinstance(error, exceptions.APIException):
        return None
    if isinstance(error, exceptions.ValidationError):
        return Problem(
            status=error.status_code,
            code="invalid",
            detail="Some fields are not valid.",
            errors=list(_field_errors(error.get_full_details())),
        )
    return Problem(
        status=error.status_code,
        code=str(error.get_codes()),
        detail=str(error.detail),
        headers=_headers_of(error),
    )


def _headers_of(error: exceptions.APIException) -> dict[str, str]:
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if (wait_s := getattr(error, "wait", None)) is not None:
        headers["Retry-After"] = str(max(1, round(wait_s)))
    return headers


def _field_errors(details: Any, path: str = "") -> Iterator[dict[str, str]]:
    """Yield one entry per mistake: which field, which code, what to tell."""
    if isinstance(details, dict) and set(details) == {"message", "code"}:
        yield {
            "field": path,
            "code": str(details["code"]),
            "detail": str(details["message"]),
        }
        return
    named = details.items() if isinstance(details, dict) else enumerate(details)
    for name, inner in named:
        is_leaf = isinstance(details, list) and "message" in inner
        deeper = path if is_leaf else f"{path}.{name}".lstrip(".")
        yield from _field_errors(inner, deeper)


def asked(question: type[Serializer[Any]], request: Request) -> dict[str, Any]:
    """Return the query of ``request`` as ``question`` reads it, or refuse it."""
    serializer = question(data=request.query_params)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


class StrictSerializer(Serializer[Any]):
    """Reads a body in which every field is known and may be written: else 400.

    A field that is silently ignored would let a caller believe that it counted.
    """

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            known = {name for name, field in self.fields.items() if not field.read_only}
            odd = [str(name) for name in data if name not in known]
            if odd:
                raise exceptions.ValidationError(
                    dict.fromkeys(odd, "This field may not be written here."),
                    "unknown_field",
                )
        return super().to_internal_value(data)


class CsvParser(BaseParser):
    """Reads a body of ``text/csv`` as ``{"text": …}``, within a limit."""

    media_type = "text/csv"
    most_bytes = 1024 * 1024

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, str]:
        content = stream.read(self.most_bytes + 1)
        if len(content) > self.most_bytes:
            raise exceptions.ParseError(f"More than {self.most_bytes:,} bytes.")
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise exceptions.ParseError("The file is not UTF-8.") from None
        if "\0" in text:
            raise exceptions.ParseError("The file is not a text.")
        return {"text": text}


class CursorPages(CursorPagination):
    """Pages in the order of a whole number, which new rows do not shift."""

    page_size = 100
    page_size_query_param = "limit"
    max_page_size = 1000

    def decode_cursor(self, request: Request) -> Cursor | None:
        # The position comes from outside, and the class would believe it.
        cursor: Cursor | None = super().decode_cursor(request)
        if cursor and cursor.position and not is_position(str(cursor.position)):
            raise exceptions.NotFound(self.invalid_cursor_message)
        return cursor


def is_position(text: str) -> bool:
    """Tell whether ``text`` is a number that a row may have."""
    return text.isascii() and text.isdigit() and len(text) <= LONGEST_POSITION


class Pages(LimitOffsetPagination):
    """Pages of a list: a hundred rows, a thousand at most."""

    default_limit = 100
    max_limit = 1000
