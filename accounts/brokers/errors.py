"""What can go wrong between us and a broker: for now, or until somebody acts.

* ``BrokerUnavailable`` - temporary: no answer in time, a server error, too many
  questions, or the breaker is open. Trying again later is right.
* ``BrokerNeedsHuman`` - the broker understood and said no, or we do not understand
  it: the session ended, a permission is missing, the shape is new. Trying again is
  no use.

``code`` is stable and for programs; the text is for people and never holds a secret.
"""


class BrokerError(Exception):
    """Something went wrong between us and a broker."""

    code = "broker_error"


class BrokerUnavailable(BrokerError):  # noqa: N818 - what callers tell their users
    """The broker does not answer; it may in a while, ``retry_after_s`` at least."""

    code = "broker_unavailable"

    def __init__(self, text: str, retry_after_s: float = 5.0) -> None:
        super().__init__(text)
        self.retry_after_s = retry_after_s


class BrokerTimedOut(BrokerUnavailable):
    """No whole answer came within the limit: what a write did is unknown."""

    code = "broker_timed_out"


class BrokerBusy(BrokerUnavailable):
    """We asked more often than the broker allows."""

    code = "broker_busy"


class BrokerNeedsHuman(BrokerError):  # noqa: N818 - what callers tell their users
    """Nothing changes until somebody does something about it."""

    code = "broker_needs_attention"


class BrokerLogInNeeded(BrokerNeedsHuman):
    """The session with the broker is missing, ended or was revoked."""

    code = "broker_log_in_needed"


class BrokerRefused(BrokerNeedsHuman):
    """The broker understood and said no."""

    code = "broker_refused"


class BrokerUnreadable(BrokerNeedsHuman):
    """The answer is whole but has a shape we do not know; nothing of it is taken."""

    code = "broker_unreadable"


class BrokerOtherAccount(BrokerNeedsHuman):
    """The session belongs to another account than the one that was asked for."""

    code = "broker_other_account"
