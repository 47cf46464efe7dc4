from __future__ import annotations

import subprocess
import sys
from types import FunctionType

import numpy as np
import pytest

from tradesieve.features.decisions import Decisions
from tradesieve.features.engine.compute import compute
from tradesieve.features.factor import FACTORS, Factor, Feature, bars_factor, series_factor
from tradesieve.features.feature_names import parse_feature
from tradesieve.features.inputs import FeatureInput
from tradesieve.market.bars import COLUMNS, Bars
from tradesieve.market.errors import BadInput, Unknown
from tradesieve.market.timeframes import parse_timeframe

FIVE = parse_timeframe("5m")


def bars_of(closes: list[float], *, volume: float = 1.0) -> Bars:
    close = np.array(closes, dtype=np.float64)
    time = FIVE.duration * np.arange(1, len(close) + 1)
    return Bars("X", FIVE, time, close, close, close, close, np.full(len(close), volume))


def test_the_matrix_has_a_row_a_decision_and_a_column_a_feature(market_bars):
    at = market_bars.close_time[[500, 400, 500]]
    names = ["close__change__window_5", "trade__side", "bars__range__window_2"]
    matrix = compute(market_bars, Decisions(at, np.array([1.0, -1.0, -1.0])), names)
    assert matrix.shape == (3, 3)
    assert matrix.dtype == np.float64
    assert matrix.flags.c_contiguous
    close = market_bars.close
    assert matrix[:, 0].tolist() == [close[500] / close[496] - 1, close[400] / close[396] - 1, matrix[0, 0]]
    assert matrix[:, 1].tolist() == [1.0, -1.0, -1.0]
    for part in (names, [parse_feature(name) for name in names]):
        np.testing.assert_array_equal(compute(market_bars, Decisions(at, np.array([1.0, -1.0, -1.0])), part), matrix)


def test_nothing_in_nothing_out(market_bars):
    assert compute(market_bars, np.zeros(0, np.int64), ["close__slope__window_20"]).shape == (0, 1)
    assert compute(market_bars, market_bars.close_time[:3], []).shape == (3, 0)


def test_no_value_until_the_lookback_is_there(market_bars):
    bars = market_bars[:300]
    matrix = compute(bars, bars.close_time, ["close__slope__window_20", "bars__from_day_open", "clock__day_sine"])
    assert np.isnan(matrix[:19, 0]).all()
    assert np.isfinite(matrix[19:, 0]).all()
    assert np.isnan(matrix[:288, 1]).all()
    assert np.isfinite(matrix[288:, 1]).all()
    assert np.isfinite(matrix[:, 2]).all()


def test_what_has_no_value_is_nan_and_never_infinite():
    rising = bars_of([1.0, 2.0, 4.0, 8.0], volume=0.0)
    matrix = compute(rising, rising.close_time[-1:], ["volume__change__window_2", "volume__relative__window_3"])
    assert np.isnan(matrix).all()

    def infinite(values: np.ndarray, parameters: np.ndarray) -> float:
        """Be infinite."""
        return np.inf

    factor = Factor("infinite", "series", infinite, ("window",), lambda values, timeframe: 2, compiled=False)
    feature = Feature("close__infinite__window_2", factor, FeatureInput("close"), (("window", 2.0),))
    assert np.isnan(compute(rising, rising.close_time[-1:], [feature])[0, 0])


@pytest.mark.parametrize("n_decisions", [1, 20])
def test_a_kernel_that_divides_by_zero_has_no_value(n_decisions):
    def inverse_nb(values, parameters):  # type: ignore[no-untyped-def]
        """Divide by the change of the window, which is zero when flat."""
        return 1.0 / (values[-1] - values[0])

    factor = Factor("inverse", "series", inverse_nb, ("window",), lambda values, timeframe: 2)
    feature = Feature("close__inverse__window_2", factor, FeatureInput("close"), (("window", 2.0),))
    bars = bars_of([*[7.0] * 30, 9.0])
    assert np.isnan(compute(bars, bars.close_time[5 : 5 + n_decisions], [feature])).all()
    assert compute(bars, bars.close_time[-1:], [feature])[0, 0] == 0.5


def test_a_decision_between_bars_is_refused_with_its_time(market_bars):
    for time in (market_bars.close_time[10] + 1, market_bars.close_time[0] - 1, market_bars.close_time[-1] + 10**9):
        with pytest.raises(BadInput, match=rf"BTC-USD 5m: no bar closes at .*Z \({time}\)"):
            compute(market_bars, np.array([market_bars.close_time[5], time]), ["clock__day_sine"])
    with pytest.raises(BadInput, match="no bar closes"):
        compute(market_bars[:0], market_bars.close_time[:1], ["clock__day_sine"])


