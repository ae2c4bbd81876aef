"""The calendar over REST: the day, holidays, sessions, expiries, and their keeping."""

import datetime
from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from marketdata.models import Exchange, Holiday

FIRST_YEAR, LAST_YEAR = 2000, 2099
FIRST_DAY = datetime.date(FIRST_YEAR, 1, 1)
LAST_DAY = datetime.date(LAST_YEAR, 12, 31)
MOST_DAYS = 400


class DayField(serializers.DateField):
    """A day within the years a calendar can be asked about."""

    def to_internal_value(self, value: Any) -> datetime.date:
        day = super().to_internal_value(value)
        if not FIRST_DAY <= day <= LAST_DAY:
            raise serializers.ValidationError(
                f"Ask for a day from {FIRST_DAY} through {LAST_DAY}.", "out_of_bounds"
            )
        return day


class CalendarQuery(serializers.Serializer[Any]):
    """Whose calendar, and which segment's hours."""

    calendar = serializers.CharField(
        max_length=16, default="NSE", help_text="Code of an exchange."
    )
    segment = serializers.CharField(
        max_length=32, default="", help_text="Its own hours, where it has some."
    )


class StatusQuery(CalendarQuery):
    """Which day; today without one."""

    check_date = DayField(required=False)


class HolidaysQuery(CalendarQuery):
    """Which year; this one without one."""

    year = serializers.IntegerField(
        min_value=FIRST_YEAR, max_value=LAST_YEAR, required=False
    )


class NextQuery(CalendarQuery):
    """After which day; today without one."""

    from_date = DayField(required=False)


class SessionsQuery(CalendarQuery):
    """From which day through which."""

    from_date = DayField()
    to_date = DayField()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        days = (attrs["to_date"] - attrs["from_date"]).days
        if not 0 <= days < MOST_DAYS:
            raise serializers.ValidationError(
                {"to_date": f"Ask for 1 to {MOST_DAYS} days, oldest first."}
            )
        return attrs


class ExpiriesQuery(serializers.Serializer[Any]):
    """Of which underlying, as seen from which day."""

    underlying = serializers.CharField(
        max_length=32, help_text="What the contracts call it: NIFTY."
    )
    exchange = serializers.CharField(
        max_length=16, required=False, help_text="Where the contracts are listed."
    )
    as_of = DayField(required=False)
    limit = serializers.IntegerField(min_value=1, max_value=200, default=50)


class MarketPhaseSerializer(serializers.Serializer[Any]):
    """A part of the day around the session, in the exchange's time."""

    phase = serializers.CharField()
    step = serializers.CharField()
    opens_at = serializers.TimeField(format="%H:%M")
    closes_at = serializers.TimeField(format="%H:%M")


class MarketDaySerializer(serializers.Serializer[Any]):
    """What a day is; times of day are the exchange's own."""

    calendar_code = serializers.CharField()
    date = serializers.DateField()
    is_trading_day = serializers.BooleanField()
    is_holiday = serializers.BooleanField()
    is_weekend = serializers.BooleanField()
    is_settlement_day = serializers.BooleanField()
    is_covered = serializers.BooleanField(
        help_text="False when nobody has entered the holidays of that year."
    )
    current_session = serializers.ChoiceField(choices=["trading", "closed"])
    current_phase = serializers.CharField(
        help_text="trading, closed, pre_open, closing_auction or post_close."
    )
    holiday_name = serializers.CharField(allow_null=True)
    session_start = serializers.TimeField(format="%H:%M", allow_null=True)
    session_end = serializers.TimeField(format="%H:%M", allow_null=True)
    next_trading_day = serializers.DateField(
        allow_null=True, help_text="Only when closed; null when none is within a month."
    )
    is_special_session = serializers.BooleanField()
    is_provisional = serializers.BooleanField(
        help_text="No circular has confirmed the hours yet."
    )
    special_event_name = serializers.CharField(allow_null=True)
    event_type = serializers.ChoiceField(
        choices=["holiday", "special_hours"], allow_null=True
    )
    phases = MarketPhaseSerializer(many=True)


class HolidaySerializer(serializers.ModelSerializer[Holiday]):
    """A day that differs, as it is listed."""

    date = serializers.DateField(source="day")
    category = serializers.SerializerMethodField()
    calendar_code = serializers.CharField(source="exchange_id")
    session_start = serializers.TimeField(
        source="opens_at", format="%H:%M", allow_null=True
    )
    session_end = serializers.TimeField(
        source="closes_at", format="%H:%M", allow_null=True
    )
    is_trading_day = serializers.BooleanField(source="is_open")

    class Meta:
        model = Holiday
        fields = [
            "date",
            "name",
            "category",
            "calendar_code",
            "is_trading_day",
            "is_holiday",
            "session_start",
            "session_end",
            "is_provisional",
            "source",
        ]

    def get_category(self, holiday: Holiday) -> str:
        return "special_session" if holiday.is_open else "holiday"


