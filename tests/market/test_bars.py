from __future__ import annotations

import numpy as np
import pytest

from tradesieve.market.bars import COLUMNS, PRICES, VALUES, Bars, broken_laws, format_time
from tradesieve.market.errors import BadData, BadInput
from tradesieve.market.session_bars import SessionBars
from tradesieve.market.timeframes import parse_timeframe

MINUTE = parse_timeframe("1m")
START = 1_700_000_040_000_000_000  # 2023-11-14T22:14:00Z


def columns(n: int = 8, **changes: dict[int, float]) -> dict[str, np.ndarray]:
    """Make lawful columns, then change single values: ``low={3: -1.0}``."""
    made = {
        "close_time": START + MINUTE.duration * np.arange(1, n + 1, dtype=np.int64),
        "open": np.full(n, 100.0),
        "high": np.full(n, 102.0),
        "low": np.full(n, 99.0),
        "close": np.full(n, 101.0),
        "volume": np.full(n, 5.0),
    }
    for name, values in changes.items():
        for row, value in values.items():
            made[name][row] = value
    return made


def bars(n: int = 8, **changes: dict[int, float]) -> Bars:
    return Bars("BTC-USD", MINUTE, **columns(n, **changes))


def five_minutes() -> Bars:
    return Bars("BTC-USD", parse_timeframe("5m"), **columns(1))


@pytest.mark.parametrize(
    ("changes", "row", "law"),
    [
        ({"close_time": {3: START + 3 * MINUTE.duration}}, 3, "same time as the row before"),
        ({"close_time": {3: START}}, 3, "earlier than the row before"),
        ({"open": {5: np.nan}}, 5, "missing value"),
        ({"high": {5: np.inf}}, 5, "missing value"),
        ({"volume": {0: np.nan}}, 0, "missing value"),
        ({"low": {2: 0.0}}, 2, "not positive"),
        ({"low": {2: -99.0}}, 2, "not positive"),
        ({"close": {6: -1.0}}, 6, "not positive"),
        ({"volume": {7: -1e-9}}, 7, "negative volume"),
        ({"low": {1: 100.5}}, 1, "low above its open or close"),
        ({"high": {1: 100.5}}, 1, "high below its open or close"),
    ],
)
def test_a_broken_law_names_symbol_time_row_and_values(changes, row, law):
    with pytest.raises(BadData, match=rf"^BTC-USD: row {row} at .*Z .*{law}.*open .*volume"):
        bars(**changes)


def test_the_first_offending_row_is_named_whichever_law_it_breaks():
    # Row 2 breaks the last law, row 5 the third: a person mends the file from the top.
    with pytest.raises(BadData, match=r"row 2 at 2023-11-14T22:17:00Z has a high below"):
        bars(high={2: 100.0}, open={5: np.nan})
    with pytest.raises(BadData, match=r"row 1 .* has a missing value"):
        bars(open={1: np.nan}, close_time={4: START})


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -1.0, -0.0, 0.0, 1e-9, 99.0, 100.0, 101.5, 103.0, 1e300])
def test_a_row_breaks_a_law_whatever_its_value_is_or_keeps_them_all(name, value):
    row = {column: values[3] for column, values in columns(**{name: {3: value}}).items()}
    lawful = (
        all(np.isfinite(row[column]) for column in VALUES)
        and 0 < row["low"] <= min(row["open"], row["close"])
        and max(row["open"], row["close"]) <= row["high"]
        and row["volume"] >= 0
    )
    laws = broken_laws(columns(**{name: {3: value}}))
    assert [law for law, broken in laws.items() if broken.tolist() != [False] * 3 + [True] + [False] * 4] == []
    assert bool(laws) is not lawful


def test_every_offending_row_is_counted():
    with pytest.raises(BadData, match=r"row 1 .* negative volume \(3 such rows\)"):
        bars(volume={1: -1.0, 4: -1.0, 6: -2.0})


@pytest.mark.parametrize("name", COLUMNS)
def test_columns_of_different_length_are_refused(name):
    short = columns()
    short[name] = short[name][:-1]
    with pytest.raises(BadData, match=r"column .* has shape"):
        Bars("BTC-USD", MINUTE, **short)


@pytest.mark.parametrize("kind", ["datetime64[us]", "datetime64[ns]", "float64"])
def test_times_that_are_no_integers_are_refused_and_never_reinterpreted(kind):
    times = columns()["close_time"]
    given = times.astype("datetime64[ns]").astype(kind) if kind.startswith("datetime") else times.astype(kind)
    with pytest.raises(BadData, match="expected int64 ns UTC"):
        Bars("BTC-USD", MINUTE, **{**columns(), "close_time": given})


def test_what_happened_does_not_change():
    given = columns()
    made = Bars("BTC-USD", MINUTE, **given)
    given["close"][0] = 1e9
    assert made.close[0] == 101.0, "bars keep their own copy"
    for name in COLUMNS:
        with pytest.raises(ValueError, match="read-only"):
            getattr(made, name)[0] = 1
    with pytest.raises(ValueError, match="read-only"):
        made[2:4].close[0] = 1.0


def test_bars_may_be_empty_and_may_have_gaps():
    assert len(Bars("BTC-USD", MINUTE, **columns(0))) == 0
    late = START + 10**15
    assert bars(close_time={7: late}).close_time[-1] == late


