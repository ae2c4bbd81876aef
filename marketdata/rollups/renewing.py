"""Rolling up anew what was right once: after the calendar of an exchange was corrected.

Bars that count from another open stand elsewhere; those that stood where the old open
was would be found by nobody again, so they go in the transaction that marks the days.
"""

import datetime
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from marketdata.models import Instrument, IntradayBar
from marketdata.rollups import claiming, strikes

MARK = """
INSERT INTO dirty_buckets (instrument_id, opened_at)
SELECT instrument_id, opened_at FROM minute_bars
 WHERE instrument_id = %s AND opened_at >= %s
 ORDER BY 1, 2
ON CONFLICT (instrument_id, opened_at) DO UPDATE SET marked_at = now()
"""


@transaction.atomic
def again(instrument: Instrument, since: datetime.date) -> int:
    """Forget the intraday bars of ``instrument`` since a day; mark their minutes."""
    claiming.hold(instrument)
    midnight = datetime.datetime.combine(
        since, datetime.time(), ZoneInfo(instrument.exchange.timezone)
    )
    with connection.cursor() as cursor:
        cursor.execute(MARK, [instrument.pk, midnight])
        marked = int(cursor.rowcount)
    IntradayBar.objects.filter(instrument=instrument, opened_at__gte=midnight).delete()
    if instrument.kind == Instrument.Kind.OPTION:
        strikes.stored(instrument).filter(opened_at__gte=midnight).delete()
    return marked
