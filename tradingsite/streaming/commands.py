"""What a client may say: one JSON object a frame, checked in compiled code."""

from typing import Annotated

import msgspec

LONGEST_BATCH_MS = 1000
Text = Annotated[str, msgspec.Meta(max_length=128)]


class Auth(msgspec.Struct, tag="auth", forbid_unknown_fields=True):
    """Who is speaking: an API key or a ticket."""

    token: Annotated[str, msgspec.Meta(min_length=1, max_length=512)]


class After(msgspec.Struct, forbid_unknown_fields=True):
    """The last event that a client has seen of a stream that loses nothing."""

    epoch: Text
    seq: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class Subscribe(msgspec.Struct, tag="subscribe", forbid_unknown_fields=True):
    """More keys of a stream; ``batch_ms`` asks for arrays, for the whole socket.

    ``after`` says by key where a stream that loses nothing is to be resumed.
    """

    keys: list[Text]
    stream: Text = ""
    batch_ms: Annotated[int, msgspec.Meta(ge=0, le=LONGEST_BATCH_MS)] | None = None
    after: dict[Text, After] | None = None


class Unsubscribe(msgspec.Struct, tag="unsubscribe", forbid_unknown_fields=True):
    """Fewer keys of a stream; without ``keys`` none of it any more."""

    stream: Text = ""
    keys: list[Text] | None = None


class Ping(msgspec.Struct, tag="ping", forbid_unknown_fields=True):
    """Whether anybody is there."""


Command = Auth | Subscribe | Unsubscribe | Ping

decode = msgspec.json.Decoder(Command).decode
