"""The largest excursions of imported trades, and trades cut off where the bars end."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tradesieve.market.bars import Bars
from tradesieve.market.execution.records import END_OF_DATA, EXIT_REASONS


def excursions(
    trades: pd.DataFrame, bars: Bars, first: np.ndarray, last: np.ndarray, *, whole_first_bar: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the largest adverse and favourable excursions, as `strategies.trades` defines them.

    Parameters
    ----------
    first, last : int64 (n,), the rows of the bars of entry and exit.
    whole_first_bar : bool (n,): the entry was at the open of its bar. Otherwise only its close counts.

    Returns
    -------
    float64 (n,) each: mae <= 0 and mfe >= 0, fractions of the entry price.
    """
    side = trades["side"].to_numpy(dtype=np.float64)
    entry, left = trades["entry_price"].to_numpy(), trades["exit_price"].to_numpy()
    lowest, highest = np.minimum(entry, left), np.maximum(entry, left)
    for trade, (start, end, whole) in enumerate(zip(first, last, whole_first_bar, strict=True)):
        begin = start if whole else start + 1
        if not whole and start < end:
            lowest[trade] = min(lowest[trade], bars.close[start])
            highest[trade] = max(highest[trade], bars.close[start])
        if begin < end:
            lowest[trade] = min(lowest[trade], bars.low[begin:end].min())
            highest[trade] = max(highest[trade], bars.high[begin:end].max())
    worst, best = np.where(side > 0, lowest, highest), np.where(side > 0, highest, lowest)
    return side * (worst / entry - 1), side * (best / entry - 1)


def trades_within(trades: pd.DataFrame, bars: Bars) -> pd.DataFrame:
    """Keep the trades that entered within bars; those that left later end with the bars, and nothing of later shows.

    Parameters
    ----------
    trades : a trades table of one symbol and timeframe, placed on its bars.
    bars : a stretch of them.

    Returns
    -------
    The trades in their order. One that was open at the last close has the exit reason ``end_of_data``, and that close.
    """
    if not len(bars):
        return trades.iloc[:0]
    end = int(bars.close_time[-1])
    inside = (trades["decision_time"] >= bars.close_time[0]) & (trades["entry_time"] <= end)
    kept = trades[inside].reset_index(drop=True)
    open_rows = np.flatnonzero(kept["exit_time"] > end)
    if not len(open_rows):
        return kept
    cut = kept.iloc[open_rows].copy()
    cut["exit_time"], cut["exit_price"] = end, bars.close[-1]
    cut["exit_reason"] = EXIT_REASONS[END_OF_DATA]
    entry = cut["entry_price"].to_numpy()
    cut["gross_return"] = cut["side"] * (bars.close[-1] / entry - 1)
    cut["net_return"] = cut["gross_return"] - cut["cost"]
    first = np.searchsorted(bars.close_time, cut["entry_time"].to_numpy())
    last = np.full(len(cut), len(bars) - 1)
    cut["mae"], cut["mfe"] = excursions(cut, bars, first, last, whole_first_bar=np.zeros(len(cut), np.bool_))
    cut["bars_held"] = last - first + 1
    cut["r_multiple"] = np.nan
    kept.iloc[open_rows] = cut
    return kept
