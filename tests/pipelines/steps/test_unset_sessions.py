"""A stock that is not called one is noticed by its bars; a stock that is, has the days of its exchange."""

from __future__ import annotations

import numpy as np
import pytest

from tradesieve.market.bars import Bars
from tradesieve.market.calendars.trading_hours import trading_spans
from tradesieve.market.instruments import instrument_from
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.pipelines.steps.chunks import Chunk, calendar_of
from tradesieve.pipelines.steps.unset_sessions import describe_unset_sessions, find_unset_sessions


def bars_of(symbol: str, hours: str, *, n_days: int = 60) -> Bars:
    bars = SyntheticMarket(n_days=n_days, timeframe=parse_timeframe("30m")).generate(symbol)[0]
    spans = trading_spans(hours, int(bars.open_time[0]), int(bars.close_time[-1]))
    place = np.searchsorted(spans[:, 0], bars.open_time, side="right") - 1
    return bars.where((place >= 0) & (bars.close_time <= spans[np.maximum(place, 0), 1]))


def chunk(bars: Bars, **terms: str) -> Chunk:
    return Chunk(bars, instrument_from(bars.symbol, terms), ())


def test_bars_that_keep_to_sessions_are_noticed() -> None:
    every, stock, pair = bars_of("BTC", "always"), bars_of("NVDA", "XNYS"), bars_of("EURUSD", "forex")
    found = find_unset_sessions([chunk(every), chunk(stock), chunk(pair)])
    assert found == {"NVDA": "XNYS", "EURUSD": "forex"}
    lines = describe_unset_sessions(found | {"SPY": "XNYS"})
    assert "the calendar of NVDA, SPY is always" in lines[0]
    assert "keep to XNYS: set kind: stock, or calendar: XNYS, in instruments" in lines[0]
    assert "keep to forex: set kind: forex, or calendar: forex, in instruments" in lines[1]
    assert find_unset_sessions([chunk(stock, kind="stock"), chunk(pair, calendar="forex")]) == {}
    assert find_unset_sessions([chunk(bars_of("NVDA", "XNYS", n_days=5))]) == {}, "five days tell nothing"


@pytest.mark.parametrize(
    ("kind", "days"), [("stock", 252), ("index", 252), ("forex", 260), ("crypto_spot", 365), ("perpetual", 365)]
)
def test_the_kind_of_an_instrument_sets_its_trading_days(kind: str, days: int) -> None:
    assert calendar_of([chunk(bars_of("X", "always", n_days=5), kind=kind)]).days_per_year == days
