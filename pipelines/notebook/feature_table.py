"""Features of bars or trades as a table, as `tradesieve factors compute` writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tradesieve.features.engine.compute import compute
from tradesieve.features.feature_names import parse_features
from tradesieve.features.feature_sets import expand
from tradesieve.features.requirements import other_symbols
from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput
from tradesieve.pipelines.notebook.trade_set import Trades
from tradesieve.pipelines.settings import read_settings
from tradesieve.pipelines.steps.chunks import load_others
from tradesieve.pipelines.steps.dataset import compute_features


def factors(
    bars: Bars | Trades,
    names: str | Sequence[str],
    *,
    at: Any = None,
    others: Mapping[str, Bars] | None = None,
) -> pd.DataFrame:
    """Compute features of bars at times, or of trades at their decisions.

    Parameters
    ----------
    bars : the history, of which a feature reads its lookback up to each time and nothing later; or trades.
    names : sets, patterns and features, such as ``aligned`` or ``close__slope__window_20``; see
        `features.feature_sets.expand`.
    at : closes of bars, anything that pandas reads as times (UTC without a zone); None: every close. Trades bring their
        own.
    others : bars of other symbols that features read, by symbol; None: the stored ones.

    Returns
    -------
    One column per feature. Rows are indexed by ``close_time``, or are those of ``trades.frame``. NaN where history is
    too short.

    Raises
    ------
    BadInput : if a name is not a feature, no bar closes at a time, or a feature requires what is missing: one that
        reads the trade's side needs trades.
    """
    given = (names,) if isinstance(names, str) else tuple(names)
    if isinstance(bars, Trades):
        if at is not None:
            raise BadInput("at goes with bars: trades bring the times of their decisions")
        features = expand(given, symbols=bars.experiment.symbols)
        matrix = np.concatenate([compute_features(part, features, bars.settings) for part in bars.parts])
        return pd.DataFrame(matrix, columns=list(features))
    features = expand(given, symbols=(bars.symbol,))
    times = bars.close_time if at is None else _closes(at)
    if others is None:
        read = other_symbols(parse_features(features), bars.symbol)
        others = load_others(read, bars, read_settings()) if read else {}
    index = pd.DatetimeIndex(pd.to_datetime(times, utc=True), name="close_time")
    return pd.DataFrame(compute(bars, times, features, others=others), index=index, columns=list(features))


def _closes(at: Any) -> np.ndarray:
    times = pd.DatetimeIndex(pd.to_datetime(at if np.ndim(at) else [at], utc=True))
    return times.as_unit("ns").asi8
