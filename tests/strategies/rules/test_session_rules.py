"""Rules within the sessions of a market, against pandas in the market's own clock, on made and on real bars."""

from __future__ import annotations

from pathlib import Path

import exchange_calendars
import numpy as np
import pandas as pd
import pytest

from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput, Unknown
from tradesieve.market.instruments import instrument_from
from tradesieve.market.sources.reading import read_file
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.strategies.backtest.simulator import simulate
from tradesieve.strategies.invariants import check_strategy
from tradesieve.strategies.registry import choose_strategies, parse_strategy
from tradesieve.strategies.rules.opening_range_breakout import OpeningRangeBreakout
from tradesieve.strategies.rules.session_rule import SessionRule
from tradesieve.strategies.rules.time_of_day import TimeOfDay
from tradesieve.strategies.rules.trend_day import TrendDay
from tradesieve.strategies.strategy import Strategy

NEW_YORK, LONDON = "America/New_York", "Europe/London"
HALF_DAYS = {"2018-07-03", "2018-11-23", "2018-12-24", "2019-07-03", "2019-11-29", "2019-12-24", "2024-07-03",
             "2024-11-29", "2024-12-24", "2025-11-28", "2025-12-24"}  # fmt: skip
"""By hand: New York closes at 13:00."""


@pytest.fixture(scope="module")
def around_the_clock() -> Bars:
    """Bars of 10 minutes of a market that never closes, over both changes of the clocks and three half days."""
    timeframe, random = parse_timeframe("10m"), np.random.default_rng(3)
    open_time = pd.date_range("2024-02-26", "2025-01-10", freq="10min", inclusive="left").as_unit("ns").asi8
    close = 100 * np.exp(np.cumsum(random.normal(0, 2e-3, len(open_time))))
    open_ = np.concatenate([[100.0], close[:-1]])
    high, low = np.maximum(open_, close) * 1.001, np.minimum(open_, close) * 0.999
    return Bars("X", timeframe, open_time + timeframe.duration, open_, high, low, close, np.ones(len(close)))


def frame_of(bars: Bars, zone: str) -> pd.DataFrame:
    """One row a bar, by its open in the clock of a zone."""
    index = pd.to_datetime(bars.open_time, utc=True).tz_convert(zone)
    prices = {name: getattr(bars, name) for name in ("open", "high", "low", "close")}
    return pd.DataFrame(prices | {"row": np.arange(len(bars))}, index=index)


def new_york_sessions(bars: Bars) -> dict[str, pd.DataFrame]:
    """The bars of each session of New York, from 09:30 to 16:00, or to 13:00 on half days."""
    frame = frame_of(bars, NEW_YORK)
    open_days = exchange_calendars.get_calendar("XNYS", start="2017-06-01", end="2026-06-01").sessions.strftime("%F")
    found = {}
    for day, rows in frame.groupby(frame.index.strftime("%F")):
        if day in set(open_days):
            part = rows.between_time("09:30", "13:00" if day in HALF_DAYS else "16:00", inclusive="left")
            if len(part):
                found[str(day)] = part
    return found


def assert_opening_ranges(bars: Bars, rule: OpeningRangeBreakout, *, complete: bool = True) -> None:
    """The range of every session is that of its first minutes from 09:30 in New York, and stands until its close."""
    lines, signals, last_rows = rule.lines(bars), rule.signals(bars), []
    expected = {"opening_high": np.full(len(bars), np.nan), "opening_low": np.full(len(bars), np.nan)}
    for day, part in new_york_sessions(bars).items():
        border = pd.Timestamp(f"{day} 09:30", tz=NEW_YORK) + pd.Timedelta(minutes=rule.opening_minutes)
        first, rest = part[part.index < border], part[part.index >= border]
        assert len(first) or not complete, day
        if len(first):
            expected["opening_high"][rest["row"]] = first["high"].max()
            expected["opening_low"][rest["row"]] = first["low"].min()
        last_rows.append(int(part["row"].iloc[-1]))
    for name, values in expected.items():
        np.testing.assert_array_equal(lines[name], values)
    decided = np.searchsorted(bars.close_time, signals.decision_time)
    assert np.isfinite(expected["opening_high"][decided]).all()
    ends = bars.close_time[np.array(last_rows)]
    half_or_whole = pd.to_datetime(ends, utc=True).tz_convert(NEW_YORK).strftime("%H:%M")
    assert not set(signals.decision_time) & set(ends[np.isin(half_or_whole, ["13:00", "16:00"])])


