"""How the product writes its logs: one line per event, with the request id.

``LOG_FORMAT=json`` writes JSON for machines, ``console`` a line for humans. What
comes from outside cannot forge a line (control characters are escaped), and
secrets do not get in: keys, passwords and tokens are masked wherever they stand.
"""

import logging
import random
import re
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

import orjson
from django.conf import settings

correlation_id: ContextVar[str] = ContextVar("correlation_id", default="")

MASK = "***"
SECRETS = (
    # Numbers of tax payers in India: they name a person.
    (re.compile(r"\b[A-Z]{3}[ABCFGHJLPT][A-Z][0-9]{4}[A-Z]\b"), MASK),
    # API keys: the public part stays, so that one knows which key it was.
    (re.compile(r"\b(tsk_[A-Za-z0-9]+_)[A-Za-z0-9_\-]+"), r"\1" + MASK),
    # Passwords in addresses of servers.
    (re.compile(r"(\w+://[^\s:/@]*:)[^\s@]+(@)"), r"\1" + MASK + r"\2"),
    (re.compile(r"(?i)\b(bearer|basic|token)(\s+)[\w.~+/=\-]{8,}"), r"\1\2" + MASK),
    (
        re.compile(
            r"(?i)\b(authorization|password|passwd|secret|api_?key|access_token|"
            r"refresh_token|sessionid|csrftoken)(['\"]?\s*[=:]\s*['\"]?)"
            r"(?!bearer\b|basic\b|token\b)[^\s'\"&,;]+"
        ),
        r"\1\2" + MASK,
    ),
)
SECRET_FIELDS = re.compile(
    r"(?i)authorization|password|secret|api_?key|token|cookie|sessionid"
)
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# What every record has, and so says nothing of this one.
STANDARD_FIELDS = frozenset(
    {*vars(logging.makeLogRecord({})), "message", "asctime", "request_id", "taskName"}
)
# What is meant for filters, and objects that the request log tells better.
UNTOLD_FIELDS = frozenset(
    {
        "request",
        "server_time",
        "status_code",
        "response",
        "is_ordinary",
        "color_message",
    }
)

# Their own handlers go: one road out. The request log tells what these repeat.
QUIETER_LOGGERS: dict[str, dict[str, Any]] = {
    "django": {"propagate": True},
    "django.request": {"level": "ERROR"},
    "django.server": {"propagate": True, "level": "WARNING"},
    "uvicorn": {"propagate": True},
    "uvicorn.error": {"propagate": True},
    "uvicorn.access": {"propagate": True, "level": "WARNING"},
    "httpx": {"level": "WARNING"},
}


def masked(text: str) -> str:
    """Return ``text`` without the secrets in it."""
    for pattern, replacement in SECRETS:
        text = pattern.sub(replacement, text)
    return text


def escaped(text: str) -> str:
    """Return ``text`` on one line, unable to steer a terminal or forge a record."""
    return CONTROL.sub(lambda found: ascii(found.group())[1:-1], text)


def plain(value: Any) -> Any:
    """Return a field's value as JSON has it, masked."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, dict):
        return {str(key): field(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return masked(str(value))


def field(name: str, value: Any) -> Any:
    """Return the value of a named field; a secret's name is enough to mask it."""
    return MASK if SECRET_FIELDS.search(name) else plain(value)


def extra_fields(record: logging.LogRecord) -> dict[str, Any]:
    """Return what the caller added to the record."""
    return {
        name: field(name, value)
        for name, value in vars(record).items()
        if name not in STANDARD_FIELDS and name not in UNTOLD_FIELDS
    }


def failure(record: logging.LogRecord) -> str:
    """Return the traceback of the record, masked; empty when there is none."""
    if not record.exc_info or record.exc_info[1] is None:
        return ""
    return masked("".join(traceback.format_exception(record.exc_info[1])))


class RequestFilter(logging.Filter):
    """Gives every record the id of the request that caused it."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = correlation_id.get()
        return True


class SampleFilter(logging.Filter):
    """Keeps a share of the records of fast, successful requests; all others stay."""

    def __init__(self, share: float = 1.0) -> None:
        super().__init__()
        self._share = share

    def filter(self, record: logging.LogRecord) -> bool:
        if not getattr(record, "is_ordinary", False):
            return True
        return random.random() < self._share  # noqa: S311 - which lines to keep is no secret


class JsonFormatter(logging.Formatter):
    """Writes a record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        event: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(
                timespec="milliseconds"
            ),
            "level": record.levelname,
            "logger": record.name,
            "message": escaped(masked(record.getMessage())),
            "request_id": getattr(record, "request_id", ""),
            "process": settings.PROCESS_KIND,
            "pid": record.process,
            **extra_fields(record),
        }
        if trace := failure(record):
            event["exception"] = trace
        return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


class ConsoleFormatter(logging.Formatter):
    """Writes a record for a human at a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC)
        request_id = getattr(record, "request_id", "")
        parts = [
            moment.strftime("%H:%M:%S"),
            f"{record.levelname:<7}",
            record.name,
            escaped(masked(record.getMessage())),
            *(
                f"{name}={escaped(str(value))}"
                for name, value in extra_fields(record).items()
            ),
            *([f"[{request_id[:8]}]"] if request_id else []),
        ]
        return "\n".join([" ".join(parts), *failure(record).splitlines()])


def log_configuration(
    *, level: str, log_format: str, levels: list[str], sample_percent: int
) -> dict[str, Any]:
    """Return Django's LOGGING: all to standard error, one line each.

    ``levels`` names loggers of their own level, as ``marketdata=DEBUG``.
    """
    split = (pair.partition("=") for pair in levels)
    wanted = {name.strip(): {"level": text.strip().upper()} for name, _, text in split}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {
            "request": {"()": "tradingsite.logs.RequestFilter"},
            "sample": {
                "()": "tradingsite.logs.SampleFilter",
                "share": sample_percent / 100,
            },
        },
        "formatters": {
            "json": {"()": "tradingsite.logs.JsonFormatter"},
            "console": {"()": "tradingsite.logs.ConsoleFormatter"},
        },
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": log_format,
                "filters": ["request", "sample"],
            }
        },
        "root": {"handlers": ["stderr"], "level": level.upper()},
        "loggers": QUIETER_LOGGERS | wanted,
    }
