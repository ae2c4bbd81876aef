"""The dated rows behind a list: who had which number, and which terms, since when.

A row ends the day before its successor begins. A row that began on the very day, or
later, was a mistake of that day's earlier list and is taken back.
"""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta

from django.db.models import F, QuerySet
from django.db.models.functions import Greatest

from marketdata.imports.instruments.listed import USUAL_TICK, Key, Listed
from marketdata.models import BrokerToken, ContractTerms, Instrument

BATCH = 5_000
DatedRows = QuerySet[BrokerToken] | QuerySet[ContractTerms]


def follow(listed: Iterable[Listed], ids: Mapping[Key, int], day: date) -> None:
    """Open the rows that the list asks for, after ending those it contradicts."""
    rows = {ids[row.key]: row for row in listed}
    _follow_tokens(rows, day)
    _follow_terms(rows, day)


def end(
    expired: Iterable[Instrument], delisted: Iterable[Instrument], day: date
) -> None:
    """End the rows of what lives no more: on its last day, else the day before."""
    by_last_day: dict[date, list[int]] = {}
    for one in expired:
        assert one.expires_on is not None
        by_last_day.setdefault(one.expires_on, []).append(one.id)
    for one in delisted:
        by_last_day.setdefault(day - timedelta(days=1), []).append(one.id)
    for last_day, ids in by_last_day.items():
        for model in (BrokerToken, ContractTerms):
            model.objects.current().filter(instrument__in=ids).update(
                valid_to=Greatest(F("valid_from"), last_day)
            )


def close(rows: DatedRows, day: date) -> None:
    """End open rows on the day before ``day``."""
    rows.filter(valid_from__gte=day).delete()
    rows.update(valid_to=day - timedelta(days=1))


def _follow_tokens(rows: Mapping[int, Listed], day: date) -> None:
    exchanges = {row.exchange for row in rows.values()}
    current = {
        token.instrument_id: token
        for token in BrokerToken.objects.current().filter(exchange__in=exchanges)
    }
    moved = {
        id_: row
        for id_, row in rows.items()
        if id_ not in current or current[id_].token != row.broker_token
    }
    wanted = {row.token_key for row in moved.values()}
    ended = [
        token.id
        for id_, token in current.items()
        if id_ in moved or (token.exchange_id, token.token) in wanted
    ]
    close(BrokerToken.objects.filter(id__in=ended), day)
    BrokerToken.objects.bulk_create(
        [
            BrokerToken(
                exchange_id=row.exchange,
                token=row.broker_token,
                instrument_id=id_,
                valid_from=day,
            )
            for id_, row in moved.items()
        ],
        batch_size=BATCH,
    )


def _follow_terms(rows: Mapping[int, Listed], day: date) -> None:
    exchanges = {row.exchange for row in rows.values()}
    current = {
        terms.instrument_id: terms
        for terms in ContractTerms.objects.current().filter(
            instrument__exchange__in=exchanges
        )
    }
    changed = [
        terms
        for id_, row in rows.items()
        if not _is_same(terms := _terms(id_, row, current.get(id_), day), current)
    ]
    ended = [
        current[terms.instrument_id].id
        for terms in changed
        if terms.instrument_id in current
    ]
    close(ContractTerms.objects.filter(id__in=ended), day)
    ContractTerms.objects.bulk_create(changed, batch_size=BATCH)


def _terms(
    id_: int, row: Listed, old: ContractTerms | None, day: date
) -> ContractTerms:
    usual = old.tick_size if old else USUAL_TICK
    return ContractTerms(
        instrument_id=id_,
        valid_from=day,
        lot_size=row.lot_size,
        tick_size=row.tick_size or usual,
    )


def _is_same(terms: ContractTerms, current: Mapping[int, ContractTerms]) -> bool:
    old = current.get(terms.instrument_id)
    return old is not None and (old.lot_size, old.tick_size) == (
        terms.lot_size,
        terms.tick_size,
    )
