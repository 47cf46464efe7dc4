"""Bars of a synthetic market and the trades of a rule on them."""

from __future__ import annotations

import pandas as pd
import pytest

from tradesieve.market.bars import Bars
from tradesieve.market.instruments import Instrument
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.strategies.backtest.simulator import simulate
from tradesieve.strategies.rules.volatility_breakout import VolatilityBreakout


@pytest.fixture(scope="session")
def bars() -> Bars:
    """Forty days of 5-minute bars."""
    return SyntheticMarket(n_days=40).generate("BTC-USD")[0]


@pytest.fixture(scope="session")
def trades(bars: Bars) -> pd.DataFrame:
    """The trades of a rule on the bars."""
    return simulate(VolatilityBreakout(), bars, Instrument("BTC-USD"))
