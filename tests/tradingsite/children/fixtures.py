"""Fixtures of the tests that start processes on a database of theirs."""

from collections.abc import Iterator

import pytest

from tests.tradingsite.children import effects


@pytest.fixture
def effect_tables(transactional_db: None) -> Iterator[None]:
    """Give the tables in which handlers and jobs leave what they did."""
    effects.execute(effects.CREATE)
    yield
    effects.execute(effects.DROP)
