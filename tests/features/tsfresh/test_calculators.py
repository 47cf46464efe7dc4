"""The tsfresh door against `tsfresh.extract_features` on the same windows."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

from tradesieve.features.engine.compute import compute
from tradesieve.features.tsfresh.calculators import tsfresh_feature

CALCULATORS = (
    "mean",
    "skewness",
    "cid_ce__normalize_True",
    "autocorrelation__lag_3",
    "ratio_beyond_r_sigma__r_1.5",
    "c3__lag_2",
    "number_peaks__n_3",
    "time_reversal_asymmetry_statistic__lag_1",
    "longest_strike_above_mean",
    "percentage_of_reoccurring_datapoints_to_all_datapoints",
    'agg_linear_trend__attr_"slope"__chunk_len_5__f_agg_"mean"',
    'agg_linear_trend__attr_"rvalue"__chunk_len_10__f_agg_"max"',
    'linear_trend__attr_"pvalue"',
    'fft_coefficient__attr_"angle"__coeff_3',
    'change_quantiles__f_agg_"var"__isabs_True__qh_0.8__ql_0.2',
    "cwt_coefficients__coeff_2__w_5__widths_(2, 5, 10, 20)",
    "quantile__q_0.9",
    "symmetry_looking__r_0.1",
    "partial_autocorrelation__lag_2",
    'augmented_dickey_fuller__attr_"teststat"__autolag_"AIC"',
)
WINDOW = 50


def extracted(windows: list[np.ndarray]) -> pd.DataFrame:
    from tsfresh import extract_features
    from tsfresh.feature_extraction.settings import from_columns

    frame = pd.DataFrame(
        {
            "id": np.repeat(np.arange(len(windows)), WINDOW),
            "time": np.tile(np.arange(WINDOW), len(windows)),
            "close": np.concatenate(windows),
        }
    )
    settings = from_columns([f"close__{name}" for name in CALCULATORS])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return extract_features(
            frame,
            column_id="id",
            column_sort="time",
            kind_to_fc_parameters=settings,
            n_jobs=0,
            disable_progressbar=True,
        )


def test_the_door_gives_what_tsfresh_extracts(real_bars, market_bars):
    for bars in (real_bars[:2000], market_bars[:2000]):
        rows = np.array([49, 50, 500, 1234, 1999])
        expected = extracted([bars.close[row - WINDOW + 1 : row + 1] for row in rows])
        names = [f"close__tsfresh_{name}__window_{WINDOW}" for name in CALCULATORS]
        found = compute(bars, bars.close_time[rows], names)
        for column, name in enumerate(CALCULATORS):
            # Kernels of our own may differ in the last bits; tsfresh's own calculators may not.
            rtol = 1e-9 if tsfresh_feature(names[column]).factor.compiled else 0
            np.testing.assert_allclose(found[:, column], expected[f"close__{name}"].to_numpy(float), rtol, err_msg=name)
        assert np.isfinite(found).all()


def test_strange_windows_have_the_value_that_tsfresh_gives_them_or_none():
    windows = [np.full(WINDOW, 60_000.1), 60_000 + 0.1 * np.arange(WINDOW), np.tile([1.0, 2.0], WINDOW // 2)]
    expected = extracted(windows)
    for name in CALCULATORS:
        if name.startswith(("partial_autocorrelation", "augmented_dickey_fuller")):
            continue  # singular regressions: the value depends on the linear algebra beneath
        factor = tsfresh_feature(f"close__tsfresh_{name}__window_{WINDOW}").factor
        if factor.compiled:
            continue  # tests/oracles/test_tsfresh_kernels.py has these
        kernel = factor.kernel
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = np.array([kernel(window.copy()) for window in windows])
        np.testing.assert_array_equal(found, expected[f"close__{name}"].to_numpy(float), err_msg=name)


@pytest.mark.parametrize("given_input", ["open", "high", "low", "volume"])
def test_any_column_can_be_looked_at(market_bars, given_input):
    name = f"{given_input}__tsfresh_maximum__window_10"
    value = compute(market_bars, market_bars.close_time[[99]], [name])[0, 0]
    assert value == getattr(market_bars, given_input)[90:100].max()


def test_no_value_before_the_window_is_full(market_bars):
    values = compute(market_bars, market_bars.close_time[:12], ["close__tsfresh_mean__window_10"])[:, 0]
    assert np.isnan(values[:9]).all()
    assert values[9] == market_bars.close[:10].mean()


def test_a_feature_is_read_once_and_says_what_it_is():
    name = "close__tsfresh_c3__lag_2__window_50"
    feature = tsfresh_feature(name)
    assert feature is tsfresh_feature(name)
    assert feature.name == name
    assert feature.factor.family == "tsfresh"
    assert feature.factor.formula
    assert not feature.factor.compiled
