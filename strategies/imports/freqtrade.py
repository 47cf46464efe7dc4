"""freqtrade: the result of ``freqtrade backtesting --export trades``, a JSON file or the zip that holds it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from tradesieve.market.errors import BadInput
from tradesieve.market.execution.records import END_OF_DATA, EXIT_REASONS, STOP, TARGET, TRAILING_STOP
from tradesieve.market.sources.formats.timestamps import Stamps, to_nanoseconds
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.strategies.imports.base import ImportOptions, ReadTrades, TradeFormat, complete
from tradesieve.strategies.imports.content import Content

_REASONS = {
    "stop_loss": EXIT_REASONS[STOP],
    "stoploss_on_exchange": EXIT_REASONS[STOP],
    "trailing_stop_loss": EXIT_REASONS[TRAILING_STOP],
    "roi": EXIT_REASONS[TARGET],
    "force_exit": EXIT_REASONS[END_OF_DATA],
    "force_sell": EXIT_REASONS[END_OF_DATA],
}
"""Exit reasons that have one here; a backtest forces out what its last candle left open."""
_MILLISECOND = 1_000_000
_NEEDED = ("pair", "open_rate", "close_rate", "profit_ratio")


def _results(content: Content) -> dict[str, Any]:
    """Return the results by strategy; none in other JSON."""
    for value in content.json if isinstance(content.json, list) else [content.json]:
        strategies = value.get("strategy") if isinstance(value, dict) else None
        if isinstance(strategies, dict) and all(
            isinstance(result, dict) and isinstance(result.get("trades"), list) for result in strategies.values()
        ):
            return strategies
    return {}


def _recognises(content: Content) -> bool:
    return content.json is not None and bool(_results(content))


def _read(content: Content, options: ImportOptions) -> ReadTrades:
    tables, periods, notes = [], [], []
    for name, result in _results(content).items():
        closed = [trade for trade in result["trades"] if not trade.get("is_open")]
        n_open = len(result["trades"]) - len(closed)
        if n_open:
            notes.append(f"{n_open} open trades of {name} left out")
        if closed:
            tables.append(_table(closed, name, str(result.get("timeframe") or ""), content.name))
        if result.get("backtest_start_ts") and result.get("backtest_end_ts") and result.get("timeframe"):
            # The end is that of the last candle's open, in which trades are forced out; they are known at its close.
            last = result["backtest_end_ts"] * _MILLISECOND + parse_timeframe(str(result["timeframe"])).duration
            periods.append((result["backtest_start_ts"] * _MILLISECOND, last))
    if not tables:
        raise BadInput(f"{content.name}: holds no closed trade")
    frame = complete(pd.concat(tables, ignore_index=True))
    leverage = frame.pop("leverage").to_numpy()
    if (leverage != 1.0).any():
        notes.append("returns are of the notional: freqtrade's, of the margin, are these times the leverage, the stake")
    period = (min(first for first, _ in periods), max(last for _, last in periods)) if periods else None
    return ReadTrades(frame, tuple(notes), period=period)


def _table(trades: list[dict[str, Any]], strategy: str, timeframe: str, file: str) -> pd.DataFrame:
    raw = pd.DataFrame(trades)
    missing = [name for name in _NEEDED if name not in raw]
    if missing:
        raise BadInput(f"{file}: trades of {strategy} have no {', '.join(missing)}")
    leverage = _numbers(raw, "leverage", 1.0)
    leverage = np.where(leverage > 0, leverage, 1.0)
    orders = raw["orders"] if "orders" in raw else pd.Series([None] * len(raw))
    filled = [each if isinstance(each, list) else [] for each in orders]
    reason = raw["exit_reason"] if "exit_reason" in raw else raw.get("sell_reason", pd.Series("", index=raw.index))
    return pd.DataFrame(
        {
            "strategy": strategy,
            "symbol": raw["pair"],
            "timeframe": timeframe,
            "entry_time": _times(raw, "open", file),
            "exit_time": _times(raw, "close", file),
            "side": np.where(_numbers(raw, "is_short", 0.0) != 0.0, -1, 1).astype(np.int8),
            "entry_price": _numbers(raw, "open_rate"),
            "exit_price": _numbers(raw, "close_rate"),
            "net_return": _numbers(raw, "profit_ratio") / leverage,
            "stake": leverage,
            "leverage": leverage,
            "stop": _stops(raw),
            "n_entries": [max(1, sum(bool(order.get("ft_is_entry")) for order in each)) for each in filled],
            "n_exits": [max(1, sum(not order.get("ft_is_entry", True) for order in each)) for each in filled],
            "exit_reason": reason.map(_REASONS).fillna(""),
        }
    )


def _numbers(raw: pd.DataFrame, name: str, default: float = np.nan) -> np.ndarray:
    if name not in raw:
        return np.full(len(raw), default)
    return pd.to_numeric(raw[name], errors="coerce").astype("float64").fillna(default).to_numpy(dtype=np.float64)


def _stops(raw: pd.DataFrame) -> np.ndarray:
    """Return the initial stops; one at or below 0 is none."""
    stops = _numbers(raw, "initial_stop_loss_abs")
    return np.where(stops > 0, stops, np.nan)


def _times(raw: pd.DataFrame, event: str, file: str) -> np.ndarray:
    if f"{event}_timestamp" in raw:
        return pd.to_numeric(raw[f"{event}_timestamp"]).to_numpy(dtype=np.int64) * _MILLISECOND
    return to_nanoseconds(raw[f"{event}_date"], Stamps(timezone="UTC"), name=file)


FREQTRADE = TradeFormat("freqtrade", _recognises, _read)
