"""The instrument that a question or an address names, or the refusal it earns."""

from rest_framework.exceptions import NotFound, ValidationError

from marketdata.models import Instrument
from marketdata.udf import names


def asked_instrument(name: str, *, field: str = "symbol") -> Instrument:
    """Return the instrument that the query parameter ``field`` names."""
    try:
        return names.find(name)
    except Instrument.DoesNotExist:
        raise ValidationError(
            {field: f"No instrument is called {name}."}, "unknown_symbol"
        ) from None
    except names.AmbiguousSymbolError:
        raise ValidationError({field: _many(name)}, "ambiguous_symbol") from None


def instrument_at(name: str) -> Instrument:
    """Return the instrument that a part of the address names."""
    try:
        return names.find(name)
    except Instrument.DoesNotExist:
        raise NotFound(
            f"No instrument is called {name[:96]}.", "unknown_symbol"
        ) from None
    except names.AmbiguousSymbolError:
        raise NotFound(_many(name), "ambiguous_symbol") from None


def _many(name: str) -> str:
    return f"More than one exchange lists {name}: ask for EXCHANGE:SYMBOL."
