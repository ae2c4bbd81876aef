"""The one instrument that a name means: canonical, bare, or an alias of others."""

from collections import defaultdict
from collections.abc import Collection

from marketdata.aliases import spellings
from marketdata.models import Instrument

_LONGEST = 96


class AmbiguousSymbolError(Exception):
    """A bare symbol that stands on more than one exchange."""


def find(name: str) -> Instrument:
    """Return the instrument called ``name``: canonical, bare or an alias.

    Raise ``Instrument.DoesNotExist`` or AmbiguousSymbolError.
    """
    if not _may_be_a_name(name):
        raise Instrument.DoesNotExist("A symbol has 1 to 96 characters.")
    for spelling in spellings(name):
        try:
            return Instrument.objects.select_related("exchange").find(spelling)
        except Instrument.DoesNotExist:
            continue
        except Instrument.MultipleObjectsReturned:
            raise AmbiguousSymbolError(name) from None
    raise Instrument.DoesNotExist(f"No instrument is called {name}.")


def find_all(names: Collection[str]) -> dict[str, Instrument]:
    """Return what ``find`` finds for each of ``names``, in one query.

    Names of nothing and of several instruments are left out.
    """
    asked = {name: spellings(name) for name in names if _may_be_a_name(name)}
    listed = _Listed({one for spelled in asked.values() for one in spelled})
    found = {name: listed.first_of(spelled) for name, spelled in asked.items()}
    return {name: instrument for name, instrument in found.items() if instrument}


class _Listed:
    """The instruments that stand under some spellings, by both kinds of names."""

    def __init__(self, spelled: Collection[str]) -> None:
        parts = {one.rpartition(":")[2] for one in spelled}
        parts |= {one.partition(":")[2] for one in spelled}
        symbols = [symbol for symbol in parts if "\0" not in symbol]
        self._by_name: dict[str, list[Instrument]] = defaultdict(list)
        for one in Instrument.objects.select_related("exchange").filter(
            symbol__in=symbols
        ):
            self._by_name[f"{one.exchange_id}:{one.symbol}"].append(one)
            if one.is_active:
                self._by_name[one.symbol].append(one)

    def first_of(self, spelled: list[str]) -> Instrument | None:
        """Return whose name the first spelling is that is any, if it is but one's."""
        for spelling in spelled:
            called = self._by_name.get(spelling, [])
            if called:
                return called[0] if len(called) == 1 else None
        return None


def _may_be_a_name(name: str) -> bool:
    return bool(name.strip()) and len(name) <= _LONGEST
