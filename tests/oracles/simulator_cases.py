"""Bars and signals on which our simulator and another engine are held against each other, trade for trade."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tradesieve.market.bars import Bars
from tradesieve.market.instruments import Instrument
from tradesieve.market.sources.reading import read_file
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.strategies.backtest.simulator import simulate
from tradesieve.strategies.signals import Signals, make_signals
from tradesieve.strategies.strategy import Policy, Strategy

REAL_FILES = (
    "crypto_5m/binance_BTCUSDT_5m",
    "crypto_5m/binance_SOLUSDT_5m",
    "crypto_1h/bitstamp_BTCUSD_1h",
    "equity_1d/wiki_AAPL_1d",
    "equity_1d/lean_SPY_1d",
    "equity_5m/us_NVDA_5m",
    "forex_1h/oanda_EURUSD_1h",
    "forex_1h/ejtrader_USDJPY_1h",
    "index_1d/SP500_1d",
)
COSTS = {"maker_fee": 0.0002, "taker_fee": 0.0005, "half_spread": 0.00007, "slippage": 0.00004}


def real_case(folder: Path, name: str, *, n_bars: int | None = None) -> Bars:
    """Read a file of real bars, named as in REAL_FILES, from the folder that holds them all."""
    timeframe = parse_timeframe(name.rsplit("_", 1)[1])
    bars, _ = read_file(folder / "dev" / f"{name}.parquet", symbol="X", timeframe=timeframe)
    return bars[:n_bars]


def synthetic_case(seed: int, *, edge: float = 0.0, n_days: int = 60) -> Bars:
    """Make 5-minute bars with gaps between them: the market of `market.synthetic` trades without any."""
    bars, _ = SyntheticMarket(edge=edge, n_days=n_days, seed=seed).generate("X")
    random = np.random.default_rng(seed)
    gaps = np.exp(np.cumsum(random.standard_normal(len(bars)) * 0.004 * (random.random(len(bars)) < 0.05)))
    prices = (gaps * column for column in (bars.open, bars.high, bars.low, bars.close))
    return Bars("X", bars.timeframe, bars.close_time, *prices, bars.volume)


def hand_made(*rows: tuple[float, float, float, float]) -> Bars:
    """Make one-minute bars from open, high, low and close."""
    open_, high, low, close = np.array(rows, dtype=np.float64).T
    minute = parse_timeframe("1m")
    return Bars("X", minute, minute.duration * np.arange(1, len(rows) + 1), open_, high, low, close, np.ones(len(rows)))


def random_signals(
    bars: Bars, *, share: float = 0.2, least: float = 0.3, most: float = 5.0, missing: float = 0.0, seed: int = 0
) -> Signals:
    """Draw signals at a share of the bars, long and short; a share of them lacks its stop, or else its target.

    Stops and targets stand `least` to `most` mean ranges of the 50 bars before from the close: the nearest are met in
    the bar of the entry, and often both in one bar; the furthest are reached over gaps.
    """
    random = np.random.default_rng([seed, zlib.crc32(bars.close.tobytes())])
    rows = np.flatnonzero(random.random(len(bars)) < share)
    rows = rows[(rows >= 50) & (rows < len(bars) - 1)]
    n = len(rows)
    mean_range = pd.Series(bars.high - bars.low).rolling(50).mean().to_numpy()[rows]
    mean_range = np.maximum(mean_range, 1e-4 * bars.close[rows])
    side = random.choice([-1.0, 1.0], n)
    close = bars.close[rows]
    stop = close - side * mean_range * random.uniform(least, most, n)
    target = close + side * mean_range * random.uniform(least, most, n)
    lacks = random.random(n)
    stop[(lacks < missing / 2) | (stop <= 0.0)] = np.nan
    target[(lacks > 1.0 - missing / 2) | (target <= 0.0)] = np.nan
    return signals_at(bars, rows, side, stop=stop, target=target)


def with_untraded_bars(bars: Bars, *, seed: int) -> tuple[Bars, Bars]:
    """Move bars apart and put bars without trades between them, which repeat the last close.

    Returns
    -------
    The bars at their new times, without and with those in between. An instance that waits for trades makes the same
    trades on both.
    """
    random = np.random.default_rng(seed)
    place = np.cumsum(random.integers(1, 4, len(bars)))
    every = np.arange(place[0], place[-1] + 1)
    source = np.searchsorted(place, every, side="right") - 1
    traded = place[source] == every
    prices = (
        np.where(traded, getattr(bars, name)[source], bars.close[source]) for name in ("open", "high", "low", "close")
    )
    time = bars.timeframe.duration * every
    whole = Bars(bars.symbol, bars.timeframe, time, *prices, traded.astype(np.float64))
    return whole.where(traded), whole


def signals_at(bars: Bars, rows: np.ndarray | list[int], side: np.ndarray | float, **columns: Any) -> Signals:
    """Make signals that are decided at the close of the given bars; see `make_signals`."""
    return make_signals(bars.close_time[rows], side, **columns)


def rows_of_signals(bars: Bars, signals: Signals) -> np.ndarray:
    """Return the bar at whose close each signal was decided."""
    return np.searchsorted(bars.close_time, signals.decision_time)


def chosen(signals: Signals, rows: np.ndarray) -> Signals:
    """Keep some signals."""
    return Signals(**{field.name: getattr(signals, field.name)[rows] for field in fields(signals)})


@dataclass(frozen=True)
class FixedSignals(Strategy):
    """A rule with fixed signals."""

    name = "fixed_signals"
    grid = {}  # noqa: RUF012
    fixed: Signals | None = None
    opposite: bool = False

    @property
    def policy(self) -> Policy:
        return Policy(exits_on_opposite=self.opposite)

    @property
    def id(self) -> str:
        return self.name

    def lookback(self, timeframe: object) -> int:
        return 1

    def signals(self, bars: Bars) -> Signals:
        return self.fixed


def our_trades(bars: Bars, signals: Signals, instrument: Instrument, *, opposite: bool = False) -> pd.DataFrame:
    """Simulate with ours; adds the bars of entry and exit as `entry_bar` and `exit_bar`."""
    trades = simulate(FixedSignals(fixed=signals, opposite=opposite), bars, instrument)
    for name in ("entry", "exit"):
        trades[f"{name}_bar"] = np.searchsorted(bars.close_time, trades[f"{name}_time"])
    return trades


def assert_close(found: object, expected: object, *, what: str) -> None:
    """Hold numbers to others, up to the rounding of the last digits."""
    np.testing.assert_allclose(
        np.asarray(found, dtype=np.float64),
        np.asarray(expected, dtype=np.float64),
        rtol=1e-12,
        atol=1e-12,
        err_msg=what,
    )
