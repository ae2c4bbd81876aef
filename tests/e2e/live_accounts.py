"""An account for the browser: what its broker and the market say, and the way there."""

import datetime
from decimal import Decimal
from typing import Any

from django.utils import timezone
from playwright.sync_api import Locator, Page, WebSocketRoute

from accounts import portfolio
from accounts.models import Membership, Position, TradingAccount, User
from marketdata import quotes
from marketdata.bars import Bar
from marketdata.models import Instrument
from tests.accounts.builders import join, make_account
from tests.accounts.portfolios import balance, holding, position
from tests.accounts.test_portfolio import give
from tests.e2e import browser
from tests.e2e.browser import PATIENCE_MS
from tests.marketdata.builders import make_instrument
from tradingsite import redis as ground
from tradingsite.templatetags.figures import signed

FUTURE, CALL, SHARE, BROKERS_OWN = "NIFTY26FUT", "NIFTY24000CE", "RELIANCE", "OLDPE"
BODY = "#account-body"
PART = "/_accounts/one"


class Book:
    """What Asha's account has, and what its broker and the market say of it next."""

    def __init__(self, nifty: Instrument) -> None:
        ground.client().delete(quotes.keys().prices)
        self.account = make_account("north-1")
        user = User.objects.get(username="asha")
        join(user, self.account.desk, Membership.Role.TRADER)
        ends = {"underlying": nifty, "expires_on": self.day_after(9)}
        of_call = {"kind": "option", "strike": "24000.00", "option_type": "CE"}
        self.instruments = {
            FUTURE: make_instrument(FUTURE, "DEMO", kind="future", **ends),
            CALL: make_instrument(CALL, "DEMO", **of_call, **ends),
            SHARE: make_instrument(SHARE, "DEMO"),
        }
        self.at = timezone.now() - datetime.timedelta(seconds=30)
        self.positions: dict[str, Any] = {}
        self.hold(FUTURE, 1300, last_price=Decimal("101.25"))
        self.hold(CALL, -650, **OVERNIGHT)
        self.hold(BROKERS_OWN, 50, last_price=Decimal("0.05"))
        give(
            self.account,
            at=self.at,
            positions=self.positions.values(),
            holdings=[holding(SHARE, 120, exchange="DEMO", average_price=AVERAGE)],
            balances=[balance(cash="12345678.4567")],
        )

    @staticmethod
    def day_after(days: int) -> datetime.date:
        return timezone.now().date() + datetime.timedelta(days=days)

    def hold(self, symbol: str, quantity: int, **facts: Any) -> None:
        facts = {"exchange": "DEMO"} | facts
        self.positions[symbol] = position(symbol, quantity, **facts)

    def report(self, *, account: TradingAccount | None = None) -> None:
        """Let the one writer take what the broker says now."""
        self.at += datetime.timedelta(milliseconds=10)
        Position.objects.apply(
            account or self.account,
            list(self.positions.values()),
            as_of=self.at,
            is_complete=True,
            source="test",
        )

    def trade(self, symbol: str, at_price: float) -> None:
        """Let a contract trade now, as the ingestor keeps and tells it."""
        now = timezone.now().timestamp()
        minute = int(now) // 60 * 60
        instrument = self.instruments[symbol]
        ohlc = (at_price, at_price, at_price, at_price)
        bar = Bar(instrument.pk, minute, *ohlc, now, now)
        quotes.remember([bar])

    @property
    def worth(self) -> Any:
        return portfolio.live(self.account, timezone.now())

    def result_of(self, symbol: str) -> str:
        rows = [row for row in self.worth.positions if row["symbol"] == symbol]
        return written(portfolio.summed(rows, "pnl"))


def written(result: Any) -> str:
    """Return how the server writes a result."""
    return signed(result)


AVERAGE = Decimal("2456.333333")
OVERNIGHT: dict[str, Any] = {
    "overnight_quantity": -650,
    "value": Decimal("77350.0005"),
    "day_value": Decimal("70000.1"),
    "close_price": Decimal("107.35"),
    "last_price": Decimal("119.4"),
}


def streamed(page: Page, site: str, query: str = "") -> None:
    """Open the page of the account and wait until the socket moves it."""
    page.goto(f"{site}/accounts/north-1/{query}")
    page.wait_for_selector(f"{BODY}[data-streamed]", timeout=PATIENCE_MS)


def asked_by(page: Page) -> list[str]:
    """Return the list to which every time that the page asks again will be added."""
    return browser.asked_by(page, PART)


def row(page: Page, symbol: str) -> Locator:
    return page.locator(f'[data-position^="DEMO:{symbol}:"]')


def field(place: Locator, name: str) -> Locator:
    return place.locator(f'[data-field="{name}"]')


def figure(page: Page, name: str) -> Locator:
    return field(page.locator("[data-account-figures]"), name)


class Line:
    """The way between page and server, which can be cut."""

    def __init__(self, page: Page) -> None:
        self.is_cut = False
        self.opened: list[tuple[WebSocketRoute, WebSocketRoute]] = []
        self.dropped: list[WebSocketRoute] = []
        self.said: list[str] = []
        self.heard: list[str] = []
        page.route_web_socket("**/ws/desk", self.open)

    def open(self, socket: WebSocketRoute) -> None:
        if self.is_cut:
            socket.close(code=1012)
            return
        server = socket.connect_to_server()
        self.opened.append((socket, server))

        def said(message: str | bytes) -> None:
            self.said.append(str(message))
            server.send(message)

        def heard(message: str | bytes) -> None:
            if socket in self.dropped:
                return
            self.heard.append(str(message))
            socket.send(message)

        socket.on_message(said)
        server.on_message(heard)

    def drop(self) -> None:
        """End the socket on both sides; another one may be opened."""
        self.dropped.append(self.opened[-1][0])
        for side in self.opened[-1]:
            side.close(code=1012)

    def cut(self) -> None:
        self.is_cut = True
        self.drop()

    def mend(self) -> None:
        self.said.clear()
        self.heard.clear()
        self.is_cut = False