def assert_no_month_without_a_signal(bars: Bars, rule: Strategy) -> None:
    months = [pd.to_datetime(times).to_period("M") for times in (bars.close_time, rule.signals(bars).decision_time)]
    assert set(months[0]) == set(months[1])


@pytest.mark.parametrize("minutes", [30, 60])
def test_the_opening_range_stands_at_half_past_nine_in_summer_and_winter(around_the_clock, minutes):
    rule = OpeningRangeBreakout(opening_minutes=minutes, session="XNYS")
    assert_opening_ranges(around_the_clock, rule)
    assert_no_month_without_a_signal(around_the_clock, rule)


def real_year(shared_data: Path, path: str, first: str, last: str) -> Bars:
    whole = read_file(shared_data / "dev" / path, symbol="X", timeframe=parse_timeframe("1m"))[0]
    bars = whole.between(*(int(pd.Timestamp(text, tz="UTC").value) for text in (first, last)))
    assert len(bars) > 40_000
    return bars


@pytest.mark.parametrize(
    ("path", "first", "last"),
    [
        # All that there is of this stock: half a year, with both changes of the clocks and two half days.
        ("equity_1m/us_NVDA_1m.parquet", "2025-09-01", "2026-04-01"),
        ("forex_1m/histdata_SPXUSD_1m.parquet", "2018-01-01", "2019-01-01"),
        ("forex_1m/histdata_SPXUSD_1m.parquet", "2019-01-01", "2020-01-01"),
    ],
)
def test_the_opening_range_of_real_bars_stands_at_half_past_nine(shared_data, path, first, last):
    bars = real_year(shared_data, path, first, last)
    for rule in (OpeningRangeBreakout(session="XNYS"), TrendDay(session="XNYS"), TimeOfDay(session="XNYS")):
        assert_no_month_without_a_signal(bars, rule)
        trades = simulate(rule, bars, instrument_from("X", {"kind": "stock"}))
        times = (bars.close_time, np.asarray(trades.decision_time))
        months = [set(pd.to_datetime(each).to_period("M")) for each in times]
        assert months[0] == months[1], "trades by month have no hole"
    assert_opening_ranges(bars, OpeningRangeBreakout(opening_minutes=30, session="XNYS"), complete=False)


@pytest.mark.parametrize(("minute", "weekdays"), [(0, 127), (60, 127), (65, 4), (330, 127)])
def test_time_of_day_counts_from_the_open_of_the_session(around_the_clock, minute, weekdays):
    bars = around_the_clock
    signals = TimeOfDay(minute=minute, weekdays=weekdays, session="XNYS").signals(bars)
    expected = []
    for day, part in new_york_sessions(bars).items():
        time = pd.Timestamp(f"{day} 09:30", tz=NEW_YORK) + pd.Timedelta(minutes=minute)
        if weekdays >> time.day_of_week & 1:
            expected += part["row"][(part.index <= time) & (part.index > time - pd.Timedelta("10min"))].tolist()
    assert signals.decision_time.tolist() == bars.close_time[expected].tolist()


