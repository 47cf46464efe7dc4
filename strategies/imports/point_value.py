"""Costs in money as fractions of the notional, where the file does not state what a point is worth."""

from __future__ import annotations

import numpy as np
import pandas as pd


def costs_of_money(trades: pd.DataFrame, size: np.ndarray, profit: np.ndarray, paid: np.ndarray) -> np.ndarray:
    """Return costs as fractions of the entry notional.

    1. A point of one unit is worth profit / (price difference x size), by symbol: the median over its trades.
    2. The profit may hold the costs or not: what makes the worth of a point vary least is taken.

    Parameters
    ----------
    trades : with ``symbol``, ``side``, ``entry_price`` and ``exit_price``.
    size : float64 (n,), contracts, shares or lots, positive.
    profit, paid : float64 (n,), the profit and the costs of each trade, in one currency.

    Returns
    -------
    float64 (n,); NaN where no trade of the symbol tells what a point is worth.
    """
    entry = trades["entry_price"].to_numpy()
    points = trades["side"].to_numpy() * (trades["exit_price"].to_numpy() - entry) * size
    symbols = trades["symbol"].to_numpy()
    found = np.full(len(trades), np.nan)
    for symbol in np.unique(symbols):
        own = (symbols == symbol) & (points != 0) & np.isfinite(points)
        candidates = [(profit[own] + included * paid[own]) / points[own] for included in (0.0, 1.0)]
        worths = [each[np.isfinite(each) & (each > 0)] for each in candidates]
        worths = [each for each in worths if len(each)]
        if worths:
            worth = float(np.median(min(worths, key=lambda each: float(np.std(each) / np.mean(each)))))
            rows = symbols == symbol
            found[rows] = paid[rows] / (entry[rows] * size[rows] * worth)
    return found
