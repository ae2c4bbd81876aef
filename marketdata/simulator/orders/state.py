"""The broker's books kept in a file, so that a restart remembers its orders."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from marketdata.simulator.orders.account import Account
from marketdata.simulator.orders.broker import Broker


def save(broker: Broker, path: Path) -> None:
    """Write all accounts, whole or not at all."""
    draft = path.with_name(f".{path.name}.draft")
    accounts = [_plain(account) for account in broker.accounts.values()]
    with draft.open("wb") as file:
        file.write(msgspec.json.encode(accounts))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    broker.is_changed = False


def load(broker: Broker, path: Path) -> None:
    if not path.exists():
        return
    for row in msgspec.json.decode(path.read_bytes()):
        row["positions"] = {
            (
                position["contract"]["exchange"] + ":" + position["contract"]["symbol"],
                position["product"],
            ): position
            for position in row["positions"]
        }
        broker.adopt(msgspec.convert(row, Account))


def _plain(account: Account) -> dict[str, Any]:
    """Return the account as plain values; its positions as a list."""
    plain = asdict(account)
    plain["positions"] = list(plain["positions"].values())
    return plain