def test_a_slice_is_a_view_of_the_rows_asked_for():
    whole = bars(open={4: 100.5})
    part = whole[2:6]
    assert (len(part), part.symbol, part.timeframe) == (4, "BTC-USD", MINUTE)
    for name in COLUMNS:
        assert np.shares_memory(getattr(part, name), getattr(whole, name))
        np.testing.assert_array_equal(getattr(part, name), getattr(whole, name)[2:6])
    assert len(whole[::2]) == 4


@pytest.mark.parametrize("rows", [slice(None, None, -1), 3, np.array([5, 1])])
def test_a_slice_cannot_turn_time_around(rows):
    with pytest.raises(BadInput, match="forward in time"):
        bars()[rows]


def test_between_leaves_out_the_start_and_keeps_the_end():
    made = bars()
    times = made.close_time
    assert made.between(times[1], times[4]).close_time.tolist() == times[2:5].tolist()
    assert made.between(end_time=times[0]).close_time.tolist() == [times[0]]
    assert len(made.between(start_time=times[-1])) == 0
    assert len(made.between()) == len(made)
    # Cut anywhere, nothing is lost and nothing is twice.
    middle = int(times[3]) + 1
    assert len(made.between(None, middle)) + len(made.between(middle, None)) == len(made)


def test_later_bars_follow_and_others_do_not():
    made = bars()
    joined = made[:3].followed_by(made[3:])
    assert joined.fingerprint == made.fingerprint
    with pytest.raises(BadData, match=r"row 4 .* same time"):
        made[:4].followed_by(made[3:])
    with pytest.raises(BadData, match="cannot follow"):
        made.followed_by(Bars("ETH-USD", MINUTE, **columns()))
    with pytest.raises(BadData, match="5m bars cannot follow BTC-USD 1m"):
        made.followed_by(five_minutes())


def test_the_fingerprint_covers_symbol_timeframe_and_every_value():
    prints = {bars().fingerprint, Bars("ETH-USD", MINUTE, **columns()).fingerprint}
    prints |= {made.fingerprint for made in (bars(1), five_minutes())}
    prints |= {bars(**{name: {4: columns()[name][4] + 0.25}}).fingerprint for name in (*PRICES, "volume")}
    prints.add(bars(close_time={7: START + 10**15}).fingerprint)
    assert len(prints) == 10
    assert bars().fingerprint == bars().fingerprint


def test_open_time_and_printed_time():
    made = bars()
    assert made.open_time[0] == START
    assert format_time(START + 999_999_999) == "2023-11-14T22:14:00Z"
    assert format_time(-1) == "1969-12-31T23:59:59Z"


def test_bars_are_kept_by_a_mask():
    whole = bars()
    keep = np.arange(len(whole)) % 2 == 0
    part = whole.where(keep)
    assert (part.symbol, part.timeframe) == (whole.symbol, whole.timeframe)
    for name in COLUMNS:
        assert getattr(part, name).tolist() == getattr(whole, name)[::2].tolist()


def test_no_bar_opens_before_the_one_before_it_has_closed():
    for late in (1, 1_000_000, MINUTE.duration // 2):
        with pytest.raises(BadData, match=r"row 4 at .* opens before the row before it has closed"):
            bars(close_time={3: START + 4 * MINUTE.duration + late})
    with pytest.raises(BadData, match=r"row 1 .*\(7 such rows\)"):
        Bars("BTC-USD", parse_timeframe("5m"), **columns())


def test_a_day_may_be_an_hour_shorter_when_the_clocks_change():
    day = parse_timeframe("1d")
    for hours, is_lawful in ((24, True), (23, True), (25, True), (22, False), (23.5, False)):
        time = np.array([1, 25, 25 + hours]) * 3_600_000_000_000
        values = {**columns(3), "close_time": time.astype(np.int64)}
        if is_lawful:
            assert len(Bars("BTC-USD", day, **values)) == 3
        else:
            with pytest.raises(BadData, match=r"row 2 .* opens before the row before it"):
                Bars("BTC-USD", day, **values)


def test_within_sessions_a_bar_may_be_short_but_not_two_in_a_row():
    hour = parse_timeframe("1h")
    made = SessionBars("SPY", hour, **{**columns(4), "close_time": START + np.array([60, 90, 150, 180]) * 60 * 10**9})
    for part in (made[1:], made.where(np.ones(4, np.bool_)), made[:2].followed_by(made[2:])):
        assert isinstance(part, SessionBars)
    with pytest.raises(BadData, match=r"row 2 .* opens before"):
        SessionBars("SPY", hour, **{**columns(4), "close_time": START + np.array([60, 90, 120, 180]) * 60 * 10**9})
    with pytest.raises(BadData, match=r"row 1 .* opens before"):
        Bars("SPY", hour, **{name: getattr(made, name) for name in COLUMNS})


@pytest.mark.parametrize(
    ("volume", "expected"),
    [([0, 0, 0], 3), ([1, 2, 3], 3), ([0, 1, 0], 2), ([1, 0, 0], 1), ([0, 0, 1], 3), ([], 0)],
)
def test_a_bar_without_trades_is_known_from_the_first_volume_on(volume, expected):
    minute = parse_timeframe("1m")
    prices = np.full(len(volume), 100.0)
    time = minute.duration * np.arange(1, len(volume) + 1)
    bars = Bars("X", minute, time, prices, prices, prices, prices, np.array(volume, dtype=np.float64))
    assert bars.first_untraded == expected
    assert bars.has_volume == any(volume)
