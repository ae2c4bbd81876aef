"""Rollups are killed at random beside a writer: every bar is right in the end."""

import contextlib
import datetime
import os
import random
import sys
import time
from pathlib import Path

import pytest

from marketdata.models import DirtyBucket, Instrument, IntradayBar
from marketdata.rollups import roll_up
from marketdata.rollups.verifying import Span, verify_all
from tests.marketdata.builders import (
    ist,
    make_bar,
    make_exchange,
    make_hours,
    make_instrument,
    save_bars,
)
from tests.marketdata.ingesting import wait_for
from tests.marketdata.test_ingest_survives_kill import Nursery

INSTRUMENTS = 6


@pytest.fixture
def stocks(transactional_db: None):
    make_hours(make_exchange("NSE"))
    return [make_instrument(f"ACME{number}") for number in range(INSTRUMENTS)]


def write_some(stocks: list[Instrument], chance: random.Random) -> None:
    """Change minutes here and there in a day, as a late feed would."""
    opened = ist("2026-11-23 09:15")
    for stock in chance.sample(stocks, 3):
        minutes = chance.sample(range(375), 60)
        save_bars(
            [
                make_bar(
                    stock,
                    opened + datetime.timedelta(minutes=minute),
                    round(chance.uniform(90, 110), 2),
                    volume=chance.randrange(99),
                )
                for minute in minutes
            ]
        )


def kill_often(kills: int, stocks: list[Instrument], log: Path) -> None:
    """Keep two rollups running beside a writer; kill one of them, ``kills`` times."""
    seed = random.SystemRandom().randrange(10**6)
    sys.stdout.write(f"seed {seed}\n")
    chance = random.Random(seed)
    with contextlib.closing(Nursery("roll_up_bars", log)) as nursery:
        pids = [nursery.start(), nursery.start()]
        write_some(stocks, chance)
        wait_for("the first bars", IntradayBar.objects.exists)
        for _ in range(kills):
            write_some(stocks, chance)
            time.sleep(chance.uniform(0.0, 0.15))
            victim = pids.pop(0)
            os.kill(victim, 0)
            nursery.kill(victim)
            pids.append(nursery.start())


def differences(stocks: list[Instrument]):
    found = verify_all(stocks, Span())
    return [str(one) for compared in found for one in compared.differences]


@pytest.mark.chaos
@pytest.mark.timeout(120)
def test_thirty_kills_leave_no_bar_wrong(stocks: list[Instrument], tmp_path: Path):
    kill_often(30, stocks, tmp_path / "log")

    roll_up()

    assert DirtyBucket.objects.count() == 0
    assert differences(stocks)[:5] == []


@pytest.mark.chaos
@pytest.mark.timeout(120)
def test_control_marks_taken_before_the_bars_are_made_are_caught(
    stocks: list[Instrument], tmp_path: Path
):
    write_some(stocks, random.Random(7))
    with contextlib.closing(Nursery("careless_rollup", tmp_path / "log")) as nursery:
        while DirtyBucket.objects.exists():
            pid = nursery.start()
            wait_for("its death", lambda pid=pid: nursery.has_died(pid))

    roll_up()

    assert differences(stocks) != []
