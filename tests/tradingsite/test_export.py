"""Exports: what a spreadsheet would run is quoted; numbers stay numbers."""

import csv
import io
from decimal import Decimal

import pytest

from tradingsite.export import cell, csv_answer

HOSTILE = [
    "=1+1",
    "+1",
    "-1+cmd|' /C calc'!A0",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "  =HYPERLINK(1)",
    "\uff1d1",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_text_that_begins_like_a_formula_is_quoted(text: str):
    assert cell(text) == f"'{text}"


@pytest.mark.parametrize("value", [-5, -1.5, Decimal("-12.50"), 0])
def test_numbers_stay_numbers(value: object):
    assert cell(value) == value


def test_ordinary_text_is_left_alone():
    assert cell("NSE:NIFTY 50 - near") == "NSE:NIFTY 50 - near"
    assert cell(None) == ""


def test_an_export_is_read_back_as_it_was_but_for_the_quotes():
    answer = csv_answer("rows", ["=name", "qty"], [[text, -3] for text in HOSTILE])
    body = b"".join(answer).decode("utf-8-sig")
    header, *rows = csv.reader(io.StringIO(body, newline=""))
    assert header == ["'=name", "qty"]
    assert [row[0] for row in rows] == [f"'{text}" for text in HOSTILE]
    assert {row[1] for row in rows} == {"-3"}
