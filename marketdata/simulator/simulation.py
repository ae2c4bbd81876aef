"""Everything one run holds; the doors read it, the publisher moves it."""

import time
from dataclasses import dataclass, field
from typing import Self

from marketdata.simulator.faults import Faults
from marketdata.simulator.http.order_socket import OrderFeed
from marketdata.simulator.market import Market
from marketdata.simulator.options import Options
from marketdata.simulator.orders.broker import Broker
from marketdata.simulator.orders.tasks import TaskBook
from marketdata.simulator.orders.trader import Trader
from marketdata.simulator.prices import Prices
from marketdata.simulator.publisher import Publisher
from marketdata.simulator.subscriptions import Subscriptions
from marketdata.simulator.ticks import Feed


@dataclass(slots=True, kw_only=True)
class Simulation:
    """A running market with the books that its doors are asked about."""

    options: Options
    publisher: Publisher
    prices: Prices
    broker: Broker
    order_feed: OrderFeed = field(default_factory=OrderFeed)
    tasks: TaskBook = field(default_factory=TaskBook)
    subscriptions: Subscriptions = field(default_factory=Subscriptions)
    faults: Faults = field(default_factory=Faults)
    started_at: float = field(default_factory=time.time)

    @classmethod
    def made(
        cls, options: Options, market: Market, feed: Feed, publisher: Publisher
    ) -> Self:
        """Return a simulation whose books watch every tick."""
        prices = Prices(
            exchange=options.exchange,
            is_replay=bool(options.replay),
            market=market,
            feed=feed,
            progress=publisher.progress,
        )
        broker = Broker(prices)
        made = cls(options=options, publisher=publisher, prices=prices, broker=broker)
        broker.listen(made.order_feed.tell)
        publisher.listen(prices.candles.add)
        publisher.listen(broker.on_tick)
        if options.trader and not options.replay:
            publisher.listen(Trader(broker, prices, options.trader).on_tick)
        return made
