"""What names mean, one by one and all at once."""

import pytest
from pytest_django import DjangoAssertNumQueries

from marketdata.models import Instrument
from marketdata.udf import names
from tests.marketdata.builders import make_exchange, make_instrument

WORDS = [
    "NSE:ACME", "nse:acme", "ACME", "acme-eq", " ACME ", "NSE:BRIGHT", "BRIGHT",
    "BSE:BRIGHT", "OLD", "NSE:OLD", "NIFTY", "^NSEI", "NIFTY50", "NSE:NIFTY 50",
    "NO", "NSE:NO", "", " ", "NSE:", ":", ":ACME", "NSE:ACME:X", "A" * 97, "ACME\0",
    "\0", "NSE\0:ACME", "\u0928\u092e\u0938\u094d\u0924\u0947",
]  # fmt: skip


def alone(word: str) -> Instrument | None:
    try:
        return names.find(word)
    except (Instrument.DoesNotExist, names.AmbiguousSymbolError):
        return None


@pytest.mark.django_db
def test_all_at_once_are_found_as_one_by_one_and_in_one_query(
    django_assert_num_queries: DjangoAssertNumQueries,
):
    for exchange in ("NSE", "BSE"):
        make_exchange(exchange)
        make_instrument("BRIGHT", exchange=exchange)
    make_instrument("ACME")
    make_instrument("NIFTY 50", kind="index")
    make_instrument("OLD", is_active=False)

    with django_assert_num_queries(1):
        found = names.find_all(WORDS)

    assert found == {word: one for word in WORDS if (one := alone(word))}
    assert {"NSE:ACME", "acme-eq", "^NSEI", "NSE:OLD", "BSE:BRIGHT"} <= found.keys()
    assert "BRIGHT" not in found
