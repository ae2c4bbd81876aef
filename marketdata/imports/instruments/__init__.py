"""Lists of instruments: read whole, compared with what is known, loaded or refused.

``parse`` reads Kite's CSV or the exchange's own list of contracts; ``load`` writes
the difference in one transaction and keeps a report of it. A row that can be read in
two ways goes to quarantine with the reason, and what it might mean stays untouched
until a person decides (``deciding``). Loading the same list again changes nothing.
"""

from marketdata.imports.instruments.listed import Listed
from marketdata.imports.instruments.loading import Loaded, load
from marketdata.imports.instruments.reading import parse, read, stated_day
from marketdata.imports.refusal import ImportRefused

__all__ = ["ImportRefused", "Listed", "Loaded", "load", "parse", "read", "stated_day"]
