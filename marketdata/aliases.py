"""What others call the indices and stocks we list, and the one name we mean by it.

``canonical("^NSEI")`` and ``canonical("BANK NIFTY")`` are ``NIFTY`` and
``BANKNIFTY``: the names that contracts carry. Exchanges list some of these indices
under a longer name of their own, which ``spellings`` adds.
"""

import re

# Written without blanks and dashes.
_ALIASES = {
    "NIFTY50": "NIFTY",
    "NSEI": "NIFTY",
    "NIFTY1!": "NIFTY",
    "NIFTYBANK": "BANKNIFTY",
    "NSEBANK": "BANKNIFTY",
    "BANKNIFTY1!": "BANKNIFTY",
    "NIFTYFINSERVICE": "FINNIFTY",
    "NIFTYFIN": "FINNIFTY",
    "NIFTYMIDSELECT": "MIDCPNIFTY",
    "NIFTYMIDCAPSELECT": "MIDCPNIFTY",
    "MIDCAPNIFTY": "MIDCPNIFTY",
    "NIFTYNEXT50": "NIFTYNXT50",
    "BSESENSEX": "SENSEX",
    "BSESN": "SENSEX",
}
_KNOWN = frozenset(_ALIASES.values()) | {"BANKEX"}
# What the exchange itself calls the index.
INDEX_SYMBOLS = {
    "NIFTY": "NIFTY 50",
    "BANKNIFTY": "NIFTY BANK",
    "FINNIFTY": "NIFTY FIN SERVICE",
    "MIDCPNIFTY": "NIFTY MID SELECT",
    "NIFTYNXT50": "NIFTY NEXT 50",
}
_SUFFIX = re.compile(r"(\.(NS|BO|NSE|BSE)|-(EQ|BE))$")
_DECORATION = re.compile(r"[\s-]+")


def canonical(symbol: str) -> str:
    """Return ``symbol`` without what other vendors add to it, aliases resolved."""
    bare = _SUFFIX.sub("", symbol.strip().upper().removeprefix("^"))
    squeezed = _DECORATION.sub("", bare)
    if squeezed in _KNOWN:
        return squeezed
    return _ALIASES.get(squeezed, bare)


def spellings(name: str) -> list[str]:
    """Return the names ``[EXCHANGE:]name`` may be listed under, likeliest first."""
    exchange, colon, symbol = name.strip().upper().rpartition(":")
    meant = canonical(symbol)
    found = [symbol, meant, INDEX_SYMBOLS.get(meant, meant)]
    return [f"{exchange}{colon}{one}" for one in dict.fromkeys(found)]


def underlying_name(symbol: str) -> str:
    """Return what the contracts on ``symbol`` call it: ``NIFTY`` for ``NIFTY 50``."""
    return canonical(symbol)


def other_names(symbol: str) -> list[str]:
    """Return the further names that lead to ``symbol``."""
    meant = canonical(symbol)
    names = {alias for alias, name in _ALIASES.items() if name == meant}
    names |= {meant, INDEX_SYMBOLS.get(meant, meant)}
    return sorted(names - {symbol}) if meant in _KNOWN else []
