"""Instruments over REST: what is listed, what one was on a day, strikes, counts."""

from typing import Any

from rest_framework import serializers

from marketdata.models import BrokerToken, ContractTerms, Instrument

CLASSES = [
    "index", "stock", "future", "option", "commodity", "commodity_option",
]  # fmt: skip
TYPES = ["EQ", "FUT", "CE", "PE"]
LAST_OFFSET = 1_000_000


class ListQuery(serializers.Serializer[Any]):
    """Which instruments, and which part of them."""

    classification = serializers.ChoiceField(choices=CLASSES, required=False)
    segment = serializers.CharField(max_length=32, required=False)
    segments = serializers.CharField(
        max_length=256, required=False, help_text="Several, separated by commas."
    )
    exchange = serializers.CharField(max_length=16, required=False)
    instrument_type = serializers.ChoiceField(choices=TYPES, required=False)
    search = serializers.CharField(
        max_length=64, required=False, help_text="Words that symbol or name hold."
    )
    only_active = serializers.BooleanField(default=True)
    limit = serializers.IntegerField(min_value=1, max_value=1000, default=100)
    offset = serializers.IntegerField(min_value=0, max_value=LAST_OFFSET, default=0)


class SearchQuery(serializers.Serializer[Any]):
    """What a person typed."""

    q = serializers.CharField(max_length=64, help_text="Typing errors are forgiven.")
    classification = serializers.ChoiceField(choices=CLASSES, required=False)
    exchange = serializers.CharField(max_length=16, required=False)
    limit = serializers.IntegerField(min_value=1, max_value=100, default=20)


class EnabledQuery(serializers.Serializer[Any]):
    """Which underlyings with listed contracts."""

    nse_only = serializers.BooleanField(default=False)
    search = serializers.CharField(max_length=64, required=False)
    limit = serializers.IntegerField(min_value=1, max_value=2000, default=500)


class DetailQuery(serializers.Serializer[Any]):
    """Whose number, when two exchanges have it, and on which day."""

    exchange = serializers.CharField(max_length=16, required=False)
    on = serializers.DateField(
        required=False, help_text="The day that is asked about; today without it."
    )


class StrikesQuery(serializers.Serializer[Any]):
    """Of which underlying, for which expiry, listed when."""

    underlying = serializers.CharField(max_length=96)
    expiry = serializers.DateField()
    on = serializers.DateField(required=False, help_text="Now without it.")


class InstrumentSerializer(serializers.ModelSerializer[Instrument]):
    """One line of a list."""

    canonical_symbol = serializers.CharField(source="__str__")
    instrument_token = serializers.IntegerField(source="broker_token", allow_null=True)
    tradingsymbol = serializers.CharField(source="symbol")
    instrument_type = serializers.SerializerMethodField()
    classification = serializers.SerializerMethodField()
    exchange = serializers.CharField(source="exchange_id")
    expiry = serializers.DateField(source="expires_on", allow_null=True)
    strike = serializers.FloatField(allow_null=True)

    class Meta:
        model = Instrument
        fields = [
            "id",
            "canonical_symbol",
            "instrument_token",
            "tradingsymbol",
            "name",
            "segment",
            "instrument_type",
            "classification",
            "exchange",
            "expiry",
            "strike",
            "lot_size",
        ]

    def get_instrument_type(self, one: Instrument) -> str:
        return instrument_type(one)

    def get_classification(self, one: Instrument) -> str:
        return one.classification


class ContractTermsSerializer(serializers.ModelSerializer[ContractTerms]):
    """Lot and tick size within their dates."""

    tick_size = serializers.FloatField()

    class Meta:
        model = ContractTerms
        fields = ["valid_from", "valid_to", "lot_size", "tick_size"]


class BrokerTokenSerializer(serializers.ModelSerializer[BrokerToken]):
    """A number within the dates the instrument had it."""

    class Meta:
        model = BrokerToken
        fields = ["token", "valid_from", "valid_to"]


class InstrumentDetailSerializer(InstrumentSerializer):
    """One instrument with what was true of it on a day, and its history."""

    tick_size = serializers.FloatField(source="current.tick_size")
    lot_size = serializers.IntegerField(source="current.lot_size")
    freeze_quantity = serializers.IntegerField(
        source="current.freeze_quantity",
        allow_null=True,
        help_text="The largest quantity of one order; null where no list tells it.",
    )
    underlying = serializers.CharField(allow_null=True)
    as_of = serializers.DateField(source="current.day")
    last_refreshed_at = serializers.DateTimeField(source="updated_at")
    aliases = serializers.ListField(child=serializers.CharField())
    terms = ContractTermsSerializer(many=True)
    tokens = BrokerTokenSerializer(many=True, source="broker_tokens")

    class Meta(InstrumentSerializer.Meta):
        fields = [
            *InstrumentSerializer.Meta.fields,
            "tick_size",
            "freeze_quantity",
            "underlying",
            "is_active",
            "has_derivatives",
            "as_of",
            "last_refreshed_at",
            "aliases",
            "terms",
            "tokens",
        ]


class InstrumentListSerializer(serializers.Serializer[Any]):
    """A part of the instruments that fit, and how many fit."""

    status = serializers.CharField(default="success")
    total = serializers.IntegerField()
    instruments = InstrumentSerializer(many=True)
    filters = serializers.DictField()


class FoEnabledSerializer(serializers.Serializer[Any]):
    """The underlyings on which contracts are listed."""

    status = serializers.CharField(default="success")
    total = serializers.IntegerField()
    instruments = InstrumentSerializer(many=True)


class InstrumentStatsSerializer(serializers.Serializer[Any]):
    """How many instruments there are, and of which sort the active ones are."""

    status = serializers.CharField(default="success")
    total_instruments = serializers.IntegerField()
    active_instruments = serializers.IntegerField()
    by_classification = serializers.DictField(child=serializers.IntegerField())
    by_segment = serializers.DictField(child=serializers.IntegerField())
    by_exchange = serializers.DictField(child=serializers.IntegerField())


class ListedStrikesSerializer(serializers.Serializer[Any]):
    """The strikes as they were listed, lowest first."""

    status = serializers.CharField(default="success")
    underlying = serializers.CharField()
    expiry = serializers.DateField()
    on = serializers.DateField(allow_null=True)
    strikes = serializers.ListField(child=serializers.FloatField())


def instrument_type(one: Instrument) -> str:
    """Return Kite's word for it: EQ for stocks and indices, FUT, CE or PE."""
    if one.option_type:
        return one.option_type
    return "FUT" if one.kind == Instrument.Kind.FUTURE else "EQ"
