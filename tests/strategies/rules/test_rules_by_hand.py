"""Small markets drawn by hand, in which a rule must fire at a known bar, or must not."""

from __future__ import annotations

import numpy as np
import pytest

from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput
from tradesieve.market.timeframes import DAY, parse_timeframe
from tradesieve.strategies.rules.bollinger_reversion import BollingerReversion
from tradesieve.strategies.rules.donchian_channel import DonchianChannel
from tradesieve.strategies.rules.double_top_bottom import DoubleTopBottom
from tradesieve.strategies.rules.moving_average_cross import MovingAverageCross
from tradesieve.strategies.rules.random_entries import RandomEntries, splitmix64
from tradesieve.strategies.rules.reversal_breakout import ReversalBreakout
from tradesieve.strategies.rules.rsi_reversal import RsiReversal
from tradesieve.strategies.rules.support_resistance_breakout import SupportResistanceBreakout
from tradesieve.strategies.rules.time_of_day import TimeOfDay
from tradesieve.strategies.rules.timeframe_confirmation import TimeframeConfirmation
from tradesieve.strategies.rules.trend_day import TrendDay
from tradesieve.strategies.strategy import Strategy

SATURDAY = 19_000  # days since 1970; 2022-01-08


def bars_of(closes: list[float], *, timeframe: str = "5m", skipped: tuple[int, ...] = (), symbol: str = "X") -> Bars:
    """Make bars that open where the one before closed, without wicks, from a Saturday's midnight on."""
    close = np.array(closes, dtype=np.float64)
    open_ = np.concatenate([close[:1], close[:-1]])
    kept = np.setdiff1d(np.arange(len(close)), skipped)
    duration = parse_timeframe(timeframe)
    return Bars(
        symbol,
        duration,
        close_time=DAY * SATURDAY + duration.duration * (kept + 1),
        open=open_[kept],
        high=np.maximum(open_, close)[kept],
        low=np.minimum(open_, close)[kept],
        close=close[kept],
        volume=np.ones(len(kept)),
    )


def fired(rule: Strategy, closes: list[float], **given: object) -> list[tuple[int, float, float, float]]:
    """List bar (its place on the clock), side, stop and target of each signal."""
    bars = bars_of(closes, **given)
    signals = rule.signals(bars)
    place = (signals.decision_time - DAY * SATURDAY) // bars.timeframe.duration - 1
    return [
        (int(bar), *(round(float(value), 9) for value in row))
        for bar, *row in zip(place, signals.side, signals.stop, signals.target, strict=True)
    ]


def mirrored(closes: list[float]) -> list[float]:
    """Turn a market around the price 20, which must then do the opposite."""
    return [40 - close for close in closes]


def assert_fires(rule: Strategy, closes: list[float], bar: int, side: int, stop: float, target: float) -> None:
    """Hold a rule to one signal, and to its mirror image in the mirrored market, target aside where there is none."""
    for sign, path in ((1, closes), (-1, mirrored(closes))):
        prices = [price if sign > 0 else 40 - price for price in (stop, target)]
        (found,) = fired(rule, path)
        assert found == pytest.approx((bar, sign * side, *prices), rel=1e-6, nan_ok=True)


def assert_silent(rule: Strategy, closes: list[float]) -> None:
    """Hold a rule to saying nothing, in the mirrored market either."""
    assert fired(rule, closes) == fired(rule, mirrored(closes)) == []


def test_a_cross_of_averages_fires_once():
    rule = MovingAverageCross(fast=2, slow=4, stop_ranges=1.0, reward=2.0)
    # The true ranges are 0, 0, 0 and 2.
    assert_fires(rule, [10, 10, 10, 10, 12], 4, 1, 11.5, 13)
    assert_fires(rule, [10, 10, 10, 10, 12, 12, 13], 4, 1, 11.5, 13)
    assert_silent(rule, [10, 10, 10, 10, 10, 10])
    assert_silent(rule, [10, 10, 10, 12])


