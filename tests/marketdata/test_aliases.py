import pytest

from marketdata.aliases import canonical, other_names, spellings


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("NIFTY50", "NIFTY"),
        ("NIFTY 50", "NIFTY"),
        ("NIFTY-50", "NIFTY"),
        ("^NSEI", "NIFTY"),
        ("BANK NIFTY", "BANKNIFTY"),
        ("NIFTY BANK", "BANKNIFTY"),
        ("BANKNIFTY1!", "BANKNIFTY"),
        ("NIFTY FIN SERVICE", "FINNIFTY"),
        ("NIFTYFIN", "FINNIFTY"),
        ("FIN NIFTY", "FINNIFTY"),
        ("NIFTY MIDCAP SELECT", "MIDCPNIFTY"),
        ("MIDCAP NIFTY", "MIDCPNIFTY"),
        ("NIFTY MID SELECT", "MIDCPNIFTY"),
        ("BSE SENSEX", "SENSEX"),
        ("^BSESN", "SENSEX"),
        ("infy.ns", "INFY"),
        ("TATASTEEL.BO", "TATASTEEL"),
        ("CENTRALBK-BE", "CENTRALBK"),
        ("RELIANCE-EQ", "RELIANCE"),
        ("BAJAJ-AUTO", "BAJAJ-AUTO"),
        ("M&M", "M&M"),
    ],
)
def test_other_names_lead_to_the_one_we_mean(said: str, meant: str):
    assert canonical(said) == meant


def test_the_name_as_given_is_tried_first():
    assert spellings("NSE:nifty50") == ["NSE:NIFTY50", "NSE:NIFTY", "NSE:NIFTY 50"]


def test_an_index_tells_its_other_names_and_a_stock_has_none():
    assert "NSEI" in other_names("NIFTY 50")
    assert other_names("INFY") == []
