"""The one instrument that a name means: canonical, bare, or an alias of others."""

from marketdata.aliases import spellings
from marketdata.models import Instrument

_LONGEST = 96


class AmbiguousSymbolError(Exception):
    """A bare symbol that stands on more than one exchange."""


def find(name: str) -> Instrument:
    """Return the instrument called ``name``: canonical, bare or an alias.

    Raise ``Instrument.DoesNotExist`` or AmbiguousSymbolError.
    """
    if not name.strip() or len(name) > _LONGEST:
        raise Instrument.DoesNotExist("A symbol has 1 to 96 characters.")
    for spelling in spellings(name):
        try:
            return Instrument.objects.select_related("exchange").find(spelling)
        except Instrument.DoesNotExist:
            continue
        except Instrument.MultipleObjectsReturned:
            raise AmbiguousSymbolError(name) from None
    raise Instrument.DoesNotExist(f"No instrument is called {name}.")
