"""Kite Connect v3 over plain HTTP.

Every answer is ``{"status": "success", "data": …}``, or an error with ``error_type``
and ``message``. Who asks stands in ``Authorization: token <api key>:<access token>``.
The access token is had once a day for the request token of a log-in by hand, proved
with ``checksum = SHA-256(api key + request token + api secret)``; it ends at night
and when somebody logs in elsewhere: only a person can make a new one.

Credentials come in as a mapping with ``api_key`` and ``access_token`` and are kept in
the headers of the request alone.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar

import httpx
import msgspec

from accounts.brokers import payloads
from accounts.brokers.calling import Ask, Caller, Deadline
from accounts.brokers.errors import (
    BrokerBusy,
    BrokerError,
    BrokerLogInNeeded,
    BrokerRefused,
    BrokerUnavailable,
)
from accounts.reported import (
    ReportedBalance,
    ReportedHolding,
    ReportedOrder,
    ReportedPosition,
)

Answer = TypeVar("Answer")
NAME = "Kite"
VERSION = {"X-Kite-Version": "3"}
# What Kite calls failures of its own or of what stands behind it.
TEMPORARY = {"NetworkException", "DataException", "GeneralException"}
LONGEST_MESSAGE = 200


class Envelope(msgspec.Struct, Generic[Answer], frozen=True):
    """What each success is wrapped in."""

    data: Answer


class Error(msgspec.Struct, frozen=True):
    """What each failure says; a proxy in between says something else."""

    error_type: str = ""
    message: str = ""


class Profile(msgspec.Struct, frozen=True):
    """Whose account it is."""

    user_id: str


class Session(msgspec.Struct, frozen=True):
    """What a log-in brings; the token opens the account for the rest of the day."""

    user_id: str
    access_token: str
    login_time: str = ""

    def __repr__(self) -> str:
        return f"Session({self.user_id!r})"


class KiteBroker:
    """One account at Kite."""

    def __init__(self, url: str, credentials: Mapping[str, str]) -> None:
        try:
            key, token = credentials["api_key"], credentials["access_token"]
        except KeyError as error:
            raise BrokerLogInNeeded(f"{NAME}: {error} is not set.") from None
        headers = VERSION | {"Authorization": f"token {key}:{token}"}
        self._caller = Caller(NAME, url, refusal, headers)

    def positions(self, deadline: Deadline) -> Sequence[ReportedPosition]:
        found = self._read(
            "/portfolio/positions", Envelope[payloads.Positions], deadline
        )
        return [row.reported() for row in found.data.net]

    def holdings(self, deadline: Deadline) -> Sequence[ReportedHolding]:
        shape = Envelope[list[payloads.Holding]]
        rows = self._read("/portfolio/holdings", shape, deadline).data
        return [row.reported() for row in rows]

    def balances(self, deadline: Deadline) -> Sequence[ReportedBalance]:
        margins = self._read("/user/margins", Envelope[payloads.Margins], deadline)
        return payloads.balances(margins.data)

    def orders(self, deadline: Deadline) -> Sequence[ReportedOrder]:
        rows = self._read("/orders", Envelope[list[payloads.Order]], deadline).data
        return [row.reported() for row in rows]

    def client_id(self, deadline: Deadline) -> str:
        return self._read("/user/profile", Envelope[Profile], deadline).data.user_id

    def _read(self, path: str, shape: type[Answer], deadline: Deadline) -> Answer:
        family = path.split("/")[1]
        return self._caller.read(Ask(family, "GET", path), shape, deadline)


def log_in(
    url: str, credentials: Mapping[str, str], request_token: str, deadline: Deadline
) -> Session:
    """Return the session for the request token of a log-in; asked for once.

    ``credentials`` needs ``api_key`` and ``api_secret``; the secret is never sent.
    """
    key = credentials["api_key"]
    proof = f"{key}{request_token}{credentials['api_secret']}".encode()
    form = {
        "api_key": key,
        "request_token": request_token,
        "checksum": hashlib.sha256(proof).hexdigest(),
    }
    ask = Ask("session", "POST", "/session/token", form=form)
    caller = Caller(NAME, url, refusal, VERSION)
    return caller.write(ask, Envelope[Session], deadline).data


def refusal(answer: httpx.Response) -> BrokerError:
    """Return what an answer that is no success means; it names no secret."""
    error = _error_in(answer)
    said = f"{error.error_type}: {error.message[:LONGEST_MESSAGE]}".strip(": ")
    text = f"{NAME}: HTTP {answer.status_code} {said}".strip()
    if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
        return BrokerBusy(text)
    if error.error_type == "TokenException":
        return BrokerLogInNeeded(text)
    if error.error_type in TEMPORARY or answer.is_server_error:
        return BrokerUnavailable(text)
    if not error.error_type and answer.status_code in {401, 403}:
        return BrokerLogInNeeded(text)
    return BrokerRefused(text)


def _error_in(answer: httpx.Response) -> Error:
    try:
        return msgspec.json.decode(answer.content, type=Error)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Error()
