"""Named sets of features."""

from __future__ import annotations

from market.errors import Unknown

WINDOWS = (10, 20, 30, 50, 100)

_CLOCK_AND_TRADE = ("clock__day_sine", "clock__day_cosine", "clock__week_sine", "clock__week_cosine", "trade__side")

MINIMAL = (
    *(f"close__{factor}__window_{window}" for factor in ("trendiness", "slope") for window in (20, 50, 100)),
    "close__volatility__window_50",
    "volume__relative__window_50",
    *_CLOCK_AND_TRADE,
)

STANDARD = (
    *(f"bars__{factor}__window_{window}" for factor in ("range", "position_in_range") for window in WINDOWS),
    *(f"close__{factor}__window_{window}" for factor in ("trendiness", "slope", "volatility") for window in WINDOWS),
    *(f"close__fit__window_{window}" for window in (20, 50, 100)),
    *(f"close__change__window_{window}" for window in (2, 5, 10)),
    "bars__body_share__window_10",
    "bars__true_range__window_20",
    "bars__volatility_ratio__window_50",
    *(f"volume__relative__window_{window}" for window in (20, 100)),
    "bars__volume_balance__window_50",
    "bars__from_day_open",
    "bars__from_day_high",
    "bars__from_day_low",
    "close__tsfresh_cid_ce__normalize_True__window_50",
    "close__tsfresh_ratio_beyond_r_sigma__r_1.5__window_50",
    *_CLOCK_AND_TRADE,
)

_WIDE_SERIES = (
    "direction", "crossing_age", "mean_crossing", "downside_deviation", "downside_share", "volatility_change",
    "rsi_wilder", "macd_histogram", "autocorrelation", "skewness", "kurtosis", "entropy", "jump_share",
)  # fmt: skip
_WIDE_BARS = (
    "gap", "gap_less_body", "upper_shadow", "lower_shadow", "overlap", "from_high", "from_low", "since_high",
    "since_low", "mean_distance", "adx_wilder", "directional_balance", "hurst", "parkinson", "garman_klass",
    "yang_zhang", "volatility_of_volatility", "on_balance_slope", "vwap_distance", "illiquidity_amihud",
    "volume_move_share", "stochastic", "cci", "money_flow",
)  # fmt: skip

WIDE = (
    *STANDARD,
    *(f"close__{factor}__window_{window}" for factor in _WIDE_SERIES for window in WINDOWS),
    *(f"bars__{factor}__window_{window}" for factor in _WIDE_BARS for window in WINDOWS),
    "clock__hour_sine",
    "clock__hour_cosine",
    "clock__month_end",
)

SETS = {"minimal": MINIMAL, "standard": STANDARD, "wide": WIDE}


def feature_set(name: str) -> tuple[str, ...]:
    """Give the feature names of a set.

    Raises
    ------
    Unknown : if there is no such set.
    """
    if name not in SETS:
        raise Unknown("feature set", name, SETS)
    return SETS[name]
