"""``manage.py load_demo_portfolio``: what the demo account holds, for its pages."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from accounts import demo, portfolio, syncing
from accounts.brokers import BrokerError
from accounts.models import TradingAccount


class Command(BaseCommand):
    """Sync the demo account once, so that its pages show something at once."""

    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        account = TradingAccount.objects.get(slug=demo.ACCOUNT)
        try:
            done = syncing.sync(account)
        except (BrokerError, syncing.SyncRunning) as error:
            # The site is as useful without it: the next sync is a minute away.
            self.stderr.write(f"The demo account was not synced: {error}")
            return
        portfolio.take_snapshots([account], timezone.now())
        self.stdout.write(f"{done.positions} positions, {done.holdings} holdings.")
