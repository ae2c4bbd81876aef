"""The rows of a list that can be read in two ways, told from those that cannot.

A broker's number that moved is no doubt when its old holder has expired, or stands in
the same list under another number. It is one when the old holder should still live:
then the row is a new name of the old instrument, or a new instrument, and a list
alone cannot tell which.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from marketdata.imports.instruments.listed import Key, Listed
from marketdata.models import Instrument, QuarantinedListing

Reason = QuarantinedListing.Reason
# An exchange that changes its expiry day moves the contracts that are listed already.
EXPIRY_MOVES = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Doubt:
    """A row with no one meaning, why, and whom it may concern."""

    listed: Listed
    reason: str
    detail: str
    holder: Instrument | None = None


@dataclass(frozen=True)
class Known:
    """What the database knows, as far as a list may touch it."""

    instruments: Mapping[Key, Instrument]
    # Who has a number now, by exchange and number.
    holders: Mapping[tuple[str, int], Instrument]


def sorted_out(
    listed: Iterable[Listed], known: Known, day: date
) -> tuple[list[Listed], list[Doubt]]:
    """Return the rows with one meaning, and the doubts about the others."""
    rows, doubts = _once(dict.fromkeys(listed))
    rows, found = _one_symbol_a_number(rows)
    doubts += found
    by_key = {row.key: row for row in rows}
    clear = []
    for row in rows:
        doubt = _changed_contract(row, known, day) or _taken_number(
            row, known, by_key, day
        )
        if doubt:
            doubts.append(doubt)
        else:
            clear.append(row)
    return clear, doubts


def _once(rows: Iterable[Listed]) -> tuple[list[Listed], list[Doubt]]:
    same = defaultdict(list)
    for row in rows:
        same[row.key].append(row)
    clear = [group[0] for group in same.values() if len(group) == 1]
    doubts = [
        Doubt(row, Reason.LISTED_TWICE, f"{len(group)} rows, number {row.broker_token}")
        for group in same.values()
        if len(group) > 1
        for row in group
    ]
    return clear, doubts


def _one_symbol_a_number(rows: list[Listed]) -> tuple[list[Listed], list[Doubt]]:
    same = defaultdict(list)
    for row in rows:
        same[row.token_key].append(row)
    clear = [group[0] for group in same.values() if len(group) == 1]
    doubts = [
        Doubt(row, Reason.TOKEN_TWICE, _others(row, group))
        for group in same.values()
        if len(group) > 1
        for row in group
    ]
    return clear, doubts


def _others(row: Listed, group: list[Listed]) -> str:
    others = ", ".join(other.symbol for other in group if other is not row)
    return f"number {row.broker_token} is also that of {others}"[:200]


def _changed_contract(row: Listed, known: Known, day: date) -> Doubt | None:
    old = known.instruments.get(row.key)
    if old is None or (row.is_same_contract(old) and _same_expiry(row, old, day)):
        return None
    was = f"{old.kind} {old.strike or ''} {old.option_type} {old.expires_on or ''}"
    return Doubt(row, Reason.CONTRACT_CHANGED, f"was {' '.join(was.split())}", old)


def _same_expiry(row: Listed, old: Instrument, day: date) -> bool:
    if row.expires_on == old.expires_on:
        return True
    if row.expires_on is None or old.expires_on is None or old.expires_on < day:
        return False
    return abs(row.expires_on - old.expires_on) <= EXPIRY_MOVES


def _taken_number(
    row: Listed, known: Known, by_key: Mapping[Key, Listed], day: date
) -> Doubt | None:
    holder = known.holders.get(row.token_key)
    if holder is None or (holder.exchange_id, holder.symbol) == row.key:
        return None
    if not holder.is_active or (holder.expires_on and holder.expires_on < day):
        return None
    elsewhere = by_key.get((holder.exchange_id, holder.symbol))
    if elsewhere and elsewhere.broker_token != row.broker_token:
        return None
    detail = f"number {row.broker_token} is that of {holder.symbol}"
    return Doubt(row, Reason.TOKEN_TAKEN, detail, holder)
