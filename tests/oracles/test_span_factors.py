"""Days, weeks and months against pandas' own grouping, on bars with gaps and weekends; sessions against calendars."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from tradesieve.features.decisions import Decisions
from tradesieve.features.engine.compute import compute
from tradesieve.features.factor import FACTORS
from tradesieve.features.families.calendar_kernels import (
    MONTH,
    WEEK,
    first_after_nb,
    highest_nb,
    lowest_nb,
    span_begin_nb,
)
from tradesieve.features.feature_names import parse_feature
from tradesieve.market.bars import COLUMNS, Bars
from tradesieve.market.errors import BadData
from tradesieve.market.timeframes import DAY, parse_timeframe

parse_feature("trade__side")  # registers the families
HOUR = parse_timeframe("1h")
PERIOD = {"day": "D", "week": "W-SUN", "month": "M"}
Expression = Callable[[pd.DataFrame, int], pd.Series]


def span(f: pd.DataFrame, name: str) -> pd.Series:
    # A bar that closes at midnight belongs to the day that ends.
    return pd.Series(pd.to_datetime(f.close_time - 1).dt.to_period(PERIOD[name]), f.index)


def closed(f: pd.DataFrame, name: str) -> pd.DataFrame:
    """Bars of whole days, weeks or months."""
    return f.groupby(span(f, name)).agg({"open": "first", "high": "max", "low": "min", "close": "last"})


def before(f: pd.DataFrame, name: str, value: Callable[[pd.DataFrame], pd.Series]) -> pd.Series:
    """Give each bar what the span before its own was."""
    return span(f, name).map(value(closed(f, name)).shift()).astype(float)


def so_far(name: str, column: str, how: str) -> Expression:
    return lambda f, n: f.close / getattr(f.groupby(span(f, name))[column], how)() - 1


def of_open(name: str) -> Expression:
    return lambda f, n: f.close / f.open.groupby(span(f, name)).transform("first") - 1


def of_last(name: str, column: str) -> Expression:
    return lambda f, n: f.close / before(f, name, lambda d: d[column]) - 1


# The frame of bars, and the days of a factor that counts them. The day so far is in test_factors_pandas.py.
EQUALS: dict[str, Expression] = {
    "from_last_day_high": of_last("day", "high"),
    "from_last_day_low": of_last("day", "low"),
    "from_last_day_close": of_last("day", "close"),
    "last_day_range": lambda f, n: before(f, "day", lambda d: (d.high - d.low) / d.close),
    "last_day_position": lambda f, n: before(f, "day", lambda d: (d.close - d.low) / (d.high - d.low)),
    "day_gap": lambda f, n: (
        span(f, "day").map(closed(f, "day").open / closed(f, "day").close.shift() - 1).astype(float)
    ),
    "daily_change": lambda f, n: before(f, "day", lambda d: d.close.pct_change(n)),
    "daily_volatility": lambda f, n: before(f, "day", lambda d: np.log(d.close).diff().rolling(n).std(ddof=0)),
    "from_week_open": of_open("week"),
    "from_week_high": so_far("week", "high", "cummax"),
    "from_week_low": so_far("week", "low", "cummin"),
    "from_last_week_high": of_last("week", "high"),
    "from_last_week_low": of_last("week", "low"),
    "from_last_week_close": of_last("week", "close"),
    "from_month_open": of_open("month"),
    "from_month_high": so_far("month", "high", "cummax"),
    "from_month_low": so_far("month", "low", "cummin"),
    "from_last_month_high": of_last("month", "high"),
    "from_last_month_low": of_last("month", "low"),
    "from_last_month_close": of_last("month", "close"),
}


def bars_of_hours(*, weekends: bool, seed: int = 0, n_days: int = 220) -> Bars:
    """Make hourly bars from a leap February on; of some kinds of market, without weekends, and one in ten absent."""
    random = np.random.default_rng(seed)
    time = pd.Timestamp("2023-12-30").value + HOUR.duration * np.arange(1, 24 * n_days)
    if not weekends:
        day = (time - 1) // DAY
        time = time[((day + 3) % 7 < 5) & (random.random(len(time)) > 0.1)]
    path = 60_000 * np.exp(0.004 * np.cumsum(random.standard_normal(4 * len(time)))).reshape(len(time), 4)
    return Bars("X", HOUR, time, path[:, 0], path.max(axis=1), path.min(axis=1), path[:, 3], np.ones(len(time)))


@pytest.mark.parametrize("weekends", [True, False])
@pytest.mark.parametrize("name", EQUALS)
def test_spans_on_bars_with_and_without_weekends(name, weekends):
    bars = bars_of_hours(weekends=weekends)
    frame = pd.DataFrame({column: getattr(bars, column) for column in COLUMNS})
    for days in (1, 2, 5) if FACTORS[name].parameters else (0,):
        feature = f"bars__{name}__days_{days}" if days else f"bars__{name}"
        found = compute(bars, bars.close_time, [feature])[:, 0]
        expected = EQUALS[name](frame, days).to_numpy(dtype=np.float64)
        short = parse_feature(feature).lookback(HOUR) - 1
        assert np.isnan(found[:short]).all()
        assert np.isfinite(found[short:]).all()
        np.testing.assert_allclose(found[short:], expected[short:], rtol=1e-9, atol=1e-12, err_msg=feature)


def test_midnight_ends_a_day_and_the_next_bar_begins_one():
    bars = bars_of_hours(weekends=True)
    midnight = 24 * 10 - 1
    assert bars.close_time[midnight] % DAY == 0
    at = bars.close_time[[midnight, midnight + 1]]
    found = compute(bars, at, ["bars__from_last_day_close", "bars__from_day_open"])
    close = bars.close
    assert found[0, 0] == close[midnight] / close[midnight - 24] - 1.0
    assert found[1, 0] == close[midnight + 1] / close[midnight] - 1.0
    assert found[0, 1] == close[midnight] / bars.open[midnight - 23] - 1.0


def test_a_day_with_more_bars_than_the_timeframe_allows_is_refused():
    # The window could not reach the day before.
    bars = bars_of_hours(weekends=True)[: 24 * 6]
    time = bars.close_time[0] // DAY * DAY + (bars.close_time - bars.close_time[0]) // 30 + 1
    with pytest.raises(BadData, match="opens before the row before it has closed"):
        Bars("X", HOUR, time, bars.open, bars.high, bars.low, bars.close, bars.volume)


def test_spans_begin_where_pandas_has_them_begin():
    times = pd.date_range("1968-01-01", "2105-01-01", freq="17h").as_unit("ns")
    for time in times[::37].append(times[times.hour == 0][::50]):
        ended = pd.Timestamp(time.value - 1)
        assert span_begin_nb(time.value, DAY) == ended.floor("D").value
        assert span_begin_nb(time.value, WEEK) == ended.to_period("W-SUN").start_time.value
        assert span_begin_nb(time.value, MONTH) == ended.to_period("M").start_time.value


def test_the_first_bar_after_a_time_and_the_extremes_of_any_number_of_bars():
    times = np.array([10, 20, 30])
    assert [first_after_nb(times, time) for time in (5, 10, 15, 29, 30, 40)] == [0, 1, 1, 2, 3, 3]
    random = np.random.default_rng(0)
    for n in range(1, 20):
        values = random.standard_normal(n)
        assert (highest_nb(values), lowest_nb(values)) == (values.max(), values.min())


def minutes_at(texts: list[str]) -> np.ndarray:
    return np.array(texts, dtype="datetime64[ns]").astype(np.int64)


def test_minutes_from_an_opening_and_to_a_closing_of_the_utc_day():
    at = minutes_at(["2024-03-01T00:00", "2024-03-01T13:30", "2024-03-01T13:29", "2024-03-01T23:59"])
    one = np.ones(len(at))
    order = np.argsort(at)
    bars = Bars("X", parse_timeframe("1m"), at[order], one, one, one, one, one)
    names = ["clock__since_open__session_minute_810", "clock__to_close__session_minute_810"]
    found = compute(bars, at, names)
    assert found[:, 0].tolist() == [630, 0, 1439, 629]
    assert found[:, 1].tolist() == [810, 0, 1, 811]


def test_new_york_opens_and_closes_when_its_calendar_says():
    import exchange_calendars

    schedule = exchange_calendars.get_calendar("XNYS", start="2021-01-01", end="2024-12-31").schedule
    ordinary = schedule[(schedule.close - schedule.open) == pd.Timedelta(hours=6.5)]
    assert len(ordinary) > 950
    opens, closes = (pd.DatetimeIndex(ordinary[name]).as_unit("ns").asi8 for name in ("open", "close"))
    minute = 60_000_000_000
    for shift in (0, 1, 195, 389):
        at = opens + shift * minute
        since = FACTORS["since_new_york_open"].kernel(Decisions(at))
        to = FACTORS["to_new_york_close"].kernel(Decisions(at))
        assert set(since) == {float(shift)}
        np.testing.assert_array_equal(to, (closes - at) / minute)
    assert set(FACTORS["to_new_york_close"].kernel(Decisions(closes))) == {0.0}
    saturday = minutes_at(["2024-03-09T12:00"])  # in winter; on Monday it is summer there
    assert FACTORS["since_new_york_open"].kernel(Decisions(saturday))[0] == (24 + 12 - 14.5) * 60
    assert FACTORS["to_new_york_close"].kernel(Decisions(saturday))[0] == (48 + 20 - 12) * 60
    assert FACTORS["to_new_york_close"].kernel(Decisions(saturday[:0])).shape == (0,)


def clock_values(times: pd.DatetimeIndex, market: str) -> np.ndarray:
    one = np.ones(len(times))
    bars = Bars("X", parse_timeframe("1m"), times.as_unit("ns").asi8, one, one, one, one, one)
    return compute(bars, bars.close_time, [f"clock__{name}__session_{market}" for name in ("since_open", "to_close")])


@pytest.mark.parametrize("market", ["XNYS", "XLON", "XTKS", "CMES"])
def test_minutes_of_an_exchange_are_those_of_its_calendar(market):
    import exchange_calendars

    calendar = exchange_calendars.get_calendar(market, start="2023-06-01", end="2025-06-01")
    # Both changes of the clocks, half days, holidays, and times in and out of sessions, at opens and closes too.
    times = pd.date_range("2023-10-20", "2025-01-05", freq="30min", tz="UTC").union(
        pd.DatetimeIndex(calendar.opens["2023-11":"2024-12"]).union(calendar.closes["2023-11":"2024-12"])
    )
    found, minute = clock_values(times, market), pd.Timedelta("1min")
    rows = np.random.default_rng(0).choice(len(times), 300, replace=False)
    for row in rows:
        time = times[row]
        last = time if (calendar.opens == time).any() else calendar.previous_open(time)
        following = time if (calendar.closes == time).any() else calendar.next_close(time)
        assert found[row].tolist() == [(time - last) / minute, (following - time) / minute], time
    closes = calendar.closes["2024-01":"2024-12"]
    at_close = clock_values(pd.DatetimeIndex(closes), market)
    lengths = (closes - calendar.opens["2024-01":"2024-12"]) / minute
    # In Chicago a session opens when the one before it closes.
    since = np.where(np.isin(closes, calendar.opens), 0.0, lengths)
    assert at_close.tolist() == [[length, 0.0] for length in since]
    if market == "XNYS":
        assert sorted(set(lengths)) == [210.0, 390.0], "half days too"


def test_minutes_of_days_that_begin_at_a_time_of_a_zone_are_those_of_pandas():
    times = pd.date_range("2024-03-05", "2024-11-10", freq="10min", tz="UTC")
    found = clock_values(times, "0930_America.New_York")
    local = times.tz_convert("America/New_York")
    today = local.normalize().tz_localize(None) + pd.Timedelta("9h30min")

    def at(day_shift: int) -> pd.DatetimeIndex:
        return (today + pd.Timedelta(days=day_shift)).tz_localize("America/New_York")

    since = np.where(local >= at(0), (local - at(0)).total_seconds(), (local - at(-1)).total_seconds()) / 60
    to = np.where(local <= at(0), (at(0) - local).total_seconds(), (at(1) - local).total_seconds()) / 60
    np.testing.assert_array_equal(found, np.column_stack([since, to]))
    assert found.max(axis=0).tolist() == [25 * 60 - 10, 25 * 60 - 10], "the day on which clocks go back"


def test_minutes_of_forex_run_on_over_the_weekend():
    times = pd.DatetimeIndex(["2024-03-08 22:00", "2024-03-09 12:00", "2024-03-10 21:00", "2024-03-11 20:00"], tz="UTC")
    # Friday 17:00 in winter; Sunday and Monday in summer.
    assert clock_values(times, "forex").tolist() == [[1440, 0], [2280, 3420], [0, 1440], [1380, 60]]


def test_one_decision_has_the_minutes_of_all_of_them():
    times = pd.date_range("2019-12-20", "2020-01-10", freq="37min", tz="UTC")
    for market in ("XNYS", "XHKG", "forex", "0000_Pacific.Auckland"):
        alone = np.concatenate([clock_values(times[[row]], market) for row in range(0, len(times), 11)])
        assert alone.tobytes() == clock_values(times, market)[::11].tobytes()


def test_minutes_that_no_calendar_knows_are_nan():
    kernels = [FACTORS[name].kernel for name in ("since_open", "to_close")]
    times = np.array(["1949-12-20", "1990-01-02T15:00"], dtype="datetime64[ns]").astype(np.int64)
    assert [kernel(Decisions(times[:0]), "XNYS").shape for kernel in kernels] == [(0,), (0,)]
    assert np.isfinite(kernels[0](Decisions(times), "XNYS")).all()