def test_back_within_the_bands():
    rule = BollingerReversion(window=4, width=1.0, stop_deviations=2.0)
    stop = 8 - 2 * np.std([10, 10, 6, 8])
    assert_fires(rule, [10, 10, 10, 10, 6, 8], 5, 1, stop, 8.5)
    # Still outside; and a close that jumped over the average at once.
    assert_silent(rule, [10, 10, 10, 10, 6, 5])
    assert_silent(rule, [10, 10, 10, 10, 6, 9])


def test_the_index_comes_back_from_its_extreme():
    rule = RsiReversal(window=2, oversold=30.0, stop_ranges=2.0, reward=1.0)
    falling = [40 - 0.1 * j for j in range(22)]
    # Falls of 0.1 a bar smooth to 0.1, and to half of it after the rise: 0.5 / (0.5 + 0.1) is 83 %.
    (found,) = fired(rule, [*falling, falling[-1] + 0.5])
    close = falling[-1] + 0.5
    assert found == pytest.approx((22, 1, close - 2 * 0.3, close + 2 * 0.3))
    assert fired(rule, [*falling, falling[-1] + 0.04]) == [], "0.04 / (0.04 + 0.1) is 29 %"
    assert len(fired(rule, [*falling, falling[-1] + 0.05])) == 1, "33 %"
    assert len(fired(rule, [80 - price for price in [*falling, falling[-1] + 0.05]])) == 1
    assert fired(rule, [80 - price for price in [*falling, falling[-1] + 0.05]])[0][1] == -1


def test_the_first_close_beyond_the_channel():
    rule = DonchianChannel(window=3, exit_window=2)
    path = [10, 11, 10, 10.5, 10, 12, 13]
    assert_fires(rule, path, 5, 1, 10, np.nan)
    assert_silent(rule, [10, 11, 10, 10.5, 10, 11, 10.5])


def test_a_breakout_that_fails_in_time():
    path = [10, 11, 10, 10.5, 12, 11.5, 11.5, 10.8]
    assert_silent(ReversalBreakout(window=3, within=2), path)
    assert_fires(ReversalBreakout(window=3, within=3), path, 7, -1, 12, 10.8 - 2 * 1.2)
    assert_fires(ReversalBreakout(window=3, within=1, reward=1.0), [*path[:5], 10.9], 5, -1, 12, 9.8)
    assert_silent(ReversalBreakout(window=3, within=3), [10, 11, 10, 10.5, 12, 11, 11, 11])


def test_a_close_beyond_a_level_of_enough_touches():
    path = [9, 10, 9, 9, 10, 9, 9.5, 9.5, 10.5]
    terms = {"window": 5, "reach": 1, "tolerance": 1.0}
    stop = 10 - 1.5 * (1 + 1 + 0.5 + 0 + 1) / 5
    rule = SupportResistanceBreakout(touches=2, life=3, **terms)
    assert_fires(rule, path, 8, 1, stop, 10.5 + 2 * (10.5 - stop))
    assert_silent(SupportResistanceBreakout(touches=3, life=3, **terms), path)
    assert_silent(SupportResistanceBreakout(touches=2, life=2, **terms), path)
    assert_silent(rule, [*path[:-1], 10])
    # The second high is too far below the first, by the true ranges of that time.
    assert_silent(SupportResistanceBreakout(touches=2, life=3, window=5, reach=1, tolerance=0.1), [
        9, 10, 9, 9, 9.7, 9, 9.5, 9.5, 10.5,
    ])  # fmt: skip
    lines = rule.lines(bars_of([*path, 11]))
    assert lines["resistance"][5:9].tolist() == [10.0] * 4
    assert np.isnan(lines["resistance"][[4, 9]]).all()


TOP = [9, 10, 9, 9, 10, 9.5, 9.4, 8.9]
TOP_TERMS = {"gap": 0.05, "tolerance": 0.01, "reach": 1}


