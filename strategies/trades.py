"""Trades: the third of the four tables. One row is one closed round trip."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from tradesieve.market.errors import BadData
from tradesieve.market.execution.records import END_OF_DATA, EXIT_REASONS, TRADE
from tradesieve.strategies.instance import Instance

TRADE_COLUMNS = {
    "strategy": "str",
    "symbol": "str",
    "timeframe": "str",
    "decision_time": "int64",
    "entry_time": "int64",
    "exit_time": "int64",
    "side": "int8",
    "stake": "float64",
    "stop": "float64",
    "target": "float64",
    "entry_price": "float64",
    "exit_price": "float64",
    "gross_return": "float64",
    "cost": "float64",
    "net_return": "float64",
    "r_multiple": "float64",
    "mae": "float64",
    "mfe": "float64",
    "bars_held": "int64",
    "n_entries": "int64",
    "n_exits": "int64",
    "n_untraded_fills": "int64",
    "exit_reason": "str",
}
"""Column: type. Times are int64 ns UTC, decision_time < entry_time <= exit_time, fills known at the close of their bar.

- `stake`: the fraction of the instance's capital that was entered with, over all entries.
- `stop`, `target`: those of the signal, in quote, known at the decision: the fixed stop and the final target; NaN
  without one. With several entries, those of the first signal. A trailing stop is not included: its level depends on
  the fill.
- `entry_price`, `exit_price`: paid and received, in quote; averages where there are several fills.
- `gross_return`: between the prices before half-spread and slippage. `cost`: half-spread, slippage, fees and carry.
  ``net_return = gross_return - cost``. All three are fractions of the notional of all entries together.
- `r_multiple`: `net_return` in units of the risk from the entry price to the initial stop; NaN without a stop, or with
  one that the entry was already beyond.
- `mae` <= 0 and `mfe` >= 0: the largest excursions that the position is known to have gone through, before costs, as
  fractions of the entry price. Of the bar of the exit, only the exit prices count. Of the bar in which an order fills
  after the open, the close counts, and for a limit order the adverse extreme, for a trigger order the favourable one.
- `bars_held`: bars in which it was open, except one at whose open it exited.
- `n_entries`, `n_exits`: numbers of fills. With several, times are those of the first entry and of the last exit.
- `n_untraded_fills`: of these fills, those in bars in which nothing traded, see `market.execution.fill_rule`.
- `exit_reason`: that of the last exit, one of `market.execution.records.EXIT_REASONS`, or
  `STATED_BY_IMPORT`.
"""

STATED_BY_IMPORT = "imported"
"""The exit reason of an imported trade whose file states none that is known here."""

_INSTANCE_COLUMNS = ("strategy", "symbol", "timeframe")

_REASON_ROWS = np.zeros(max(EXIT_REASONS) + 1, np.int64)
"""The position of each reason in EXIT_REASONS."""
_REASON_ROWS[list(EXIT_REASONS)] = np.arange(len(EXIT_REASONS))


def trades_frame(closed: np.ndarray, strategy: str, symbol: str, timeframe: str) -> pd.DataFrame:
    """Make the trades table of one instance from the fill rule's records.

    Parameters
    ----------
    closed : TRADE records.
    strategy, symbol, timeframe : the instance.
    """
    closed = closed.take(np.argsort(closed["decision_time"], kind="stable"))
    first = np.zeros(len(closed), np.int64)
    texts = {
        "strategy": ([strategy], first),
        "symbol": ([symbol], first),
        "timeframe": ([timeframe], first),
        "exit_reason": (list(EXIT_REASONS.values()), _REASON_ROWS[closed["exit_reason"]]),
    }
    columns = {
        # Taking from a text array avoids creating a string for each trade, which would take most of the time.
        name: pd.array(texts[name][0], dtype="str").take(texts[name][1]) if name in texts else closed[name].astype(kind)
        for name, kind in TRADE_COLUMNS.items()
    }
    return pd.DataFrame(columns)


def pool_trades(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """Concatenate trades of many instances in decision order; ties in the order of strategy, symbol and timeframe."""
    filled = [table for table in tables if len(table)]
    if not filled:
        return trades_frame(np.zeros(0, TRADE), "", "", "")
    pooled = pd.concat(filled, ignore_index=True)
    order = ["decision_time", "strategy", "symbol", "timeframe"]
    return pooled.sort_values(order, kind="stable", ignore_index=True)


def is_closed(trades: pd.DataFrame) -> np.ndarray:
    """Tell which trades closed on their own, not because the data ended: bool (n_trades,)."""
    return (trades["exit_reason"] != EXIT_REASONS[END_OF_DATA]).to_numpy(dtype=bool)


def instance_codes(trades: pd.DataFrame, instance_names: Sequence[str]) -> np.ndarray:
    """Number the instance of each trade by its position in `instance_names`.

    Returns
    -------
    int64 (n_trades,); -1 for a trade of any other instance, as in ``pandas.Index.get_indexer``.
    """
    # Factorising each column is much faster than joining a name for every trade.
    codes, values = zip(*(pd.factorize(trades[name]) for name in _INSTANCE_COLUMNS), strict=True)
    shape = tuple(max(1, len(unique)) for unique in values)
    combined, keys = pd.factorize(np.asarray(np.ravel_multi_index(codes, shape), dtype=np.int64))
    position = {name: code for code, name in enumerate(instance_names)}
    parts = (unique[code] for unique, code in zip(values, np.unravel_index(keys, shape), strict=True))
    found = [position.get(str(Instance(*key)), -1) for key in zip(*parts, strict=True)]
    return np.array(found, dtype=np.int64)[combined]


def instance_of(trades: pd.DataFrame, row: int) -> Instance:
    """Return the instance of the trade at a position of the table."""
    return Instance(*(trades[name].iloc[row] for name in _INSTANCE_COLUMNS))


def check_trades(trades: pd.DataFrame) -> None:
    """Check that a table is a valid trades table.

    Raises
    ------
    BadData : names the first offending row.
    """
    missing = [name for name in TRADE_COLUMNS if name not in trades.columns]
    if missing:
        raise BadData(f"trades: no column {', '.join(missing)}")
    violations = {
        "enters before it was decided": trades.entry_time <= trades.decision_time,
        "exits before it entered": trades.exit_time < trades.entry_time,
        "has a side other than +1 and -1": ~trades.side.isin([1, -1]),
        "has a stake that is not above 0": ~(trades.stake > 0.0),
        # NaN means none; a comparison with it is false.
        "has a stop or target that is not a positive price": np.logical_or.reduce(
            [(price <= 0.0) | np.isinf(price) for price in (trades.stop, trades.target)]
        ),
        "has a stop beyond its target": trades.side * (trades.target - trades.stop) <= 0.0,
        "has a risk without a stop": trades.r_multiple.notna() & trades.stop.isna(),
        # Negated, so that NaN is a violation.
        "gains from its costs": ~(trades.cost >= -1e-12),
        "has a net return that is not gross less cost": ~(
            (trades.gross_return - trades.cost - trades.net_return).abs() <= 1e-9
        ),
        "has an exit reason that does not exist": ~trades.exit_reason.isin([*EXIT_REASONS.values(), STATED_BY_IMPORT]),
    }
    for violation, rows in violations.items():
        if rows.any():
            row = int(np.argmax(rows))
            name = f"{trades.strategy.iloc[row]} on {trades.symbol.iloc[row]}"
            raise BadData(f"trades: row {row} ({name}) {violation}")
