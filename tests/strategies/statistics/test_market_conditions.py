"""Market conditions are told by the past alone, and are what their names say."""

from __future__ import annotations

import numpy as np
import pytest

from tradesieve.market.bars import Bars
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.market.timeframes import DAY, HOUR, parse_timeframe
from tradesieve.strategies.statistics.market_conditions import CONDITIONS, conditions_at


@pytest.fixture(scope="module")
def bars() -> Bars:
    return SyntheticMarket(edge=0.0, n_days=60, timeframe=parse_timeframe("15m")).generate("AAA")[0]


def altered(bars: Bars, after: int) -> Bars:
    """Double every price that was not known at a time."""
    later = np.where(bars.close_time > after, 2.0, 1.0)
    prices = (getattr(bars, name) * later for name in ("open", "high", "low", "close"))
    return Bars(bars.symbol, bars.timeframe, bars.close_time, *prices, bars.volume)


def test_nothing_after_a_decision_changes_its_conditions(bars: Bars) -> None:
    times = bars.close_time[np.linspace(300, len(bars) - 1, 40).astype(np.int64)]
    whole = conditions_at(bars, times)
    for row in (3, 17, 30):
        until = int(times[row])
        for other in (bars.between(None, until), altered(bars, until)):
            found = conditions_at(other, times[: row + 1])
            for name in CONDITIONS:
                assert found[name].tolist() == whole[name][: row + 1].tolist(), name


def test_thirds_hold_about_as_many_decisions_each(bars: Bars) -> None:
    found = conditions_at(bars, bars.close_time)
    for name in ("trend", "trendiness", "volatility"):
        known = found[name][found[name] >= 0]
        assert len(bars) - len(known) <= 7 * 96 + 250, "told from the second week on"
        shares = np.bincount(known, minlength=3) / len(known)
        assert shares == pytest.approx([1 / 3] * 3, abs=0.12), name


def test_states_are_what_they_are_called(bars: Bars) -> None:
    """Against arithmetic of their own: the slope's sign, the spread of returns, the clock."""
    found, close = conditions_at(bars, bars.close_time), bars.close
    change = np.full(len(bars), np.nan)
    change[49:] = close[49:] / close[:-49] - 1
    returns = np.diff(np.log(close), prepend=np.nan)
    spread = np.array([returns[max(1, row - 48) : row + 1].std() if row > 60 else 0.0 for row in range(len(bars))])
    assert change[found["trend"] == 2].mean() > change[found["trend"] == 1].mean() > change[found["trend"] == 0].mean()
    wild, calm = spread[found["volatility"] == 2], spread[found["volatility"] == 0]
    assert np.median(wild) > 1.5 * np.median(calm)
    hour, weekday = bars.close_time // HOUR % 24, (bars.close_time // DAY + 4) % 7  # 0: Sunday
    assert np.array_equal(found["hours"], hour // 6)
    assert np.array_equal(found["week"] == 1, (weekday == 0) | (weekday == 6))


def test_before_enough_is_known_nothing_is_told(bars: Bars) -> None:
    early = conditions_at(bars, bars.close_time[:200])
    assert set(early["trend"]) == {-1}
    assert min(early["hours"]) >= 0
