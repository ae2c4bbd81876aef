"""The market of a bench, written through the product's own models.

``python -m bench.market plain|option|history|streams`` replaces the instruments; the
last two also make a user, and report the API key with which they are asked for.
"""

import datetime
import sys
from collections.abc import Iterable

import django
from django.utils import timezone

django.setup()

from accounts.models import ApiKey, User  # noqa: E402 - Django must be set up first
from accounts.principals import Scope  # noqa: E402
from bench import children, ticks  # noqa: E402
from bench.history import data  # noqa: E402
from marketdata.models import Exchange, Instrument, SessionHours  # noqa: E402


def open_exchange() -> Exchange:
    """Return the exchange that never closes, as the demo's rows have it."""
    exchange, _ = Exchange.objects.update_or_create(
        code="DEMO", defaults={"name": "Bench exchange", "timezone": "Asia/Kolkata"}
    )
    midnight = datetime.time(0)
    for weekday in range(7):
        SessionHours.objects.update_or_create(
            exchange=exchange,
            segment="",
            weekday=weekday,
            valid_from=datetime.date(2000, 1, 1),
            defaults={"opens_at": midnight, "closes_at": midnight},
        )
    return exchange


def write_stocks(symbols: Iterable[tuple[str, int]]) -> None:
    exchange = open_exchange()
    Instrument.objects.bulk_create(
        Instrument(
            exchange=exchange,
            symbol=symbol,
            broker_token=token,
            kind=Instrument.Kind.STOCK,
            segment="DEMO",
        )
        for symbol, token in symbols
    )


def write_chain(contracts: Iterable[ticks.Contract]) -> None:
    exchange = open_exchange()
    underlying = Instrument.objects.create(
        exchange=exchange,
        symbol=ticks.UNDERLYING,
        broker_token=ticks.FIRST_TOKEN - 1,
        kind=Instrument.Kind.INDEX,
        segment="INDICES",
    )
    Instrument.objects.bulk_create(
        Instrument(
            exchange=exchange,
            symbol=contract.symbol,
            broker_token=contract.token,
            kind=Instrument.Kind.OPTION,
            segment="DEMO-OPT",
            underlying=underlying,
            expires_on=datetime.date.fromisoformat(contract.expires_on),
            strike=contract.strike,
            option_type=contract.side,
            lot_size=50,
        )
        for contract in contracts
    )


def make_key() -> str:
    """Return the text of a key that may read the market."""
    # Programs of the house: their plan has no limit for the market.
    user = User.objects.create_user("bench", plan=User.Plan.INTERNAL)
    key = ApiKey.objects.issue(
        user_id=user.pk,
        name="bench",
        scopes=[Scope.READ_MARKET],
        now=timezone.now(),
        life=datetime.timedelta(days=1),
    )
    return key.text


def main(shape: str) -> None:
    Instrument.objects.filter(underlying__isnull=False).delete()
    Instrument.objects.all().delete()
    if shape in {"plain", "streams"}:
        write_stocks((one.symbol, one.token) for one in ticks.plain(1).contracts)
    elif shape == "option":
        write_chain(ticks.options(1).contracts)
    else:
        names = data.symbols()
        write_stocks((name, 1 + number) for number, name in enumerate(names))
    if shape in {"history", "streams"}:
        children.tell(api_key=make_key())


if __name__ == "__main__":
    main(*sys.argv[1:])
