"""Planted defects are found exactly, clean bars give no finding, and real bars give those that are known."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradesieve.market.bars import COLUMNS, Bars, format_time
from tradesieve.market.calendars.trading_hours import expected_cells, infer_hours, trading_spans
from tradesieve.market.errors import BadInput, Unknown
from tradesieve.market.quality.checks import check_bars, check_columns
from tradesieve.market.quality.defects import (
    find_bad_prints,
    find_constant,
    find_filled,
    find_frozen,
    find_jumps,
    find_off_grid,
    find_splits,
)
from tradesieve.market.quality.gaps import find_gaps
from tradesieve.market.sources.reading import read_columns, read_file
from tradesieve.market.sources.vendors.base import ReadOptions
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.market.timeframes import DAY, parse_timeframe

START = 1_672_531_200_000_000_000  # Sunday, 2023-01-01


def clean(timeframe: str = "5m", n_days: int = 30, **recipe: object) -> Bars:
    market = SyntheticMarket(timeframe=parse_timeframe(timeframe), n_days=n_days, **recipe)  # type: ignore[arg-type]
    return market.generate("AAA")[0]


def changed(bars: Bars, **columns: np.ndarray) -> Bars:
    return Bars(bars.symbol, bars.timeframe, **{name: getattr(bars, name) for name in COLUMNS} | columns)


def kept(bars: Bars, rows: np.ndarray) -> Bars:
    return changed(bars, **{name: getattr(bars, name)[rows] for name in COLUMNS})


def columns_of(bars: Bars) -> dict[str, np.ndarray]:
    return {name: getattr(bars, name).copy() for name in COLUMNS}


def on_hours(hours: str, timeframe: str, n_days: int, phase: int = 0) -> Bars:
    """Make bars in every cell of trading time and nowhere else, priced by a walk without jumps."""
    kept_timeframe = parse_timeframe(timeframe)
    first = START // kept_timeframe.duration
    last = first + n_days * DAY // kept_timeframe.duration
    cells = np.concatenate(list(expected_cells(hours, kept_timeframe, phase, first, last)))
    price = 100 + np.sin(np.arange(len(cells) + 1) / 7.0)
    low, high = np.minimum(price[1:], price[:-1]) - 0.3, np.maximum(price[1:], price[:-1]) + 0.3
    close_time = (cells + 1) * kept_timeframe.duration + phase
    volume = 10.0 + np.arange(len(cells)) % 13
    return Bars("AAA", kept_timeframe, close_time, price[:-1], high, low, price[1:], volume)


# -- nothing where nothing is ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("timeframe", ["1m", "5m", "1h", "1d"])
@pytest.mark.parametrize("edge", [0.0, 0.25])
def test_clean_bars_give_no_finding(timeframe: str, edge: float) -> None:
    n_days = {"1m": 20, "5m": 60, "1h": 400, "1d": 2000}[timeframe]
    checked = check_bars(clean(timeframe, n_days, edge=edge, seed=3))
    assert checked.findings == ()
    assert (checked.calendar, checked.missing_rate, checked.n_defects) == ("always", 0.0, 0)


@pytest.mark.parametrize("n", [1, 2, 3, 7])
def test_a_few_bars_can_be_checked(n: int) -> None:
    checked = check_bars(clean()[:n])
    assert checked.findings == ()
    json.dumps(checked.as_dict(), allow_nan=False)


def test_no_bars_are_refused() -> None:
    with pytest.raises(BadInput, match="no bars to check"):
        check_bars(clean()[:0])


# -- gaps and trading hours --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hours", ["always", "weekdays", "forex", "XNYS"])
@pytest.mark.parametrize("timeframe", ["15m", "1d"])
def test_hours_are_guessed_and_full_hours_have_no_gap(hours: str, timeframe: str) -> None:
    bars = on_hours(hours, timeframe, n_days={"15m": 120, "1d": 400}[timeframe])  # with Christmas
    guessed, reason = infer_hours(bars, 0)
    gaps = find_gaps(bars, guessed)
    assert guessed == hours
    assert f"% for {hours!r}, to" in reason
    assert (len(gaps.n_missing), gaps.n_expected, gaps.n_outside, gaps.pauses) == (0, len(bars), 0, ())


@settings(max_examples=30, deadline=None)
@given(st.data(), st.sampled_from(["always", "forex", "XNYS"]))
def test_every_absent_bar_is_missed_exactly(data: st.DataObject, hours: str) -> None:
    bars = on_hours(hours, "30m", n_days=30)
    absent = data.draw(st.sets(st.integers(1, len(bars) - 2), max_size=12))
    there = np.ones(len(bars), np.bool_)
    there[list(absent)] = False
    gaps = find_gaps(kept(bars, there), hours)
    runs = np.diff(np.concatenate([[True], there, [True]]).astype(np.int8))
    starts, ends = np.flatnonzero(runs == -1), np.flatnonzero(runs == 1)
    assert gaps.n_missing.tolist() == (ends - starts).tolist()
    assert gaps.start_time.tolist() == bars.open_time[starts].tolist()
    assert gaps.end_time.tolist() == bars.close_time[ends - 1].tolist()
    assert gaps.missing_rate == pytest.approx(len(absent) / len(bars))


def test_a_gap_that_spans_chunks_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tradesieve.market.calendars.trading_hours._CHUNK", 7)
    there = np.ones(288, np.bool_)
    there[5:60] = there[100:107] = False
    gaps = find_gaps(kept(clean()[:288], there), "always")
    assert gaps.n_missing.tolist() == [55, 7]


def test_the_week_of_forex_turns_at_five_in_new_york_in_summer_and_winter() -> None:
    start, end = (pd.Timestamp(day, tz="UTC").value for day in ("2023-03-06", "2023-03-20"))
    spans = [[format_time(time) for time in span] for span in trading_spans("forex", start, end)]
    assert spans == [
        ["2023-03-05T22:00:00Z", "2023-03-10T22:00:00Z"],
        ["2023-03-12T21:00:00Z", "2023-03-17T21:00:00Z"],
        ["2023-03-19T21:00:00Z", "2023-03-24T21:00:00Z"],
    ]
    christmas = trading_spans("forex", *(pd.Timestamp(day, tz="UTC").value for day in ("2024-12-23", "2024-12-27")))
    assert [[format_time(time) for time in span] for span in christmas] == [
        ["2024-12-22T22:00:00Z", "2024-12-24T22:00:00Z"],
        ["2024-12-25T22:00:00Z", "2024-12-27T22:00:00Z"],
    ]


def test_holidays_and_early_closes_of_an_exchange_are_no_gaps() -> None:
    start, end = (pd.Timestamp(day, tz="UTC").value for day in ("2023-11-22", "2023-11-25"))
    spans = [[format_time(time) for time in span] for span in trading_spans("XNYS", start, end)]
    assert spans == [
        ["2023-11-22T14:30:00Z", "2023-11-22T21:00:00Z"],
        ["2023-11-24T14:30:00Z", "2023-11-24T18:00:00Z"],
    ]


def test_a_daily_break_is_a_pause_and_not_a_gap() -> None:
    bars = on_hours("always", "30m", n_days=100)
    there = ~np.isin(bars.open_time % DAY, [22 * DAY // 24, 22 * DAY // 24 + DAY // 48])
    there[1000:1004] = False
    gaps = find_gaps(kept(bars, there), "always")
    assert gaps.n_missing.tolist() == [4]
    assert gaps.pauses == ("22:00 to 23:00 UTC on Mon, Tue, Wed, Thu, Fri, Sat, Sun",)


def test_bars_outside_of_hours_are_counted() -> None:
    bars = on_hours("always", "1h", n_days=14)
    found = {finding.kind: finding for finding in check_bars(bars, calendar="XNYS").findings}
    inside = np.concatenate(list(expected_cells("XNYS", bars.timeframe, 0, START // 3_600_000_000_000, 10**9)))
    n_inside = np.isin(bars.open_time // bars.timeframe.duration, inside).sum()
    assert found["outside_hours"].count == len(bars) - n_inside > 200
    assert "gap" not in found


def test_an_unknown_calendar_is_named() -> None:
    with pytest.raises(Unknown, match=r"unknown calendar 'XNYSE': did you mean 'XNYS'\?"):
        check_bars(clean(), calendar="XNYSE")


# -- single bars and runs ----------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(row=st.integers(5, 4000), side=st.sampled_from([1, -1]), length=st.integers(1, 3), whole=st.booleans())
def test_a_planted_bad_print_is_found_exactly(row: int, side: int, length: int, whole: bool) -> None:
    bars = clean(n_days=14)
    columns = columns_of(bars)
    factor = 1.5**side
    rows = np.arange(row, row + length)
    wick = "high" if side == 1 else "low"
    for name in ("open", "high", "low", "close") if whole else (wick,):
        columns[name][rows] *= factor
    prints = find_bad_prints(changed(bars, **columns))
    assert prints.row.tolist() == rows.tolist()
    assert set(prints.side.tolist()) == {side}
    around = np.r_[row - 3 : row, row + length : row + length + 3]
    neighbours = getattr(bars, wick)[around]
    assert set(prints.bound.tolist()) == {neighbours.max() if side == 1 else neighbours.min()}


@pytest.mark.parametrize("factor", [0.8, 1.3])
def test_a_move_that_stays_is_a_jump_and_no_bad_print(factor: float) -> None:
    bars = clean(n_days=14)
    columns = columns_of(bars)
    for name in ("open", "high", "low", "close"):
        columns[name][2000:] *= factor
    moved = changed(bars, **columns)
    assert len(find_bad_prints(moved).row) == 0
    assert find_jumps(moved).tolist() == [2000]


@pytest.mark.parametrize("ratio", ["2:1", "3:2", "7:1", "20:1", "1:10", "1:2"])
@pytest.mark.parametrize("timeframe", ["1d", "1h"])
def test_a_planted_split_is_found_at_its_bar(ratio: str, timeframe: str) -> None:
    bars = on_hours("XNYS", timeframe, n_days=200)
    new, old = map(int, ratio.split(":"))
    days = bars.open_time // DAY
    row = int(np.argmax(days == days[len(days) // 2]))
    columns = columns_of(bars)
    for name in ("open", "high", "low", "close"):
        columns[name][:row] *= new / old
    columns["volume"][:row] *= old / new
    (split,) = find_splits(changed(bars, **columns))
    assert (split.row, split.ratio.numerator, split.ratio.denominator) == (row, new, old)


def test_a_crash_that_is_traded_heavily_is_no_split() -> None:
    bars = on_hours("XNYS", "1d", n_days=200)
    columns = columns_of(bars)
    for name in ("open", "high", "low", "close"):
        columns[name][70:] /= 2
    assert len(find_splits(changed(bars, **columns))) == 1, "without the trading it looks like one"
    columns["volume"][70] *= 12
    assert find_splits(changed(bars, **columns)) == ()


def test_a_price_after_months_without_bars_is_no_split() -> None:
    bars = on_hours("always", "1d", n_days=200)
    columns = columns_of(bars)
    for name in ("open", "high", "low", "close"):
        columns[name][100:] /= 2
    assert len(find_splits(changed(bars, **columns))) == 1
    there = np.r_[0:60, 100:200]
    assert find_splits(kept(changed(bars, **columns), there)) == ()


def test_frozen_filled_and_constant_bars_are_told_apart() -> None:
    bars = clean()
    columns = columns_of(bars)
    for name in COLUMNS[1:]:
        columns[name][101:104] = columns[name][100]  # four equal bars with a range
        columns[name][201:202] = columns[name][200]  # two: chance
    for name in ("open", "high", "low", "close"):
        columns[name][301:306] = columns["close"][300]  # five bars that a vendor filled in
        columns[name][400:415] = columns["close"][399]  # fifteen at one price, traded
    columns["volume"][301:306] = 0
    columns["volume"][500] = 0
    dirty = changed(bars, **columns)
    frozen, filled, constant = find_frozen(dirty), find_filled(dirty), find_constant(dirty)
    assert [frozen.start.tolist(), frozen.length.tolist()] == [[100], [4]]
    assert [filled.start.tolist(), filled.length.tolist()] == [[301], [5]]
    assert [constant.start.tolist(), constant.length.tolist()] == [[400], [15]]
    found = {finding.kind: finding for finding in check_bars(dirty).findings}
    assert found["zero_volume"].count == 6
    assert {kind for kind, finding in found.items() if finding.defect} == {"frozen"}


def test_a_vendor_without_volumes_is_told_once() -> None:
    bars = clean()
    found = [finding.kind for finding in check_bars(changed(bars, volume=np.zeros(len(bars)))).findings]
    assert found == ["no_volume"]


def test_bars_off_the_grid_are_found() -> None:
    bars = clean("1h", 30)
    columns = columns_of(bars)
    columns["close_time"][[7, 300]] += 5 * 60_000_000_000
    kept = np.delete(np.arange(len(bars)), [8, 301])  # the bars that a moved one would overlap
    moved = Bars(bars.symbol, bars.timeframe, **{name: values[kept] for name, values in columns.items()})
    assert find_off_grid(moved).tolist() == [7, 299]
    half = changed(bars, close_time=bars.close_time + 30 * 60_000_000_000)
    assert find_off_grid(half).tolist() == [], "all of them are on a grid of their own"
    assert check_bars(half).findings == ()


# -- tables that break the laws ----------------------------------------------------------------------------------------


def test_every_broken_law_is_told_with_its_first_row() -> None:
    bars = clean(n_days=3)
    columns = columns_of(bars)
    columns["close"][[10, 20]] = np.nan
    columns["low"][30] = -1.0
    columns["volume"][40] = -5.0
    columns["high"][50] = columns["low"][50]
    columns["low"][60] = columns["high"][60]
    columns["close_time"][70] = columns["close_time"][69]
    columns["close_time"][[80, 81]] = columns["close_time"][[81, 80]]
    checked = check_columns(columns, symbol="AAA", timeframe=bars.timeframe)
    laws = [finding for finding in checked.findings if finding.kind == "broken_law"]
    assert {(finding.details[0]["row"], finding.count) for finding in laws} == {
        (10, 2), (30, 1), (40, 1), (50, 1), (60, 1), (70, 1), (81, 1),
    }  # fmt: skip
    assert len(checked.bars) == len(bars) - 7
    json.dumps(checked.as_dict(), allow_nan=False)


def test_a_table_without_one_good_row_is_refused() -> None:
    columns = columns_of(clean(n_days=2))
    columns["open"][:] = np.nan
    with pytest.raises(BadInput, match="all 576 rows break a law"):
        check_columns(columns, symbol="AAA", timeframe=parse_timeframe("5m"))


# -- the distribution --------------------------------------------------------------------------------------------------


def test_the_distribution_is_that_of_pandas() -> None:
    bars = clean(n_days=30)
    returns = pd.Series(bars.close).pct_change().dropna()
    found = check_bars(bars).distribution
    assert found["return_mean"] == pytest.approx(returns.mean())
    assert found["return_std"] == pytest.approx(returns.std(ddof=0))
    # pandas corrects for the size of the sample.
    assert found["return_skew"] == pytest.approx(returns.skew(), rel=1e-3)
    assert found["return_excess_kurtosis"] == pytest.approx(returns.kurt(), rel=1e-2)
    assert found["return_quantiles"]["0.01"] == pytest.approx(returns.quantile(0.01))
    assert sum(found["bars_by_hour"].values()) == sum(found["bars_by_weekday"].values()) == len(bars)


# -- real bars ---------------------------------------------------------------------------------------------------------


def real(shared_data, name: str, timeframe: str) -> Bars:
    path = shared_data / "dev" / f"{name}.parquet"
    return read_file(path, symbol="AAA", timeframe=parse_timeframe(timeframe))[0]


@pytest.mark.parametrize(
    ("name", "timeframe", "known"),
    [
        ("equity_1d/lean_AAPL_1d", "1d", "2:1 2000-06-21, 2:1 2005-02-28, 7:1 2014-06-09, 4:1 2020-08-31"),
        ("equity_1h/lean_AAPL_1h", "1h", "2:1 2000-06-21, 2:1 2005-02-28, 7:1 2014-06-09, 4:1 2020-08-31"),
        ("equity_1d/wiki_AAPL_1d", "1d", "2:1 2000-06-21, 2:1 2005-02-28"),
        ("equity_1d/lean_GOOG_1d", "1d", "2:1 2014-04-03"),
        ("equity_1d/bt_NVDA_1d", "1d", ""),  # adjusted
        ("equity_1d/lean_SPY_1d", "1d", ""),
        ("crypto_1d/bitstamp_BTCUSD_1d", "1d", ""),
        ("crypto_1m/binanceum_NEARUSDT_1m", "1m", ""),  # half of its months are missing
    ],
)
def test_real_splits_are_found_on_their_days_and_no_others(shared_data, name, timeframe, known) -> None:
    bars = real(shared_data, name, timeframe)
    found = [
        f"{split.ratio.numerator}:{split.ratio.denominator} {format_time(bars.open_time[split.row])[:10]}"
        for split in find_splits(bars)
    ]
    assert ", ".join(found) == known


def test_real_bad_prints_of_apple_are_found(shared_data) -> None:
    """Three lows with the decimal point one place to the left."""
    bars = real(shared_data, "equity_1d/lean_AAPL_1d", "1d")
    prints = find_bad_prints(bars)
    assert [format_time(bars.open_time[row])[:10] for row in prints.row] == ["2009-09-21", "2010-08-31", "2011-01-03"]
    assert (bars.low[prints.row] < 0.11 * prints.bound).all()


def test_the_hour_that_nasdaq_stood_still_is_a_gap(shared_data) -> None:
    bars = real(shared_data, "equity_1h/lean_AAPL_1h", "1h")
    checked = check_bars(bars)
    assert checked.calendar == "XNYS"
    (gap,) = (finding for finding in checked.findings if finding.kind == "gap")
    assert not gap.defect
    assert [row["from"] for row in gap.details] == ["2013-08-22T17:00:00Z", "2002-09-11T13:00:00Z"]


def test_the_hours_of_real_markets_are_guessed(shared_data) -> None:
    for name, timeframe, hours in (
        ("crypto_1h/bitstamp_BTCUSD_1h", "1h", "always"),
        ("equity_5m/us_SPY_5m", "5m", "XNYS"),
        ("forex_1h/oanda_EURUSD_1h", "1h", "forex"),
        ("index_1d/SP500_1d", "1d", "XNYS"),
    ):
        assert check_bars(real(shared_data, name, timeframe)).calendar == hours
    gold = check_bars(real(shared_data, "forex_1h/ejtrader_XAUUSD_1h", "1h"))
    assert gold.pauses == ("17:00 to 18:00 America/New_York on Mon, Tue, Wed, Thu, Sun",)


def test_a_real_file_that_the_store_refuses_is_told_as_a_whole(shared_data) -> None:
    path = shared_data / "dev" / "equity_1d" / "djia_HD_1d.parquet"
    columns, _, _ = read_columns(path, ReadOptions(parse_timeframe("1d")))
    checked = check_columns(columns, symbol="HD", timeframe=parse_timeframe("1d"))
    assert sorted(finding.count for finding in checked.findings if finding.kind == "broken_law") == [1, 1, 3, 9]
    assert (len(checked.bars), checked.calendar) == (3006, "XNYS")
