"""The monitor over REST: what there is to watch, and how it stands."""

from typing import Any

from rest_framework import serializers

from marketdata.models import Instrument
from marketdata.quotes import Freshness
from marketdata.serializers.fields import RoundedField, SymbolField

MOST_EXPIRIES, MOST_LEVELS, MOST_FOUND = 12, 100, 100


class WatchQuery(serializers.Serializer[Any]):
    """Which underlying, how many expiries, how many strikes on each side."""

    symbol = SymbolField()
    expiry_limit = serializers.IntegerField(
        min_value=1, max_value=MOST_EXPIRIES, default=2
    )
    otm_levels = serializers.IntegerField(
        min_value=1, max_value=MOST_LEVELS, default=10
    )


class SnapshotQuery(WatchQuery):
    """Also by which name each option is listed."""

    key = serializers.ChoiceField(choices=["token", "tradingsymbol"], default="token")


class UnderlyingSerializer(serializers.Serializer[Any]):
    """The underlying and its last price."""

    symbol = serializers.CharField(source="underlying")
    token = serializers.IntegerField(source="underlying.broker_token", allow_null=True)
    name = serializers.CharField(source="underlying.name")
    last_price = serializers.FloatField(source="day.price", allow_null=True)
    last_price_at = serializers.DateTimeField(
        source="day.last_tick_at", allow_null=True
    )
    change = RoundedField(source="day.change")
    change_percent = RoundedField(source="day.change_percent")


class ListedFutureSerializer(serializers.ModelSerializer[Instrument]):
    """A future that can be watched."""

    token = serializers.IntegerField(source="broker_token", allow_null=True)
    tradingsymbol = serializers.CharField(source="symbol")
    expiry = serializers.DateField(source="expires_on")

    class Meta:
        model = Instrument
        fields = ["token", "tradingsymbol", "expiry", "lot_size", "tick_size"]


class ListedOptionSerializer(serializers.Serializer[Any]):
    """One side of a strike that can be watched."""

    token = serializers.IntegerField(allow_null=True)
    tradingsymbol = serializers.CharField()
    lot_size = serializers.IntegerField()


class ListedStrikeSerializer(serializers.Serializer[Any]):
    """A strike with what is listed on it."""

    strike = serializers.FloatField()
    call = ListedOptionSerializer(allow_null=True)
    put = ListedOptionSerializer(allow_null=True)


class ListedExpirySerializer(serializers.Serializer[Any]):
    """The strikes around the money of one expiry."""

    expiry = serializers.DateField()
    relative_label = serializers.CharField(help_text="NWeek+0, NMonth+0 ...")
    atm_strike = serializers.FloatField(allow_null=True)
    strike_gap = serializers.FloatField(
        allow_null=True, help_text="The smallest step among these strikes, as listed."
    )
    strikes = ListedStrikeSerializer(many=True)


class LimitsSerializer(serializers.Serializer[Any]):
    """What was asked for."""

    otm_levels = serializers.IntegerField()
    expiry_limit = serializers.IntegerField()


class MetadataSerializer(serializers.Serializer[Any]):
    """The answer of ``metadata``."""

    status = serializers.CharField(default="ok")
    symbol = serializers.CharField()
    underlying = UnderlyingSerializer()
    futures = ListedFutureSerializer(many=True)
    options = ListedExpirySerializer(many=True)
    meta = LimitsSerializer()


class OptionQuoteSerializer(serializers.Serializer[Any]):
    """One option as it stands; IV as a fraction, theta per day, vega per percent."""

    token = serializers.IntegerField(allow_null=True)
    tradingsymbol = serializers.CharField()
    expiry = serializers.DateField()
    strike = serializers.FloatField()
    type = serializers.ChoiceField(choices=["CE", "PE"])
    state = serializers.ChoiceField(choices=list(Freshness))
    last_update = serializers.DateTimeField(allow_null=True)
    price = serializers.FloatField(allow_null=True)
    bid = serializers.FloatField(allow_null=True)
    ask = serializers.FloatField(allow_null=True)
    volume = serializers.IntegerField(allow_null=True)
    oi = serializers.IntegerField(allow_null=True)
    oi_change = serializers.IntegerField(allow_null=True)
    iv = serializers.FloatField(allow_null=True)
    delta = serializers.FloatField(allow_null=True)
    gamma = serializers.FloatField(allow_null=True)
    theta = serializers.FloatField(allow_null=True)
    vega = serializers.FloatField(allow_null=True)


class SnapshotSerializer(serializers.Serializer[Any]):
    """The answer of ``snapshot``: every option under its token or symbol."""

    status = serializers.CharField(default="ok")
    symbol = serializers.CharField()
    underlying = UnderlyingSerializer()
    options = serializers.DictField(child=OptionQuoteSerializer())


class SearchQuery(serializers.Serializer[Any]):
    """Part of a symbol or name."""

    query = serializers.CharField(max_length=64)
    limit = serializers.IntegerField(min_value=1, max_value=MOST_FOUND, default=20)


class FoundInstrumentSerializer(serializers.ModelSerializer[Instrument]):
    """An instrument that can be watched."""

    symbol = serializers.CharField(source="__str__")
    token = serializers.IntegerField(source="broker_token", allow_null=True)
    tradingsymbol = serializers.CharField(source="symbol")
    exchange = serializers.CharField(source="exchange_id")
    instrument_type = serializers.CharField(source="kind")
    expiry = serializers.DateField(source="expires_on", allow_null=True)
    strike = serializers.FloatField(allow_null=True)

    class Meta:
        model = Instrument
        fields = [
            "symbol",
            "token",
            "tradingsymbol",
            "name",
            "exchange",
            "segment",
            "instrument_type",
            "expiry",
            "strike",
            "option_type",
            "lot_size",
        ]


class SearchSerializer(serializers.Serializer[Any]):
    """The answer of ``search``."""

    status = serializers.CharField(default="ok")
    count = serializers.IntegerField()
    instruments = FoundInstrumentSerializer(many=True)


class StatusSerializer(serializers.Serializer[Any]):
    """The answer of ``status``: how well the ticks arrive, and how much is listed."""

    status = serializers.CharField(default="ok")
    feed = serializers.ChoiceField(choices=["waiting", "live", "silent", "closed"])
    is_running = serializers.BooleanField()
    is_open = serializers.BooleanField()
    last_tick_at = serializers.DateTimeField(allow_null=True)
    tick_age_s = serializers.FloatField(allow_null=True)
    lag_s = serializers.FloatField(allow_null=True)
    open_gaps = serializers.IntegerField()
    quarantined = serializers.IntegerField(help_text="Refused ticks of 24 hours.")
    instruments = serializers.DictField(child=serializers.IntegerField())
