import pytest

from marketdata.imports.instruments import ImportRefused, load, parse
from marketdata.models import Instrument

HEADER = (
    "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,"
    "tick_size,lot_size,instrument_type,segment,exchange\n"
)
NIFTY = "256265,1001,NIFTY 50,NIFTY 50,0,,0,0,0,EQ,INDICES,NSE\n"
CALL = (
    "9600002,37500,NIFTY26NOV24000CE,NIFTY,101.5,2026-11-23,24000,0.05,65,CE,"
    "NFO-OPT,NFO\n"
)


def test_a_list_is_loaded_with_its_underlyings(db: None):
    load(parse(HEADER + NIFTY + CALL))

    call = Instrument.objects.find("NFO:NIFTY26NOV24000CE")
    assert call.underlying == Instrument.objects.find("NSE:NIFTY 50")
    assert (call.kind, call.option_type, call.lot_size) == ("option", "CE", 65)


def test_loading_twice_writes_nothing(db: None):
    listed = parse(HEADER + NIFTY + CALL)
    load(listed)

    assert load(listed).written == 0


def test_a_token_that_moved_is_followed(db: None):
    load(parse(HEADER + NIFTY))

    load(parse(HEADER + NIFTY.replace("256265", "300")))

    assert Instrument.objects.get().broker_token == 300


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n", "missing columns"),
        (HEADER + CALL.replace("2026-11-23", "soon"), "Line 2"),
        (HEADER + NIFTY + CALL.replace(",65,", ",many,"), "Line 3"),
        (HEADER + CALL.replace(",CE,", ",XX,"), "Line 2: unknown instrument_type"),
    ],
)
def test_a_bad_list_is_refused_whole(text: str, said: str):
    with pytest.raises(ImportRefused, match=said):
        parse(text)
