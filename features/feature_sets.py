"""Named sets of features, and short notation for lists of features."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product

from tradesieve.market.errors import BadInput, Unknown

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
    "bars__busiest_bar__window_50",
    "bars__from_day_open",
    "bars__from_day_high",
    "bars__from_day_low",
    "close__tsfresh_cid_ce__normalize_True__window_50",
    "close__tsfresh_ratio_beyond_r_sigma__r_1.5__window_50",
    *_CLOCK_AND_TRADE,
    # What traders watch: indicators, the last day's levels, the last bar's shape.
    "close__rsi_wilder__window_14",
    "close__macd__fast_12__slow_26__signal_9",
    "bars__stochastic_smoothed__window_14__smooth_3__signal_3",
    "bars__cci__window_20",
    "bars__adx_wilder__window_14",
    "bars__directional_balance__window_14",
    "bars__mean_distance__window_50",
    "close__mean_pair__fast_10__slow_50",
    "close__crossing_pair__fast_10__slow_50",
    "close__volatility_pair__fast_10__slow_100",
    "close__volatility_rank__window_20__past_12",
    "close__downside_share__window_50",
    "close__autocorrelation__window_50",
    "bars__vwap_distance__window_50",
    *(f"bars__from_last_day_{level}" for level in ("high", "low", "close")),
    "bars__engulfing",
    "bars__hammer",
    "bars__inside_bar",
)

_LONG_WINDOWS = (150, 200, 300)

_LONG = (
    *(f"bars__{factor}__window_{n}" for factor in ("range", "position_in_range") for n in _LONG_WINDOWS),
    *(f"close__{factor}__window_{n}" for factor in ("trendiness", "slope", "volatility") for n in _LONG_WINDOWS),
)

_ONE_SIDED = frozenset({
    "position_in_range", "slope", "fit", "change", "body_share", "volume_balance", "busiest_bar", "from_day_open",
    "from_day_high", "from_day_low", "rsi_wilder", "macd", "stochastic_smoothed", "cci", "directional_balance",
    "mean_distance", "mean_pair", "crossing_pair", "downside_share", "vwap_distance", "from_last_day_high",
    "from_last_day_low", "from_last_day_close", "engulfing", "hammer",
})  # fmt: skip
"""Factors of the standard set that differ between a market and its mirror; the others describe both alike."""


def _aligned(name: str) -> str:
    column, factor, *rest = name.split("__")
    return "__".join([f"{column}_aligned" if factor in _ONE_SIDED else column, factor, *rest])


# The last ones, not aligned, together with the trade's side let a model find an edge of one side only.
ALIGNED = (
    *map(_aligned, (*STANDARD, *_LONG)),
    *(f"close__slope__window_{window}" for window in (20, 50, 100, 200)),
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

_PAIRS = ("fast_5__slow_20", "fast_10__slow_50", "fast_20__slow_100")

_WIDE = (
    *STANDARD,
    *(f"close__{factor}__window_{window}" for factor in _WIDE_SERIES for window in WINDOWS),
    *(f"bars__{factor}__window_{window}" for factor in _WIDE_BARS for window in WINDOWS),
    "clock__hour_sine",
    "clock__hour_cosine",
    "clock__month_end",
    *(f"close__{factor}__{pair}" for factor in ("mean_pair", "crossing_pair", "volatility_pair") for pair in _PAIRS),
    *(f"bars__range_pair__{pair}" for pair in _PAIRS),
    *(f"close__{factor}__window_{n}" for factor in ("from_exponential_mean", "permutation_entropy") for n in WINDOWS),
    *(f"close__volatility_state__window_{window}__past_12" for window in (10, 20)),
    *(f"close__trend_state__window_{window}__threshold_0.3" for window in WINDOWS),
    "close__macd_line__fast_12__slow_26",
    "bars__last_day_range",
    "bars__last_day_position",
    "bars__day_gap",
    "bars__daily_change__days_1",
    "bars__doji",
    "bars__outside_bar",
    "clock__since_new_york_open",
    "clock__to_new_york_close",
)
# The standard set repeats some of them. Weeks and months are left out, since their lookbacks are long.
WIDE = tuple(dict.fromkeys(_WIDE))

# What is known of the trade itself. Requests to a service with such a model carry stops, targets and results.
TRADE = (
    *(f"trade__{distance}__window_20" for distance in ("stop_distance", "target_distance")),
    "trade__reward_to_risk",
    "trade__agreeing",
    *(f"results__{factor}__window_20" for factor in ("win_share", "mean_result", "result_quality", "result_drawdown")),
    "results__win_streak__window_10",
)

SETS = {"minimal": MINIMAL, "standard": STANDARD, "aligned": ALIGNED, "wide": WIDE, "trade": TRADE}

SETS_OF_SYMBOLS = {
    "other_symbols": (
        "close_beside_each|close_aligned_beside_each__change_pair__fast_1|2|5|10__slow_50",
        "close_beside_each|close_aligned_beside_each__slope__window_20",
    ),
}
"""Sets of patterns that the symbols of an experiment complete."""

_EACH = ("_of_each", "_beside_each")
MOST_SYMBOLS = 8
"""``each`` stands for so many symbols at most: a decision on one of them requires the bars of all."""


def expand(
    items: Sequence[str], own: Mapping[str, Sequence[str]] | None = None, *, symbols: Sequence[str] = ()
) -> tuple[str, ...]:
    """Expand sets and patterns to feature names, each once, in the order of their first appearance.

    Parameters
    ----------
    items : names of features and of sets, and patterns: names with alternatives between vertical bars, which stand for
        every combination. Of a parameter, the alternatives after the first are values alone. For the symbol, ``each``
        stands for every one of `symbols`, up to `MOST_SYMBOLS`; a single one has none beside it.
    own : your own sets by name, of the same kinds of items.
    symbols : of the experiment.

    Raises
    ------
    Unknown : if there is no such set; suggests the nearest name.
    BadInput : if one of your sets has the name of a built-in one, or contains itself.

    Examples
    --------
    >>> expand(["close|close_1h__slope__window_20|50"])
    ('close__slope__window_20', 'close__slope__window_50', 'close_1h__slope__window_20', 'close_1h__slope__window_50')
    >>> expand(["close_of_SPY|close_aligned_of_SPY__change__window_5"])
    ('close_of_SPY__change__window_5', 'close_aligned_of_SPY__change__window_5')
    >>> expand(["close_beside_each__change__window_5"], symbols=["SPY", "QQQ"])
    ('close_beside_SPY__change__window_5', 'close_beside_QQQ__change__window_5')
    >>> expand(["calm", "clock__day_sine"], {"calm": ["close__slope|volatility__window_100"]})
    ('close__slope__window_100', 'close__volatility__window_100', 'clock__day_sine')
    """
    own = own or {}
    for name in own:
        if name in SETS or name in SETS_OF_SYMBOLS:
            raise BadInput(f"feature set {name!r} is built in; give yours another name")
        if "__" in name:
            raise BadInput(f"feature set {name!r}: only names of features have two underscores; use one")
    patterns = _patterns(items, own, ())
    return tuple(dict.fromkeys(name for pattern in patterns for name in _combinations(pattern, symbols)))


def stands_for_symbols(items: Sequence[str], own: Mapping[str, Sequence[str]] | None = None) -> bool:
    """Tell whether sets and patterns depend on the symbols of the experiment, see `expand`."""
    return any(alternative.endswith(_EACH) for item in _patterns(items, own or {}, ()) for alternative in _inputs(item))


def _patterns(items: Sequence[str], own: Mapping[str, Sequence[str]], within: tuple[str, ...]) -> Iterator[str]:
    for item in items:
        if "__" in item:
            yield item
        elif item in within:
            raise BadInput(f"feature set {item!r} contains itself: {' > '.join([*within, item])}")
        elif item in own:
            yield from _patterns(own[item], own, (*within, item))
        elif item in SETS:
            yield from SETS[item]
        elif item in SETS_OF_SYMBOLS:
            yield from SETS_OF_SYMBOLS[item]
        else:
            raise Unknown("feature set", item, [*own, *SETS, *SETS_OF_SYMBOLS])


def _inputs(pattern: str) -> list[str]:
    return pattern.partition("__")[0].split("|")


def _combinations(pattern: str, symbols: Sequence[str]) -> Iterator[str]:
    _, *parts = pattern.split("__")
    inputs = [name for each in _inputs(pattern) for name in _of_each(each, symbols)]
    alternatives = [inputs, *(part.split("|") for part in parts)]
    for choices in alternatives[2:]:
        # A market's session may have underscores of its own, as in session_0930_America.New_York.
        is_market = choices[0].startswith("session_") and not choices[0].startswith("session_minute_")
        parameter = "session" if is_market else choices[0].rpartition("_")[0]
        choices[1:] = [f"{parameter}_{value}" for value in choices[1:]]
    return ("__".join(chosen) for chosen in product(*alternatives))


def _of_each(input_name: str, symbols: Sequence[str]) -> list[str]:
    if not input_name.endswith(_EACH):
        return [input_name]
    if len(symbols) == 1 and input_name.endswith("_beside_each"):
        return []
    return [input_name.removesuffix("each") + symbol for symbol in symbols[:MOST_SYMBOLS]]