def test_a_time_of_a_zone_opens_days_of_23_and_25_hours(around_the_clock):
    bars = around_the_clock
    times = TimeOfDay(session="8:00 Europe/London").signals(bars).decision_time - bars.timeframe.duration
    local = pd.to_datetime(times, utc=True).tz_convert(LONDON)
    assert set(local.strftime("%H:%M")) == {"08:00"}
    assert len(local) == 319  # every day of the bars
    assert {23 * 60, 24 * 60, 25 * 60} == set((np.diff(times) // 60_000_000_000).tolist())


def test_forex_days_begin_at_five_in_new_york_and_belong_to_the_day_they_end(around_the_clock):
    bars = around_the_clock
    times = TimeOfDay(session="forex", weekdays=1).signals(bars).decision_time - bars.timeframe.duration
    local = pd.to_datetime(times, utc=True).tz_convert(NEW_YORK)
    assert set(local.strftime("%a %H:%M")) == {"Sun 17:00"}


def naive_trend_days(bars: Bars, rule: TrendDay) -> dict[int, float]:
    """The rows at which a trend day begins in New York, and its side."""
    ranges: list[float] = []
    found = {}
    for day, part in list(new_york_sessions(bars).items()):
        border = pd.Timestamp(f"{day} 09:30", tz=NEW_YORK) + pd.Timedelta(minutes=rule.first_minutes)
        first = part[part.index < border]
        high, low, opened, close = (
            first["high"].max(),
            first["low"].min(),
            first["open"].iloc[0],
            first["close"].iloc[-1],
        )
        if len(ranges) >= rule.sessions:
            average = np.mean(ranges[-rule.sessions :])
            if ranges[-1] <= rule.narrow * average or high - low >= rule.wide * average:
                edge = rule.extreme * (high - low)
                if close > opened and close >= high - edge:
                    found[int(first["row"].iloc[-1])] = 1.0
                elif close < opened and close <= low + edge:
                    found[int(first["row"].iloc[-1])] = -1.0
        ranges.append(part["high"].max() - part["low"].min())
    return found


def test_trend_days_are_those_of_a_loop_and_leave_at_the_close_of_half_days_too(around_the_clock):
    bars = around_the_clock
    rule = TrendDay(session="XNYS", extreme=0.5)
    signals, expected = rule.signals(bars), naive_trend_days(bars, rule)
    rows = np.searchsorted(bars.close_time, signals.decision_time)
    assert dict(zip(rows.tolist(), signals.side.tolist(), strict=True)) == expected
    leave = pd.to_datetime(signals.leave_at, utc=True).tz_convert(NEW_YORK)
    clock = np.where(leave.strftime("%F").isin(HALF_DAYS), "13:00", "16:00")
    assert leave.strftime("%H:%M").tolist() == clock.tolist()


SESSIONS = ("XNYS", "CMES", "XTKS", "forex", "0800_Europe.London")


@pytest.mark.parametrize("session", SESSIONS)
@pytest.mark.parametrize(
    "rule",
    [OpeningRangeBreakout(), TrendDay(sessions=2, extreme=0.5), TimeOfDay(minute=45)],
    ids=lambda rule: rule.name,
)
def test_a_signal_is_the_same_from_its_lookback_as_from_all_of_history(around_the_clock, rule, session):
    text = rule.id.replace("session_minute=0,", "").replace(")", f",session={session})")
    strategy = parse_strategy(text)
    assert isinstance(strategy, SessionRule)
    assert strategy.session == session
    bars = around_the_clock[:12_000]
    assert len(strategy.signals(bars)) > 10
    assert not check_strategy(strategy, bars, n_samples=40, seed=5)


def test_an_id_holds_its_session_and_one_without_stays_as_it_was():
    old = "opening_range_breakout(opening_minutes=60,session_minute=480,reward=1,max_hold=48)"
    assert parse_strategy(old).id == old == OpeningRangeBreakout(session_minute=480).id
    new = parse_strategy("opening_range_breakout(session=09:30 America/New_York)")
    assert new.id == "opening_range_breakout(opening_minutes=60,reward=1,max_hold=48,session=0930_America.New_York)"
    assert parse_strategy(new.id) == new
    assert parse_strategy("trend_day(session=always)") == TrendDay()
    assert TimeOfDay(minute=5).id.endswith("(minute=5,side=1,weekdays=127,stop_loss=0.01,reward=2,max_hold=48)")


def test_a_rule_takes_the_session_of_its_market_unless_it_names_a_time():
    chosen = choose_strategies(None, rules=["opening_range_breakout", "time_of_day"], session="XNYS")
    assert all("session=XNYS" in strategy.id and "session_minute" not in strategy.id for strategy in chosen)
    assert len(chosen) == 12 + 32
    texts = ["opening_range_breakout(reward=2)", "opening_range_breakout(session_minute=0)", "time_of_day(minute=5)"]
    sessions = [choose_strategies(1, rules=[text], session="CMES")[0].session for text in texts]
    assert sessions == ["CMES", "", ""]
    assert choose_strategies(None, session="") == choose_strategies(None)


@pytest.mark.parametrize(
    ("text", "error", "match"),
    [
        ("trend_day(session=XNYZ)", Unknown, "unknown exchange 'XNYZ'"),
        ("trend_day(session=25:00 America/New_York)", BadInput, "use a time and a zone"),
        ("trend_day(session=0930_Mars)", BadInput, "unknown time zone 'Mars'"),
        ("trend_day(session=XNYS,session_minute=5)", BadInput, "give either session or session_minute"),
    ],
)
def test_sessions_that_do_not_exist_are_refused(text, error, match):
    with pytest.raises(error, match=match):
        parse_strategy(text)