def test_bars_after_the_decision_do_not_matter(market_bars):
    at, names = market_bars.close_time[[700]], ["close__slope__window_20", "bars__from_day_low"]
    np.testing.assert_array_equal(compute(market_bars, at, names), compute(market_bars[:701], at, names))


@pytest.mark.parametrize("side", [[1.0], [1.0, 0.0], [1.0, np.nan], [1.0, 2.0], [[1.0, -1.0]]])
def test_a_side_that_is_none_is_refused(market_bars, side):
    with pytest.raises(
        BadInput, match=r"side has shape .* one value for each decision|side is .* but has to be \+1 or -1"
    ):
        compute(market_bars, Decisions(market_bars.close_time[:2], np.array(side)), ["clock__day_sine"])


def test_a_feature_of_the_trade_needs_its_side(market_bars):
    with pytest.raises(BadInput, match="feature 'trade__side' requires the side of the trade"):
        compute(market_bars, market_bars.close_time[:2], ["clock__day_sine", "trade__side"])


@pytest.mark.parametrize(
    ("name", "error", "match"),
    [
        ("close__slpe__window_20", Unknown, "'slpe': did you mean 'slope'"),
        ("close", Unknown, "unknown factor in 'close'"),
        ("", Unknown, "unknown factor in ''"),
        ("close__tsfresh_meen__window_20", Unknown, "unknown tsfresh calculator 'meen': did you mean 'mean'"),
        ("clos__slope__window_20", BadInput, "'clos' is not an input"),
        ("close__range__window_20", BadInput, "range reads bars, not 'close'"),
        ("clock__side", BadInput, "side reads trade"),
        ("trade__day_sine", BadInput, "day_sine reads clock"),
        ("close__slope", BadInput, "slope takes window_<number>"),
        ("close__slope__window_20__window_20", BadInput, "slope takes window_<number>"),
        ("close__slope__length_20", BadInput, "slope takes window_<number>"),
        ("clock__day_sine__window_3", BadInput, "day_sine takes no parameters"),
        ("close__slope__window", BadInput, "'window' is not a parameter; write name_number, as in window_20"),
        ("close__slope__window_abc", BadInput, "is not a parameter"),
        ("close__slope__window_1", BadInput, "window is a whole number of at least 2 bars"),
        ("close__slope__window_0", BadInput, "window is a whole number of at least 2 bars"),
        ("close__slope__window_-5", BadInput, "window is a whole number of at least 2 bars"),
        ("close__slope__window_2.5", BadInput, "a whole number of at least 2 bars"),
        ("close__macd__fast_12__slow_26", BadInput, "macd takes fast_<number>__slow_<number>__signal_<number>"),
        ("close__macd__slow_26__fast_12__signal_9", BadInput, "macd takes fast_"),
        ("close__macd__fast_12__slow_26__signal_0", BadInput, "signal is a whole number of at least 1, not 0"),
        ("close__mean_pair__fast_2.5__slow_26", BadInput, "fast is a whole number of at least 1, not 2.5"),
        ("close__mean_pair__fast_1__slow_1", BadInput, "slow is a whole number of at least 2, not 1"),
        ("bars__daily_change__days_0", BadInput, "days is a whole number of at least 1, not 0"),
        ("clock__to_close__session_minute_1440", BadInput, "session_minute is a whole number from 0 to 1439, not 1440"),
        ("clock__since_open__session_minute_-1", BadInput, "session_minute is a whole number from 0 to 1439, not -1"),
        ("clock__since_open", BadInput, "since_open takes session_minute_<number> or session_<market>"),
        ("clock__since_open__session_XNYZ", Unknown, "unknown exchange 'XNYZ'"),
        ("clock__since_open__session_always", Unknown, "unknown exchange 'always'"),
        ("clock__to_close__session_0930_Mars", BadInput, "unknown time zone 'Mars'"),
        ("clock__to_close__session_2530_Europe.London", BadInput, "use a time and a zone"),
        ("clock__to_close__session_9:30 Europe/London", BadInput, "write session_0930_Europe.London, not session_9:30"),
        ("clock__day_sine__session_XNYS", BadInput, "is not a parameter"),
        ("close__trend_state__window_20__threshold_1.5", BadInput, "threshold is between 0 and 1, not 1.5"),
        ("close__slope__window_020", BadInput, "write window_20, not window_020"),
        ("close__slope__window_20.0", BadInput, "write window_20, not window_20.0"),
        ("close__slope__window_20 ", BadInput, "is not a parameter"),
        ("close__tsfresh_mean", BadInput, "write INPUT__tsfresh_CALCULATOR"),
        ("bars__tsfresh_mean__window_20", BadInput, "with INPUT one of close, open, high, low, volume"),
        ("close__tsfresh_mean__window_1", BadInput, "at least 2 bars"),
        ("close__tsfresh_mean__window_020", BadInput, "write INPUT"),
        ("close__tsfresh_mean__lag_3__window_20", BadInput, "mean does not take these parameters"),
        ("close__tsfresh_autocorrelation__window_20", BadInput, "autocorrelation does not take these parameters"),
        ("close__tsfresh_agg_linear_trend__window_20", BadInput, "agg_linear_trend does not take these parameters"),
        ('close__tsfresh_agg_linear_trend__attr_"slope"__chunk_len_5__f_agg_"foo"__window_20', BadInput, "foo"),
        ('close__tsfresh_linear_trend_timewise__attr_"slope"__window_20', BadInput, "does not work on plain numbers"),
        ("close__tsfresh_set_property__window_20", Unknown, "unknown tsfresh calculator 'set_property'"),
    ],
)
def test_a_name_that_is_no_feature_says_why(name, error, match, market_bars):
    with pytest.raises(error, match=match):
        parse_feature(name)
    with pytest.raises(error, match=match):
        parse_feature(name).lookback(market_bars.timeframe)


