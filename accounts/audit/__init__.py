"""What was done and what was refused, by whom, on whose behalf and from where."""

from accounts.audit.recording import Change, record, tell
from accounts.audit.refusals import written_afterwards
from accounts.audit.sources import unknown

__all__ = ["Change", "record", "tell", "unknown", "written_afterwards"]
