"""``/api/v1/calendar/``: is the market open, when does it close, what expires when."""

import datetime
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from marketdata import days
from marketdata.aliases import canonical
from marketdata.calendars import calendar_of, exchanges_of, labeled_expiries
from marketdata.models import Exchange, Holiday
from marketdata.permissions import MayReadMarket
from marketdata.serializers.calendar import (
    CalendarExpiriesSerializer,
    CalendarSerializer,
    ExpiriesQuery,
    HolidaySerializer,
    HolidaysQuery,
    MarketDaySerializer,
    MarketSessionsSerializer,
    NextQuery,
    NextTradingDaySerializer,
    SessionsQuery,
    StatusQuery,
)
from marketdata.sessions import Calendar
from tradingsite.api import asked


class StatusView(APIView):
    """What a day is, and what is going on if it is today."""

    permission_classes = [MayReadMarket]

    @extend_schema(parameters=[StatusQuery], responses=MarketDaySerializer)
    def get(self, request: Request) -> Response:
        question = asked(StatusQuery, request)
        code, calendar = _calendar(question)
        now = timezone.now()
        day = days.day_on(
            code,
            calendar,
            question.get("check_date") or calendar.day_of(now),
            question["segment"],
        )
        return Response(
            MarketDaySerializer(_status(day, now, question["segment"])).data
        )


class HolidaysView(APIView):
    """The closed days and special sessions of a year, oldest first."""

    permission_classes = [MayReadMarket]

    @extend_schema(parameters=[HolidaysQuery], responses=HolidaySerializer(many=True))
    def get(self, request: Request) -> Response:
        question = asked(HolidaysQuery, request)
        code, calendar = _calendar(question)
        year = question.get("year") or calendar.day_of(timezone.now()).year
        found = Holiday.objects.filter(exchange_id=code).between(
            datetime.date(year, 1, 1), datetime.date(year, 12, 31)
        )
        return Response(HolidaySerializer(found, many=True).data)


class NextTradingDayView(APIView):
    """The first day with a session after a day."""

    permission_classes = [MayReadMarket]

    @extend_schema(parameters=[NextQuery], responses=NextTradingDaySerializer)
    def get(self, request: Request) -> Response:
        question = asked(NextQuery, request)
        code, calendar = _calendar(question)
        day = question.get("from_date") or calendar.day_of(timezone.now())
        answer = {
            "calendar_code": code,
            "from_date": day,
            "next_trading_day": calendar.next_trading_day(day, question["segment"]),
        }
        return Response(NextTradingDaySerializer(answer).data)


class SessionsView(APIView):
    """Every opening of a market in a range of days."""

    permission_classes = [MayReadMarket]

    @extend_schema(parameters=[SessionsQuery], responses=MarketSessionsSerializer)
    def get(self, request: Request) -> Response:
        question = asked(SessionsQuery, request)
        code, calendar = _calendar(question)
        found = days.sessions_between(
            calendar, question["from_date"], question["to_date"], question["segment"]
        )
        sessions = [
            {"date": day, "opens_at": one.opens_at, "closes_at": one.closes_at}
            for day, one in found
        ]
        answer = {
            "calendar_code": code,
            "segment": question["segment"],
            "sessions": sessions,
        }
        return Response(MarketSessionsSerializer(answer).data)


class CalendarsView(APIView):
    """The calendars there are."""

    permission_classes = [MayReadMarket]

    @extend_schema(responses=CalendarSerializer(many=True))
    def get(self, request: Request) -> Response:
        years = days.covered_years()
        found = list(Exchange.objects.all())
        for exchange in found:
            exchange.holiday_years = years[exchange.code]  # type: ignore[attr-defined]  # for the answer alone
        return Response(CalendarSerializer(found, many=True).data)


class ExpiriesView(APIView):
    """The expiries of an underlying as seen from a day, with labels and ranks."""

    permission_classes = [MayReadMarket]

    @extend_schema(parameters=[ExpiriesQuery], responses=CalendarExpiriesSerializer)
    def get(self, request: Request) -> Response:
        question = asked(ExpiriesQuery, request)
        underlying = canonical(question["underlying"])
        exchange = question.get("exchange") or _exchange_of(underlying)
        _, calendar = _calendar({"calendar": exchange}, field="exchange")
        as_of = question.get("as_of") or calendar.day_of(timezone.now())
        found = labeled_expiries(exchange, underlying, as_of)
        answer = {
            "exchange": exchange,
            "underlying": underlying,
            "as_of": as_of,
            "expiries": found[: question["limit"]],
        }
        return Response(CalendarExpiriesSerializer(answer).data)


def _calendar(
    question: dict[str, Any], *, field: str = "calendar"
) -> tuple[str, Calendar]:
    code = days.code_of(question["calendar"])
    try:
        return code, calendar_of(code)
    except Exchange.DoesNotExist:
        raise ValidationError(
            {field: f"There is no calendar {code}."}, "unknown_calendar"
        ) from None


def _exchange_of(underlying: str) -> str:
    found = exchanges_of(underlying)
    if len(found) == 1:
        return found[0]
    if not found:
        raise ValidationError(
            {"underlying": f"No expiry of {underlying} is known."}, "unknown_underlying"
        )
    raise ValidationError(
        {"exchange": f"Name one of {', '.join(found)}."}, "ambiguous_underlying"
    )


def _status(day: days.Day, now: datetime.datetime, segment: str) -> dict[str, Any]:
    phase = day.phase_at(now)
    is_over = day.session is None or day.session.closes_at <= now
    session, holiday = day.session, day.holiday
    return {
        "calendar_code": day.code,
        "date": day.date,
        "is_trading_day": day.is_trading_day,
        "is_holiday": day.is_holiday,
        "is_weekend": day.is_weekend,
        "is_settlement_day": day.is_settlement_day,
        "is_covered": day.is_covered,
        "current_session": "trading" if phase == days.TRADING else "closed",
        "current_phase": phase,
        "holiday_name": holiday.name if holiday and day.is_holiday else None,
        "session_start": session and session.opens_at.timetz().replace(tzinfo=None),
        "session_end": session and session.closes_at.timetz().replace(tzinfo=None),
        "next_trading_day": (
            day.calendar.next_trading_day(day.date, segment) if is_over else None
        ),
        "is_special_session": day.is_special,
        "is_provisional": bool(holiday and holiday.is_provisional),
        "special_event_name": holiday.name if holiday and day.is_special else None,
        "event_type": _event_type(day),
        "phases": day.phases,
    }


def _event_type(day: days.Day) -> str | None:
    if day.is_special:
        return "special_hours"
    return "holiday" if day.is_holiday else None
