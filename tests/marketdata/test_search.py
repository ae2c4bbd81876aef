import pytest

from marketdata import search
from marketdata.udf import names
from tests.marketdata.builders import make_instrument


@pytest.fixture
def market(db: None):
    make_instrument("NIFTY 50", kind="index", name="NIFTY 50", has_derivatives=True)
    bank = make_instrument("NIFTY BANK", kind="index", name="NIFTY BANK")
    make_instrument("RELIANCE", name="RELIANCE INDUSTRIES", has_derivatives=True)
    make_instrument("RELAXO", name="RELAXO FOOTWEARS")
    make_instrument("TATAMOTORS", name="TATA MOTORS")
    make_instrument("INFY", name="INFOSYS")
    make_instrument("OLDCO", name="OLD COMPANY", is_active=False)
    for strike in (51000, 52000):
        for side in ("CE", "PE"):
            make_instrument(
                f"BANKNIFTY26DEC{strike}{side}", "NFO", kind="option", strike=strike,
                option_type=side, expires_on="2026-12-29", underlying=bank,
                name="BANKNIFTY",
            )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("NIFTY", "NSE:NIFTY 50"),
        ("nifty50", "NSE:NIFTY 50"),
        ("^NSEI", "NSE:NIFTY 50"),
        ("BANKNIFTY", "NSE:NIFTY BANK"),
        ("BANKNFITY", "NSE:NIFTY BANK"),
        ("NFITY", "NSE:NIFTY 50"),
        ("nitfy", "NSE:NIFTY 50"),
        ("bank nfity", "NSE:NIFTY BANK"),
        ("RELAINCE", "NSE:RELIANCE"),
        ("relience", "NSE:RELIANCE"),
        ("tata motrs", "NSE:TATAMOTORS"),
        ("infossy", "NSE:INFY"),
        ("BANKNFITY 52000 PE", "NFO:BANKNIFTY26DEC52000PE"),
        ("NFO:BANKNIFTY 51000 CE", "NFO:BANKNIFTY26DEC51000CE"),
    ],
)
def test_what_was_meant_comes_first(market: None, text: str, first: str):
    found = search.find(text, limit=5)

    assert str(found[0]) == first


@pytest.mark.parametrize(
    "text", ["zzqqxx", "OLDCO", "TARIFF", "NAFTA", "\0", "99999", "%", "'; --"]
)
def test_what_nobody_could_mean_finds_nothing(market: None, text: str):
    assert search.find(text, limit=5) == []


def test_without_trigrams_the_words_still_find(
    market: None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(search, "_has_trigrams", lambda: False)

    assert search.find("RELAINCE", limit=5) == []
    assert str(search.find("reliance ind", limit=5)[0]) == "NSE:RELIANCE"


@pytest.mark.parametrize("name", ["NIFTY", "NSE:NIFTY", "NIFTY-50", "^NSEI", "nifty50"])
def test_an_alias_names_the_index_under_the_exchanges_own_name(market: None, name: str):
    assert str(names.find(name)) == "NSE:NIFTY 50"
