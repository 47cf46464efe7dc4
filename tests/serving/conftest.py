"""A request that is answered, to be changed one thing at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tradesieve.market.bars import Bars
from tradesieve.models.artifact.artifact import Artifact

STRATEGY = "breakout(lookback=20)"


@pytest.fixture(scope="session")
def make_request(
    artifact: Artifact, bars_maker: Callable[..., Bars], columns_of: Callable[[Bars], dict[str, list]]
) -> Callable[..., dict[str, Any]]:
    """A function that makes a good request for the decision at a row of the bars."""

    def make(row: int = 500, **changes: Any) -> dict[str, Any]:
        bars = bars_maker("BTC-USD")
        window = bars[row - artifact.requirements("5m").bars + 1 : row + 1]
        return {
            "strategy": STRATEGY,
            "symbol": "BTC-USD",
            "timeframe": "5m",
            "side": 1,
            "decision_time": int(window.close_time[-1]),
            "bars": columns_of(window),
            **changes,
        }

    return make
