"""A tick as it comes over the wire, and why one may be refused.

A payload is the JSON of one tick or of an array of ticks. Decoding checks types
and ranges in compiled code; only a payload that fails is looked at tick by tick::

    accepted, refused = ticks.sift(payload)

Publishers disagree about names: the price may be called ``price``, ``last_price``
or ``close``, the time ``ts`` or ``timestamp``, the open interest ``oi`` or
``open_interest``, the broker's number ``token`` or ``instrument_token``.
"""

from dataclasses import dataclass
from typing import Annotated

import msgspec

MOST_PAYLOAD_BYTES = 512 * 1024
# Beyond these a value is no market's: the dearest share costs about 1.5e5.
HIGHEST_PRICE = 1e8
LARGEST_COUNT = 10**13
FIRST_SECOND = 631_152_000  # 1990-01-01
LAST_SECOND = 4_102_444_800  # 2100-01-01

# A payload of ten thousand brackets is a RecursionError.
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

Price = Annotated[float, msgspec.Meta(gt=0, lt=HIGHEST_PRICE)]
Count = Annotated[int, msgspec.Meta(ge=0, lt=LARGEST_COUNT)]
Second = Annotated[float, msgspec.Meta(ge=FIRST_SECOND, lt=LAST_SECOND)]
Volatility = Annotated[float, msgspec.Meta(ge=0, lt=1000)]
Token = Annotated[int, msgspec.Meta(gt=0, le=2**62)]
Name = Annotated[str, msgspec.Meta(max_length=64)]


class Tick(msgspec.Struct, gc=False):
    """One observation of one instrument."""

    symbol: Name = ""
    price: Price = 0.0
    volume: Count | None = None
    ts: Second = 0.0
    token: Token = 0
    tradingsymbol: Name = ""
    exchange: Name = ""
    oi: Count | None = None
    iv: Volatility | None = None
    delta: float | None = None
    gamma: float | None = None
    theta: float | None = None
    vega: float | None = None
    # Left as bytes: only the last book of a minute is ever looked at.
    depth: msgspec.Raw = msgspec.Raw()
    is_mock: bool = False
    last_price: Price = 0.0
    close: Price = 0.0
    timestamp: Second = 0.0
    open_interest: Count | None = None
    instrument_token: Token = 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """A tick that was not accepted: why, and how it began."""

    reason: str
    detail: str
    payload: bytes


_one = msgspec.json.Decoder(Tick)
_many = msgspec.json.Decoder(list[Tick])
_raw = msgspec.json.Decoder(list[msgspec.Raw])


def decode_run(payloads: list[bytes]) -> list[Tick] | None:
    """Decode payloads of one tick each in one go; None when any of them is odd."""
    joined = b"[" + b",".join(payloads) + b"]"
    if len(joined) > MOST_PAYLOAD_BYTES and is_any_too_large(payloads):
        return None
    try:
        ticks = _many.decode(joined)
    except UNREADABLE:
        return None
    return ticks if len(ticks) == len(payloads) else None


def is_any_too_large(payloads: list[bytes]) -> bool:
    return max(map(len, payloads)) > MOST_PAYLOAD_BYTES


def decode_array(payload: bytes) -> list[Tick] | None:
    """Decode an array of ticks; None when any of them is odd."""
    if len(payload) > MOST_PAYLOAD_BYTES:
        return None
    try:
        return _many.decode(payload)
    except UNREADABLE:
        return None


def sift(payload: bytes) -> tuple[list[Tick], list[Refusal]]:
    """Part the ticks of a payload into those that can be read and the others."""
    if len(payload) > MOST_PAYLOAD_BYTES:
        return [], [Refusal("too_large", f"{len(payload)} bytes", payload)]
    try:
        bodies = _raw.decode(payload) if payload[:1] == b"[" else [payload]
    except UNREADABLE as error:
        return [], [Refusal("not_json", str(error), payload)]
    accepted: list[Tick] = []
    refused: list[Refusal] = []
    for body in bodies:
        tick = _decode_one(bytes(body))
        if isinstance(tick, Tick):
            accepted.append(tick)
        else:
            refused.append(tick)
    return accepted, refused


def _decode_one(body: bytes) -> Tick | Refusal:
    try:
        return _one.decode(body)
    except msgspec.ValidationError as error:
        detail = str(error)
        # msgspec: "Expected `float`, got `str`" against "Expected `float` > 0.0".
        reason = "wrong_type" if ", got" in detail else "out_of_range"
        return Refusal(reason, detail, body)
    except UNREADABLE as error:
        return Refusal("not_json", str(error), body)


def why_unusable(tick: Tick) -> str:
    """Return why a decoded tick says too little to be counted; empty when it does."""
    if not (tick.price or tick.last_price or tick.close):
        return "missing_price"
    if not (tick.ts or tick.timestamp):
        return "missing_time"
    if not (tick.token or tick.instrument_token or tick.tradingsymbol or tick.symbol):
        return "missing_instrument"
    return ""