def test_a_top_of_two_touches_is_confirmed_below_its_neckline():
    rule = DoubleTopBottom(patience=2, **TOP_TERMS)
    (found,) = fired(rule, TOP)
    assert found == (7, -1, 10, 8), "as far below the neckline at 9 as the top lies above"
    (found,) = fired(rule, [20 - price for price in TOP])
    assert found == (7, 1, 10, 12)
    lines = rule.lines(bars_of([*TOP, 8.8]))
    assert lines["top"][5:8].tolist() == [10.0] * 3
    assert lines["top_neckline"][5:8].tolist() == [9.0] * 3
    assert np.isnan(lines["top"][[4, 8]]).all()
    assert np.isnan(lines["bottom"]).all()


@pytest.mark.parametrize(
    ("why", "terms", "path"),
    [
        ("patience is over", {"patience": 1}, TOP),
        ("the dip is not deep enough", {"gap": 0.2}, TOP),
        ("two touches are not three", {"repetitions": 3}, TOP),
        ("nothing confirms it", {}, [*TOP[:-1], 9.0]),
        ("its stop was met first", {}, [9, 10, 9, 9, 10, 9.5, 10.05, 8.9]),
        ("the second high is another level", {}, [9, 10, 9, 9, 9.8, 9.5, 9.4, 8.9]),
        ("a higher high lies between", {}, [9, 10, 9, 11, 9, 9, 10, 9.5, 8.9]),
        ("the touches lie too far apart", {"window": 2}, TOP),
        ("it left before the second pivot was known", {"reach": 2}, [9, 9, 10, 9, 9, 9, 10, 8.9, 8.8, 8.7]),
    ],
)
def test_a_top_that_is_none_or_is_over(why, terms, path):
    rule = DoubleTopBottom(**{"patience": 48, **TOP_TERMS, **terms})
    assert fired(rule, path) == fired(rule, [20 - price for price in path]) == [], why


def test_a_top_of_three_touches():
    path = [9, 10, 9, 9, 10, 9.3, 9.3, 10, 9.5, 9.2, 8.9]
    assert fired(DoubleTopBottom(repetitions=3, **TOP_TERMS), path) == [(10, -1, 10, 8)]
    # Of the last two touches alone the neckline is 9.3, and confirmed earlier.
    assert fired(DoubleTopBottom(repetitions=2, **TOP_TERMS), path) == [(9, -1, 10, 8.6)]


def day(width: float) -> list[float]:
    """Give the closes of 24 hours that stand at 100 but for one peak."""
    return [100.0] * 11 + [100.0 + width] + [100.0] * 12


@pytest.mark.parametrize(
    ("widths", "first", "expected"),
    [
        ((10, 4), (101, 102), [(73, 1, 100, 106)]),  # after a narrow day
        ((10, 4), (99, 98), [(73, -1, 100, 94)]),
        ((10, 8), (101, 102), []),  # the day before is not narrow, and the first part not wide
        ((10, 8), (102, 104), [(73, 1, 100, 112)]),
        ((10, 8), (98, 96), [(73, -1, 100, 88)]),
        ((10, 4), (103, 101), []),  # closes in the middle of its range
        ((10, 4), (100, 100), []),
    ],
)
def test_a_trend_day_by_hand(widths, first, expected):
    rule = TrendDay(first_minutes=120, sessions=2, narrow=0.8, wide=0.4, extreme=0.25, reward=2.0)
    closes = [*day(1), *day(widths[0]), *day(widths[1]), *first, *([first[1]] * 22)]
    assert fired(rule, closes, timeframe="1h") == expected
    signals = rule.signals(bars_of(closes, timeframe="1h"))
    assert signals.leave_at.tolist() == [DAY * (SATURDAY + 4)] * len(expected), "the end of the session"
    # The first day may be cut, so it does not count, and without it there are too few.
    assert fired(rule, closes[24:], timeframe="1h") == []
    # The bar that ends the first part is missing, and so is the one after it.
    assert fired(rule, closes, timeframe="1h", skipped=(73, 74)) == []


