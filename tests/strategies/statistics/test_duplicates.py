"""Copies are found from when trades were open, and never from how the hold-out ended."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tradesieve.market.execution.records import TRADE
from tradesieve.strategies.statistics.duplicates import find_copies
from tradesieve.strategies.trades import pool_trades, trades_frame

HOLDOUT_START = 50
A, B = "a()|BTC-USD|1h", "b()|BTC-USD|1h"


def table(strategy: str, symbol: str = "BTC-USD") -> pd.DataFrame:
    records = np.zeros(8, TRADE)
    records["decision_time"] = np.arange(8) * 10
    records["entry_time"], records["exit_time"] = records["decision_time"] + 1, records["decision_time"] + 5
    records["side"], records["stake"], records["stop"], records["target"] = 1, 1.0, np.nan, np.nan
    return trades_frame(records, strategy, symbol, "1h")


def copies(second: pd.DataFrame) -> dict[str, str]:
    return find_copies(pool_trades([table("a()"), second]), [A, B], holdout_start=HOLDOUT_START)


def changed(column: str, row: int, value: float) -> pd.DataFrame:
    other = table("b()")
    other.loc[row, column] = value
    return other


def test_equal_trades_are_one():
    assert copies(table("b()")) == {B: A}


@pytest.mark.parametrize("row", [1, 7])
@pytest.mark.parametrize(
    ("column", "value"),
    [("entry_time", 12), ("exit_time", 99), ("side", -1), ("stake", 0.5), ("stop", 3.0), ("target", 9.0)],
)
def test_another_order_is_another_instance_in_either_part(column, value, row):
    assert copies(changed(column, row, value)) == {}


@pytest.mark.parametrize("column", ["exit_price", "net_return", "mae"])
def test_results_count_before_the_holdout_only(column):
    assert copies(changed(column, 1, 0.25)) == {}
    assert copies(changed(column, 7, 0.25)) == {B: A}


def test_another_symbol_is_another_instance():
    other = "b()|ETH-USD|1h"
    trades = pool_trades([table("a()"), table("b()", "ETH-USD")])
    assert find_copies(trades, [A, other], holdout_start=HOLDOUT_START) == {}
