"""What an account is worth in the browser: to the last digit as the server has it."""

import random
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts import portfolio, valuing
from accounts.models import Position
from marketdata.models import Instrument
from tests.e2e.browser import PATIENCE_MS, without_sockets
from tests.e2e.live_accounts import (
    BODY,
    BROKERS_OWN,
    CALL,
    FUTURE,
    SHARE,
    Book,
    asked_by,
    field,
    figure,
    row,
    streamed,
    written,
)
from tradingsite.templatetags.figures import price, signed

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(180),
    # One browser and one site serve all pages, so one worker opens all pages.
    pytest.mark.xdist_group("pages"),
]


# --- prices -------------------------------------------------------------------------


def test_a_price_moves_the_results_to_what_the_server_says(
    page: Page, site: str, book: Book
):
    streamed(page, site)
    asked = asked_by(page)

    book.trade(CALL, 120.15)
    book.trade(FUTURE, 101.85)
    book.trade(SHARE, 2501.7)

    expect(field(row(page, CALL), "price")).to_have_text("120.15")
    expect(field(row(page, FUTURE), "price")).to_have_text("101.85")
    for symbol in (CALL, FUTURE, BROKERS_OWN):
        shown = field(row(page, symbol), "pnl")
        expect(shown).to_have_text(book.result_of(symbol))
    worth = book.worth
    expect(figure(page, "pnl")).to_have_text(signed(worth.pnl))
    expect(figure(page, "day_pnl")).to_have_text(signed(worth.day_pnl))
    expect(figure(page, "net_worth")).to_have_text(price(worth.net_worth))
    total = page.locator("[data-positions] [data-totals]")
    all_of_them = portfolio.summed(worth.positions, "pnl")
    expect(field(total, "pnl")).to_have_text(written(all_of_them))
    assert asked == []


def test_the_socket_writes_the_page_as_the_server_does(
    page: Page, site: str, book: Book
):
    book.trade(FUTURE, 99.95)
    streamed(page, site, "?flat=on")
    book.hold("BANK26FUT", 15, last_price=None)
    book.hold(BROKERS_OWN, 0, last_price=None, value=Decimal("-0.0051"))
    book.report()
    book.trade(CALL, 1220.05)
    book.trade(FUTURE, 123456.7)
    book.trade(SHARE, 2501.333333)
    expect(page.locator("[data-missing]")).to_be_visible()
    expect(field(row(page, FUTURE), "price")).to_have_text("1,23,456.70")
    expect(page.locator("[data-holding]")).to_contain_text("2,501.33")
    # The part that is asked for brings what the socket does not tell.
    changes = page.get_by_role("region", name="What changed last")
    expect(changes).to_contain_text("BANK26FUT", timeout=PATIENCE_MS)
    page.wait_for_selector(f"{BODY}[data-streamed]", timeout=PATIENCE_MS)
    page.evaluate(AGELESS)
    told = page.locator(BODY).inner_text()

    without_sockets(page)
    page.goto(f"{site}/accounts/north-1/?flat=on")
    page.evaluate(AGELESS)
    # The first is written by the socket, the second by the server.
    assert page.locator(BODY).inner_text() == told


# Ages go on while one looks.
AGELESS = (
    "document.querySelectorAll('[data-field=price_age]').forEach(note =>"
    " { note.textContent = note.textContent.replace(/, .*/, ''); })"
)


def reckoned(page: Page, cases: list[dict[str, Any]]) -> list[list[list[str]]]:
    """Return what the browser makes of positions, exactly and by floats."""
    made: list[list[list[str]]] = page.evaluate(
        """async (cases) => {
        const { priceOf, valuePosition } = await import('/static/accounts/worth.js');
        const decimals = await import('/static/accounts/decimals.js');
        const floats = await import('/static/marketdata/figures.js');
        return cases.map(({ position, price }) => {
            const found = valuePosition(position, priceOf(price), true);
            const all = [found.value, found.pnl, found.dayPnl, found.worth];
            const value = position.quantity * price;
            const [pnl, dayPnl] = [position.value, position.day_value].map(
                (text) => value + Number(text));
            return [
                all.flatMap((steps) => [
                    decimals.price(steps, 4, 4), decimals.signed(steps, 4)]),
                [value, pnl, dayPnl].flatMap((number) => [
                    floats.price(number, 4), floats.signed(number)]),
            ];
        }); }""",
        cases,
    )
    return made


def some_position(chance: random.Random) -> tuple[Position, float]:
    """Return a position, and a price of the market that often ends on a half."""

    def some(digits: int, places: int) -> Decimal:
        return Decimal(chance.randint(-(10**digits), 10**digits)).scaleb(-places)

    row = Position(
        symbol="XCE",
        quantity=chance.choice([0, 1, -1, 3, -75, chance.randint(-(10**7), 10**7)]),
        overnight_quantity=chance.choice([0, 25, chance.randint(-(10**6), 10**6)]),
        value=some(chance.randint(1, 14), 4),
        day_value=some(chance.randint(1, 14), 4),
        close_price=abs(some(10, 6)),
    )
    steps = chance.randint(1, 10 ** chance.randint(1, 11))
    places = chance.choice([2, 4, 5, 6, 7])
    return row, steps / 10**places


def reckoned_here(row: Position, at_price: float) -> list[str]:
    """Return what the server makes of a position at a price of the market."""
    found = valuing.Price(valuing.exact(at_price), timezone.now(), "market")
    marked = valuing.MarkedPosition(row, found)
    all_of_it: tuple[Any, ...] = (
        marked.market_value,
        marked.pnl,
        marked.day_pnl,
        marked.worth,
    )
    return [text for one in all_of_it for text in (price(one, 4), signed(one))]


def test_the_browser_reckons_as_the_server_does_to_the_last_digit(
    page: Page, site: str, nifty: Instrument
):
    page.goto(f"{site}/accounts/")
    chance = random.Random(20_260_105)
    rows = [some_position(chance) for _ in range(2_000)]
    cases = [
        {
            "position": {
                "quantity": row.quantity,
                "overnight_quantity": row.overnight_quantity,
                **{
                    name: str(getattr(row, name))
                    for name in ("value", "day_value", "close_price")
                },
            },
            "price": at_price,
        }
        for row, at_price in rows
    ]

    made = reckoned(page, cases)

    expected = [reckoned_here(*row) for row in rows]
    assert [exact for exact, _ in made] == expected
    # The control: floats are wrong here and there, so these positions can tell.
    assert [floats for _, floats in made] != [texts[:6] for texts in expected]