def test_a_minute_of_chosen_days():
    closes = [20.0] * (3 * 288)
    rows = [12 * 8 - 1 + 288 * number for number in range(3)]
    every = TimeOfDay(minute=480, stop_loss=0.1, reward=2.0)
    assert fired(every, closes) == [(row, 1, 18, 24) for row in rows]
    assert fired(TimeOfDay(minute=480, side=-1, stop_loss=0.1), closes) == [(row, -1, 22, 16) for row in rows]
    for mask, chosen in ((32, rows[:1]), (64 + 1, rows[1:]), (31, rows[2:]), (30, [])):
        assert [row[0] for row in fired(TimeOfDay(minute=480, weekdays=mask), closes)] == chosen
    assert [row[0] for row in fired(every, closes, skipped=(rows[1],))] == [rows[0], rows[2]]
    # 08:02 strikes within the bar that closes at 08:05, and midnight belongs to the day that begins.
    assert [row[0] for row in fired(TimeOfDay(minute=482), closes)] == [row + 1 for row in rows]
    assert [row[0] for row in fired(TimeOfDay(minute=0, weekdays=64), closes)] == [287]


def test_random_entries_know_nothing_but_the_clock():
    random = np.random.default_rng(1)
    first, second = ((100 + random.random(20_000)).tolist() for _ in range(2))
    rule = RandomEntries(probability=0.1, seed=3)
    here, there = fired(rule, first), fired(rule, second)
    assert [row[:2] for row in here] == [row[:2] for row in there]
    assert len(here) == pytest.approx(2000, abs=4 * np.sqrt(1800))
    assert sum(row[1] for row in here) == pytest.approx(0, abs=4 * np.sqrt(2000))
    steps = np.diff([row[0] for row in here])
    assert np.corrcoef(steps[:-1], steps[1:])[0, 1] == pytest.approx(0, abs=0.1)
    other_seed = {row[0] for row in fired(RandomEntries(probability=0.1, seed=4), first)}
    other_symbol = {row[0] for row in fired(rule, first, symbol="Y")}
    for other in (other_seed, other_symbol):
        assert len(other & {row[0] for row in here}) == pytest.approx(200, abs=60)
    assert len(fired(RandomEntries(probability=1.0), first)) == 20_000


def test_the_hash_is_split_mix_64():
    # The first three numbers of the reference implementation with seed 0, whose state grows by the same constant.
    states = np.array([0, 0x9E3779B97F4A7C15, 0x3C6EF372FE94F82A], dtype=np.uint64)
    assert [hex(number) for number in splitmix64(states)] == [
        "0xe220a8397b1dcdaf", "0x6e789e6aa1b965f4", "0x6c45d188009454f",
    ]  # fmt: skip


RISE = [100.0] * 8 + [101, 102, 103, 104, 105]


def test_three_timeframes_agree_once_the_longest_is_closed():
    rule = TimeframeConfirmation(window=2, stop_ranges=2.0, reward=2.0)
    # The hour closes at 104, above the average of 100 and 104; the others have risen since its first bar.
    assert fired(rule, RISE, timeframe="15m") == [(11, 1, 102, 108)]
    assert fired(rule, [200 - price for price in RISE], timeframe="15m") == [(11, -1, 98, 92)]
    assert fired(rule, RISE[:11], timeframe="15m") == []
    assert fired(rule, [*RISE[:11], 102.6, 102.5], timeframe="15m") == [], "the last quarter fell"
    # Without the hour's last bar the hour is known to be over at the next one.
    assert [row[:2] for row in fired(rule, RISE, timeframe="15m", skipped=(11,))] == [(12, 1)]
    lines = rule.lines(bars_of(RISE, timeframe="15m"))
    assert list(lines) == ["average_15m", "average_30m", "average_1h"]
    assert lines["average_1h"][6:12].tolist()[1:] == [100.0, 100.0, 100.0, 100.0, 102.0]
    assert np.isnan(lines["average_1h"][6])


@pytest.mark.parametrize("timeframe", ["1h", "10m", "1d"])
def test_timeframes_that_cannot_be_made_are_refused(timeframe):
    bars = bars_of(RISE, timeframe=timeframe)
    for ask in (
        lambda rule: rule.signals(bars),
        lambda rule: rule.lines(bars),
        lambda rule: rule.lookback(bars.timeframe),
    ):
        with pytest.raises(BadInput, match=f"timeframe_confirmation: {timeframe} bars cannot make 15m bars"):
            ask(TimeframeConfirmation())