class NextTradingDaySerializer(serializers.Serializer[Any]):
    """The first day with a session after another."""

    calendar_code = serializers.CharField()
    from_date = serializers.DateField()
    next_trading_day = serializers.DateField(allow_null=True)


class MarketSessionSerializer(serializers.Serializer[Any]):
    """One opening of a market."""

    date = serializers.DateField()
    opens_at = serializers.DateTimeField()
    closes_at = serializers.DateTimeField()


class MarketSessionsSerializer(serializers.Serializer[Any]):
    """The openings in a range of days, oldest first."""

    calendar_code = serializers.CharField()
    segment = serializers.CharField()
    sessions = MarketSessionSerializer(many=True)


class CalendarSerializer(serializers.ModelSerializer[Exchange]):
    """A calendar there is, and the years whose holidays are known."""

    holiday_years = serializers.ListField(child=serializers.IntegerField())

    class Meta:
        model = Exchange
        fields = ["code", "name", "timezone", "holiday_years"]


class CalendarExpirySerializer(serializers.Serializer[Any]):
    """One expiry as seen from a day."""

    expiry = serializers.DateField(source="expiry.expires_on")
    label = serializers.CharField()  # type: ignore[assignment]  # a field of ours
    rank = serializers.IntegerField()
    days_to_expiry = serializers.IntegerField(help_text="Calendar days.")
    is_weekly = serializers.SerializerMethodField()
    is_monthly = serializers.BooleanField(source="expiry.is_monthly")
    is_quarterly = serializers.BooleanField(source="expiry.is_quarterly")
    nominal_date = serializers.DateField(source="expiry.nominal_on")

    def get_is_weekly(self, one: Any) -> bool:
        return not one.expiry.is_monthly


class CalendarExpiriesSerializer(serializers.Serializer[Any]):
    """The expiries that have not ended on a day, nearest first."""

    exchange = serializers.CharField()
    underlying = serializers.CharField()
    as_of = serializers.DateField()
    expiries = CalendarExpirySerializer(many=True)


class HolidayListQuery(serializers.Serializer[Any]):
    """Of which calendar and year; of all without."""

    calendar = serializers.CharField(max_length=16, required=False)
    year = serializers.IntegerField(
        min_value=FIRST_YEAR, max_value=LAST_YEAR, required=False
    )


class HolidayEditSerializer(serializers.ModelSerializer[Holiday]):
    """A day that differs, as staff write it."""

    calendar = serializers.PrimaryKeyRelatedField[Exchange](
        source="exchange", queryset=Exchange.objects.all(), pk_field=None
    )
    date = DayField(source="day")

    class Meta:
        model = Holiday
        fields = [
            "id",
            "calendar",
            "date",
            "name",
            "opens_at",
            "closes_at",
            "is_holiday",
            "is_provisional",
            "source",
        ]
        # Ours names the field.
        validators: list[Any] = []

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        whole = self._as_it_will_be(attrs)
        opens_at, closes_at = whole["opens_at"], whole["closes_at"]
        if (opens_at is None) != (closes_at is None):
            raise serializers.ValidationError(
                {"closes_at": "Give both ends of the session, or none."}
            )
        if opens_at is not None and closes_at <= opens_at:
            raise serializers.ValidationError(
                {"closes_at": "The session must close after it opens."}
            )
        if opens_at is None and not whole["is_holiday"]:
            raise serializers.ValidationError(
                {"is_holiday": "A day without a session is a holiday."}
            )
        if self._others(whole).exists():
            raise serializers.ValidationError(
                {"date": "The calendar has an entry for this day."}, "unique"
            )
        return attrs

    def _as_it_will_be(self, attrs: dict[str, Any]) -> dict[str, Any]:
        usual = {"opens_at": None, "closes_at": None, "is_holiday": True}
        if self.instance is not None:
            names = [*usual, "exchange", "day"]
            usual = {name: getattr(self.instance, name) for name in names}
        return usual | attrs

    def _others(self, whole: dict[str, Any]) -> QuerySet[Holiday]:
        same = Holiday.objects.filter(exchange=whole["exchange"], day=whole["day"])
        return same.exclude(pk=self.instance.pk) if self.instance else same


class ImportedSerializer(serializers.Serializer[Any]):
    """What became of a file."""

    rows = serializers.IntegerField()
    written = serializers.IntegerField()
