"""The names that charts have for instruments, and the one instrument each means."""

import re

from marketdata.models import Instrument

# Names under which other vendors list the same index.
_ALIASES = {
    "NIFTY50": "NIFTY",
    "NSEI": "NIFTY",
    "NIFTYBANK": "BANKNIFTY",
    "NSEBANK": "BANKNIFTY",
    "BANKNIFTY1!": "BANKNIFTY",
    "NIFTYFINSERVICE": "FINNIFTY",
    "NIFTYFIN": "FINNIFTY",
    "NIFTYMIDCAPSELECT": "MIDCPNIFTY",
    "MIDCAPNIFTY": "MIDCPNIFTY",
    "BSESENSEX": "SENSEX",
    "BSESN": "SENSEX",
}
_SUFFIX = re.compile(r"(\.(NS|BO|NSE|BSE)|-(EQ|BE))$")
_LONGEST = 96


class AmbiguousSymbolError(Exception):
    """A bare symbol that stands on more than one exchange."""


def find(name: str) -> Instrument:
    """Return the instrument called ``name``: canonical, bare or an alias.

    Raise ``Instrument.DoesNotExist`` or AmbiguousSymbolError.
    """
    if not name.strip() or len(name) > _LONGEST:
        raise Instrument.DoesNotExist("A symbol has 1 to 96 characters.")
    try:
        return _called(name.strip())
    except Instrument.DoesNotExist:
        return _called(_canonical(name))


def _called(name: str) -> Instrument:
    try:
        return Instrument.objects.select_related("exchange").find(name)
    except Instrument.MultipleObjectsReturned:
        raise AmbiguousSymbolError(name) from None


def _canonical(name: str) -> str:
    """Return ``name`` without the decorations other vendors give it."""
    exchange, colon, symbol = name.strip().upper().rpartition(":")
    bare = _SUFFIX.sub("", symbol.removeprefix("^"))
    squeezed = re.sub(r"[\s-]", "", bare)
    return f"{exchange}{colon}{_ALIASES.get(squeezed, bare)}"