def test_a_factor_is_defined_once():
    known = dict(FACTORS)

    def slope_nb(values, parameters):  # type: ignore[no-untyped-def]
        """Be another slope."""
        return 0.0

    for register in (series_factor, bars_factor("window")):
        with pytest.raises(BadInput, match="factor 'slope' is defined twice: in trend and in "):
            register(slope_nb)
    assert known == FACTORS


def test_a_factor_of_one_s_own_is_a_decorated_function(market_bars):
    try:

        @bars_factor("window", "power")
        def wick_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
            """Give the last bar's range to a power."""
            return (high[-1] - low[-1]) ** parameters[1]

        name = "bars__wick__window_3__power_0.5"
        feature = parse_feature(name)
        assert (feature.name, feature.lookback(FIVE)) == (name, 3)
        value = compute(market_bars, market_bars.close_time[[50]], [name])[0, 0]
        assert value == pytest.approx(np.sqrt(market_bars.high[50] - market_bars.low[50]))
        with pytest.raises(BadInput, match="wick takes window_<number>__power_<number>"):
            parse_feature("bars__wick__power_0.5__window_3")
    finally:
        FACTORS.pop("wick", None)


def test_a_kernel_may_call_plain_functions_that_end_like_one(market_bars):
    feature = parse_feature("bars__from_last_week_high")
    assert isinstance(feature.factor.kernel.__globals__["last_span_nb"], FunctionType), "not compiled by its module"
    part = market_bars[-feature.lookback(FIVE) :]
    plain = feature.factor.kernel(*(getattr(part, name) for name in COLUMNS), np.zeros(0))
    assert compute(market_bars, market_bars.close_time[-1:], [feature])[0, 0] == plain


def test_the_room_wakes_up_fast():
    program = (
        "import sys; import tradesieve.features.families, tradesieve.features.engine.compute;"
        "import tradesieve.features.feature_sets, tradesieve.features.invariants.features;"
        "sys.exit(' '.join({'numba', 'pandas', 'tsfresh', 'mlflow', 'prefect', 'bentoml'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_the_arrays_of_the_caller_are_left_alone(market_bars):
    at = market_bars.close_time[[900, 800]].copy()
    side = np.array([1.0, -1.0])
    compute(market_bars, Decisions(at, side), ["close__slope__window_20", "trade__side"])
    assert at.tolist() == market_bars.close_time[[900, 800]].tolist()
    assert side.tolist() == [1.0, -1.0]
    assert at.flags.writeable


def test_a_compiled_kernel_is_kept_under_the_code_of_all_that_it_calls():
    """Or numba, which looks at a kernel's own file alone, would go on running what another file once held."""
    from tradesieve.features.engine.code_hash import digest_of
    from tradesieve.features.engine.compiled import _compiled

    kernel = parse_feature("bars__from_last_week_high").factor.kernel
    assert _compiled(kernel, "bars").py_func.__qualname__ == f"{kernel.__qualname__}_{digest_of(kernel)}"
