"""The rules against slow ones, written from their docstrings on the indicators of TA-Lib and pandas."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st

from tradesieve.market.bars import Bars
from tradesieve.market.timeframes import DAY, parse_timeframe
from tradesieve.strategies.registry import RULES
from tradesieve.strategies.rules.bollinger_reversion import BollingerReversion
from tradesieve.strategies.rules.donchian_channel import DonchianChannel
from tradesieve.strategies.rules.double_top_bottom import DoubleTopBottom
from tradesieve.strategies.rules.moving_average_cross import MovingAverageCross
from tradesieve.strategies.rules.reversal_breakout import ReversalBreakout
from tradesieve.strategies.rules.rsi_reversal import RsiReversal, rsi_wilder
from tradesieve.strategies.rules.support_resistance_breakout import SupportResistanceBreakout
from tradesieve.strategies.rules.timeframe_confirmation import TimeframeConfirmation
from tradesieve.strategies.rules.trend_day import TrendDay

Row = tuple[int, int, float, float]
"""Bar, side, stop and target."""


def average_range(bars: Bars, window: int) -> np.ndarray:
    return pd.Series(talib.TRANGE(bars.high, bars.low, bars.close)).rolling(window).mean().to_numpy()


def bracket(bars: Bars, i: int, side: int, stop: float, reward: float) -> list[Row]:
    target = bars.close[i] + side * min(reward * abs(bars.close[i] - stop), 0.9 * bars.close[i])
    return [(i, side, stop, target)] if side * (bars.close[i] - stop) > 0 else []


def slow_cross(rule: MovingAverageCross, bars: Bars) -> list[Row]:
    rows: list[Row] = []
    gap = talib.SMA(bars.close, rule.fast) - talib.SMA(bars.close, rule.slow)
    for i in range(rule.slow, len(bars)):
        side = 1 if gap[i] > 0 >= gap[i - 1] else -1 if gap[i] < 0 <= gap[i - 1] else 0
        if side:
            distance = rule.stop_ranges * average_range(bars[i - rule.slow : i + 1], rule.slow)[-1]
            rows += bracket(bars, i, side, bars.close[i] - side * distance, rule.reward)
    return rows


def slow_bollinger(rule: BollingerReversion, bars: Bars) -> list[Row]:
    rows: list[Row] = []
    upper, middle, lower = talib.BBANDS(bars.close, rule.window, rule.width, rule.width)
    close = bars.close
    for i in range(rule.window, len(bars)):
        side = 1 if close[i - 1] < lower[i - 1] else -1 if close[i - 1] > upper[i - 1] else 0
        if side and lower[i] <= close[i] <= upper[i] and side * (middle[i] - close[i]) > 0:
            deviation = (upper[i] - middle[i]) / rule.width
            rows.append((i, side, close[i] - side * rule.stop_deviations * deviation, middle[i]))
    return rows


def slow_rsi(rule: RsiReversal, bars: Bars) -> list[Row]:
    rows: list[Row] = []
    n = 10 * rule.window + 1
    index = [
        talib.RSI(bars.close[i + 1 - n : i + 1], rule.window)[-1] if i + 1 >= n else np.nan for i in range(len(bars))
    ]
    ranges = average_range(bars, rule.window)
    for i in range(n, len(bars)):
        over = 100 - rule.oversold
        side = 1 if index[i - 1] < rule.oversold <= index[i] else -1 if index[i - 1] > over >= index[i] else 0
        if side:
            rows += bracket(bars, i, side, bars.close[i] - side * rule.stop_ranges * ranges[i], rule.reward)
    return rows


def slow_donchian(rule: DonchianChannel, bars: Bars) -> list[Row]:
    rows: list[Row] = []
    upper, lower = talib.MAX(bars.high, rule.window), talib.MIN(bars.low, rule.window)

    def beyond(i: int) -> int:
        return 1 if bars.close[i] > upper[i - 1] else -1 if bars.close[i] < lower[i - 1] else 0

    for i in range(max(rule.window + 1, rule.exit_window - 1), len(bars)):
        side = beyond(i)
        last = slice(i + 1 - rule.exit_window, i + 1)
        stop = bars.low[last].min() if side > 0 else bars.high[last].max()
        if side and side != beyond(i - 1) and side * (bars.close[i] - stop) > 0:
            rows.append((i, side, stop, np.nan))
    return rows


def slow_reversal(rule: ReversalBreakout, bars: Bars) -> list[Row]:
    rows: list[Row] = []
    for i in range(rule.window, len(bars)):
        found = {}
        for sign, extreme in ((-1, bars.high), (1, -bars.low)):
            close = -sign * bars.close
            broke = [
                j
                for j in range(max(rule.window, i - rule.within), i + 1)
                if close[j] > extreme[j - rule.window : j].max()
            ]
            if not broke or broke[-1] == i:
                continue
            level = extreme[broke[-1] - rule.window : broke[-1]].max()
            if close[i] < level and (close[broke[-1] : i] >= level).all():
                found[sign] = extreme[broke[-1] : i + 1].max()
        if len(found) == 1:
            ((sign, stop),) = found.items()
            rows += bracket(bars, i, sign, -sign * stop, rule.reward)
    return rows


def is_pivot(high: np.ndarray, i: int, reach: int) -> bool:
    if i < reach or i + reach >= len(high):
        return False
    return bool(high[i] > high[i - reach : i].max() and high[i] >= high[i + 1 : i + reach + 1].max())


def slow_levels(rule: SupportResistanceBreakout, bars: Bars) -> list[Row]:
    rows: list[Row] = []
    ranges = average_range(bars, rule.window)
    broken: dict[int, list[tuple[int, float]]] = {}
    for side, high, close in ((1, bars.high, bars.close), (-1, -bars.low, -bars.close)):
        pivots = [i for i in range(len(bars)) if is_pivot(high, i, rule.reach)]
        formed: dict[int, float] = {}
        for pivot in pivots:
            known = pivot + rule.reach
            touching = [
                high[other]
                for other in pivots
                if pivot - rule.window <= other <= pivot
                and abs(high[other] - high[pivot]) <= rule.tolerance * ranges[known]
            ]
            if len(touching) >= rule.touches and close[known] <= max(touching):
                formed[known] = max(touching)
        times = sorted(formed)
        for known, following in zip(times, [*times[1:], len(bars)], strict=True):
            # At the close at which the next level is formed this one may still be broken.
            last = min(known + rule.life, following, len(bars) - 1)
            first = next((i for i in range(known + 1, last + 1) if close[i] > formed[known]), None)
            if first is not None:
                broken.setdefault(first, []).append((side, side * formed[known]))
    for i, found in sorted(broken.items()):
        if len(found) == 1:
            ((side, level),) = found
            rows += bracket(bars, i, side, level - side * rule.stop_ranges * ranges[i], rule.reward)
    return rows


def slow_tops(rule: DoubleTopBottom, bars: Bars) -> list[Row]:
    confirmed: dict[int, list[tuple[int, float, float]]] = {}
    for side, high, low, close in ((-1, bars.high, bars.low, bars.close), (1, -bars.low, -bars.high, -bars.close)):
        pivots = [i for i in range(len(bars)) if is_pivot(high, i, rule.reach)]
        possible: dict[int, tuple[float, float]] = {}
        for last in pivots:
            touches, dips = [last], []
            near = rule.tolerance * abs(high[last])
            for pivot in reversed([i for i in pivots if last - rule.window <= i < last]):
                if high[pivot] > high[last] + near:
                    break
                level = max(high[touch] for touch in [*touches, pivot])
                dip = low[pivot + 1 : touches[-1]].min()
                if high[pivot] >= high[last] - near and level - dip >= rule.gap * abs(level):
                    touches.append(pivot)
                    dips.append(dip)
                if len(touches) == rule.repetitions:
                    break
            known = last + rule.reach
            if len(touches) == rule.repetitions and (close[last + 1 : known] >= min(dips)).all():
                possible[known] = max(high[touch] for touch in touches), min(dips)
        times = sorted(possible)
        for known, following in zip(times, [*times[1:], len(bars)], strict=True):
            top, neckline = possible[known]
            for i in range(known, min(known + rule.patience, following - 1, len(bars) - 1) + 1):
                if high[i] > top:
                    break
                if close[i] < neckline:
                    confirmed.setdefault(i, []).append((side, -side * top, -side * neckline))
                    break
    rows: list[Row] = []
    for i, found in sorted(confirmed.items()):
        ((side, stop, neckline),) = found if len(found) == 1 else [(0, 0.0, 0.0)]
        target = neckline + rule.reward * (neckline - stop)
        if side and side * (target - bars.close[i]) > 0 and target > 0:
            rows.append((i, side, stop, target))
    return rows


def slow_trend_day(rule: TrendDay, bars: Bars) -> list[Row]:
    rows: list[Row] = []
    opening = pd.to_datetime(bars.open_time - rule.session_minute * 60_000_000_000)
    frame = pd.DataFrame({"open": bars.open, "high": bars.high, "low": bars.low, "close": bars.close}, index=opening)
    sessions = [session for _, session in frame.groupby(frame.index.floor("D"))]
    for number in range(rule.sessions + 1, len(sessions)):
        session = sessions[number]
        ranges = [each.high.max() - each.low.min() for each in sessions[number - rule.sessions : number]]
        closes = session.index + pd.Timedelta(bars.timeframe.duration)
        end = session.index[0].floor("D") + pd.Timedelta(minutes=rule.first_minutes)
        past = np.flatnonzero(closes >= end)
        if len(past) == 0 or closes[past[0]] >= end + pd.Timedelta(bars.timeframe.duration):
            continue
        part = session.iloc[: past[0] + 1]
        high, low, close = part.high.max(), part.low.min(), part.close.iloc[-1]
        average = sum(ranges) / len(ranges)
        if ranges[-1] > rule.narrow * average and high - low < rule.wide * average:
            continue
        edge = rule.extreme * (high - low)
        up = close > part.open.iloc[0] and close >= high - edge
        down = close < part.open.iloc[0] and close <= low + edge
        if up or down:
            i = int(np.searchsorted(opening.asi8, part.index[-1].value))
            rows += bracket(bars, i, 1 if up else -1, low if up else high, rule.reward)
    return rows


def slow_confirmation(rule: TimeframeConfirmation, bars: Bars) -> list[Row]:
    times = pd.DatetimeIndex(pd.to_datetime(bars.close_time)).as_unit("ns")
    frame = pd.DataFrame({"high": bars.high, "low": bars.low, "close": bars.close}, index=times)
    longer = {}
    for minutes in (rule.short, rule.middle, rule.long):
        cells = frame.resample(f"{minutes}min", label="right", closed="right", origin="epoch")
        longer[minutes] = cells.agg({"high": "max", "low": "min", "close": "last"}).dropna()
    rows: list[Row] = []
    before = 0.0
    for i, time in enumerate(times):
        sides = []
        for table in longer.values():
            closed = table[: table.index.searchsorted(time, side="right")].close.to_numpy()[-rule.window :]
            sides.append(np.sign(closed[-1] - closed.mean()) if len(closed) == rule.window else 0.0)
        side = sides[0] if len(set(sides)) == 1 else 0.0
        if side not in (0.0, before):
            short = longer[rule.short]
            part = short[: short.index.searchsorted(time, side="right")].iloc[-rule.window - 1 :]
            distance = rule.stop_ranges * np.nanmean(talib.TRANGE(*(part[name].to_numpy() for name in part)))
            rows += bracket(bars, i, int(side), bars.close[i] - side * distance, rule.reward)
        before = side
    return rows


SLOW = {
    "moving_average_cross": (slow_cross, [MovingAverageCross(), MovingAverageCross(fast=3, slow=9, stop_ranges=1.0)]),
    "bollinger_reversion": (slow_bollinger, [BollingerReversion(), BollingerReversion(window=9, width=1.0)]),
    "rsi_reversal": (slow_rsi, [RsiReversal(), RsiReversal(window=3, oversold=10.0, reward=3.0)]),
    "donchian_channel": (slow_donchian, [DonchianChannel(), DonchianChannel(window=5, exit_window=12)]),
    "reversal_breakout": (slow_reversal, [ReversalBreakout(), ReversalBreakout(window=5, within=6, reward=1.0)]),
    "support_resistance_breakout": (slow_levels, [
        SupportResistanceBreakout(), SupportResistanceBreakout(window=30, reach=1, touches=2, tolerance=0.3, life=20),
    ]),
    "double_top_bottom": (slow_tops, [
        DoubleTopBottom(), DoubleTopBottom(repetitions=3, gap=0.002, reach=2, window=150, patience=20, reward=3.0),
    ]),
    "trend_day": (slow_trend_day, [
        TrendDay(sessions=2), TrendDay(sessions=1, first_minutes=61, session_minute=813, wide=0.1, extreme=0.5),
    ]),
    "timeframe_confirmation": (slow_confirmation, [
        TimeframeConfirmation(), TimeframeConfirmation(window=5, short=5, middle=20, long=45, reward=1.0),
    ]),
}  # fmt: skip


def assert_same(name: str, bars: Bars) -> int:
    """Hold both instances of a rule to their slow twin; count the signals."""
    slow, rules = SLOW[name]
    n_signals = 0
    for rule in rules:
        signals, expected = rule.signals(bars), slow(rule, bars)
        bar = np.searchsorted(bars.close_time, signals.decision_time)
        found = np.column_stack([bar, signals.side, signals.stop, signals.target])
        assert found[:, :2].tolist() == [list(row[:2]) for row in expected]
        np.testing.assert_allclose(found, np.array(expected).reshape(-1, 4), rtol=1e-9)
        n_signals += len(expected)
    return n_signals


@pytest.mark.parametrize("name", SLOW)
@pytest.mark.parametrize("market", ["synthetic", "real"])
def test_a_rule_decides_as_its_slow_twin(name, market, request):
    bars = request.getfixturevalue("market_bars" if market == "synthetic" else "real_bars")[:3000]
    assert assert_same(name, bars) >= 4


@pytest.mark.parametrize("name", SLOW)
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_rule_decides_as_its_slow_twin_on_bars_with_gaps(name, seed):
    random = np.random.default_rng(seed)
    n = 900
    close = 60_000 * np.exp(np.cumsum(random.normal(size=n) * 0.003))
    open_ = np.concatenate([close[:1], close[:-1]])
    kept = np.flatnonzero((random.random(n) > 0.2) & ~((np.arange(n) > 300) & (np.arange(n) < 360)))
    wick = np.exp(np.abs(random.normal(size=(2, n))) * 0.001)
    bars = Bars(
        "X", parse_timeframe("5m"), DAY * 19_000 + 300_000_000_000 * (kept + 1), open_[kept],
        (np.maximum(open_, close) * wick[0])[kept], (np.minimum(open_, close) / wick[1])[kept], close[kept],
        np.ones(len(kept)),
    )  # fmt: skip
    assert_same(name, bars)


@pytest.mark.parametrize("window", [2, 7, 14])
def test_the_index_is_that_of_talib_over_ten_windows(window, market_bars):
    close = market_bars.close[:3000]
    index = rsi_wilder(close, window)
    n = 10 * window + 1
    assert np.isnan(index[: n - 1]).all()
    for i in range(n - 1, len(close), 7):
        assert index[i] == pytest.approx(talib.RSI(close[i + 1 - n : i + 1], window)[-1], abs=1e-8)
    # What the finite window leaves out of Wilder's endless smoothing.
    if window > 2:
        assert np.nanmax(np.abs(index - talib.RSI(close, window))) < 0.2


def test_every_rule_with_an_indicator_has_a_twin():
    clocks = {"time_of_day", "random_entries"}
    first = {"volatility_breakout", "opening_range_breakout", "dip_buying"}
    assert set(SLOW) | clocks | first == set(RULES)
