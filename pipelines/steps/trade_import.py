"""The import of trades: a file read, placed on the stored bars of its symbols, and checked against them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from tradesieve.market.bars import Bars, format_time
from tradesieve.market.errors import BadInput
from tradesieve.market.symbols import symbol_or_none
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.pipelines.progress import Progress, silent
from tradesieve.pipelines.settings import Settings
from tradesieve.pipelines.trade_sets import TradeSet
from tradesieve.strategies.imports.base import ImportOptions
from tradesieve.strategies.imports.placement import ENTRY_OUTSIDE, EXIT_OUTSIDE, Placing, place_trades
from tradesieve.strategies.imports.reading import TradeFile, read_trades
from tradesieve.strategies.instance import Instance
from tradesieve.strategies.trades import check_trades, pool_trades

REFUSE, DROP = "refuse", "drop"
_LISTED = 5
_LIKE_A_SPREAD = 0.005
"""Below this fraction outside its bar, a price may hold a spread or slippage."""
_SUSPICIOUS = 0.1
"""Above this share of faulty trades, the times or the bars are probably read wrongly."""


@dataclass(frozen=True)
class ImportRequest:
    """What is imported and how.

    Parameters
    ----------
    symbol, timeframe : of the bars; None: those that the file states, else the only ones that are stored.
    options, placing : how the file is read, and how its fills are placed.
    start, end : int64 ns UTC, the period of the backtest; None: that of the file, else of its trades.
    bad_trades : what is done with trades that contradict the bars: `REFUSE` the file, or `DROP` them.
    """

    symbol: str | None = None
    timeframe: str | None = None
    options: ImportOptions = field(default_factory=ImportOptions)
    placing: Placing = field(default_factory=Placing)
    start: int | None = None
    end: int | None = None
    bad_trades: str = REFUSE


@dataclass(frozen=True)
class TradeImport:
    """What was read.

    Parameters
    ----------
    stored : the set, not yet stored.
    faults : {what is wrong: rows of the file} of trades that were dropped.
    notes : one sentence for each thing that is worth knowing.
    n_read : the number of closed trades in the file.
    """

    stored: TradeSet
    faults: dict[str, list[int]]
    notes: tuple[str, ...]
    n_read: int


def import_trades(
    path: Path, name: str, request: ImportRequest, settings: Settings, *, progress: Progress = silent
) -> TradeImport:
    """Read a file of trades and place them on stored bars.

    1. Read the file by its format.
    2. Find the stored bars of each symbol and timeframe.
    3. Place and check the trades of each, and leave out or refuse those that contradict the bars.
    4. Determine the period of the backtest.

    Raises
    ------
    BadInput : if the file cannot be read, no bars are stored for a trade, or trades contradict the bars and are not to
        be dropped; names what is wrong, with counts and rows.
    """
    file = read_trades(path, request.options)
    series, notes = _series(file, request, settings, str(path))
    faults: dict[str, list[int]] = {}
    tables: list[pd.DataFrame] = []
    placed_notes: list[str] = []
    beyond = 0.0
    for done, ((symbol, timeframe), rows) in enumerate(series.items()):
        progress("trades", done, len(series), f"{symbol} {timeframe}")
        bars = _bars(symbol, timeframe, settings)
        placed = place_trades(file.read, rows, bars, request.placing)
        strategies = file.read.frame["strategy"].to_numpy()
        tables.append(_labelled(placed.trades, placed.faults, file, rows, strategies, symbol, timeframe))
        for fault, marked in placed.faults.items():
            faults.setdefault(fault, []).extend(marked)
        placed_notes += placed.notes
        beyond = max(beyond, placed.beyond)
    trades = pool_trades(tables)
    n_read = sum(len(rows) for rows in series.values())
    if faults and request.bad_trades == REFUSE:
        raise BadInput(f"{path}: {describe_faults(faults, n_read)}; {_advice(faults, n_read, beyond)}")
    if not len(trades):
        raise BadInput(
            f"{path}: no trade is left; {describe_faults(faults, n_read)}; {_advice(faults, n_read, beyond)}"
        )
    trades, period, period_notes = _within_period(trades, file, request)
    check_trades(trades)
    stored = TradeSet(name, trades, period, _instances(trades, file, list(series)), file.format, path.name)
    every = (f"recognised as {file.format}", *file.read.notes, *notes, *placed_notes, *period_notes)
    return TradeImport(stored, faults, tuple(dict.fromkeys(every)), n_read)


def describe_faults(faults: Mapping[str, list[int]], n_read: int) -> str:
    """Describe what contradicts the bars, with counts and the first rows of each."""
    n = sum(len(rows) for rows in faults.values())
    each = [
        f"{fault}: {len(rows):,} (row{'s' * (len(rows) > 1)} {', '.join(map(str, sorted(rows)[:_LISTED]))}"
        f"{', ...' if len(rows) > _LISTED else ''})"
        for fault, rows in faults.items()
    ]
    return f"{n:,} of {n_read:,} trades contradict the bars or themselves: {'; '.join(each)}"


def _advice(faults: Mapping[str, list[int]], n_read: int, beyond: float) -> str:
    n = sum(len(rows) for rows in faults.values())
    causes = ""
    if faults.keys() <= {ENTRY_OUTSIDE, EXIT_OUTSIDE} and beyond < _LIKE_A_SPREAD:
        tolerance = math.ceil(beyond * 1e5) / 1e5
        causes = (
            f"they are at most {beyond:.3%} outside, as with a spread or slippage: accept that with --tolerance "
            f"{tolerance:g}, or "
        )
    elif n > _SUSPICIOUS * n_read:
        causes = (
            "so many point to another time zone (--timezone), times that are closes (--stamp close), fills with "
            "slippage (--tolerance) or bars of another market (--symbol, --timeframe); otherwise "
        )
    return f"{causes}leave them out with --bad-trades drop"


def _series(
    file: TradeFile, request: ImportRequest, settings: Settings, path: str
) -> tuple[dict[tuple[str, str], np.ndarray], list[str]]:
    """Find the stored symbol and the timeframe of each row, and return the rows of each."""
    frame = file.read.frame
    notes: list[str] = []
    symbols, kept = _symbols(frame, request.symbol, settings, path)
    if not kept.all():
        notes.append(f"{int((~kept).sum()):,} trades of other symbols left out")
    timeframes = frame["timeframe"].astype("str")
    stated = sorted(set(timeframes[kept]) - {""})
    if request.timeframe is not None:
        wanted = str(parse_timeframe(request.timeframe))
        if len(stated) > 1:
            kept &= (timeframes == wanted).to_numpy()
        elif stated and stated != [wanted]:
            notes.append(f"the file states {stated[0]} bars; its trades are placed on {wanted} bars, as given")
        timeframes = pd.Series(wanted, index=frame.index)
    if not kept.any():
        raise BadInput(f"{path}: no trade is of {request.timeframe} bars; it holds {', '.join(stated)}")
    found: dict[tuple[str, str], list[int]] = {}
    for row in np.flatnonzero(kept):
        symbol = symbols[row]
        timeframe = timeframes.iloc[row] or _only_timeframe(symbol, settings, path)
        found.setdefault((symbol, str(parse_timeframe(timeframe))), []).append(int(row))
    return {series: np.array(rows) for series, rows in found.items()}, notes


def _symbols(frame: pd.DataFrame, given: str | None, settings: Settings, path: str) -> tuple[list[str], np.ndarray]:
    """Return the stored symbol of each row, and which rows are of the symbol that is given."""
    texts = frame["symbol"].astype("str").str.strip()
    distinct = list(dict.fromkeys(texts))
    if given is not None and len(distinct) == 1:
        return [_stored(given, settings, path)] * len(frame), np.ones(len(frame), np.bool_)
    if given is not None:
        wanted = _stored(given, settings, path)
        matches = {text for text in distinct if wanted in (text, symbol_or_none(text))}
        if not matches:
            raise BadInput(f"{path}: no trade is of {given}; it holds {', '.join(filter(None, distinct))}")
        return [wanted] * len(frame), texts.isin(matches).to_numpy(dtype=bool)
    if "" in distinct:
        row = int(np.argmax(texts == ""))
        raise BadInput(
            f"{path}: row {frame['row'].iloc[row]} names no symbol: pass --symbol; stored: {_stored_names(settings)}"
        )
    stored = {text: _stored(text, settings, path) for text in distinct}
    return [stored[text] for text in texts], np.ones(len(frame), np.bool_)


def _stored(text: str, settings: Settings, path: str) -> str:
    found = settings.bars.find(text)
    if found is None:
        raise BadInput(
            f"{path}: trades of {text}, but no bars of it are stored: import them with `tradesieve data import`, or "
            f"name stored ones with --symbol; stored: {_stored_names(settings)}"
        )
    return found


def _stored_names(settings: Settings) -> str:
    return ", ".join(dict.fromkeys(symbol for symbol, _ in settings.bars.list())) or "nothing"


def _only_timeframe(symbol: str, settings: Settings, path: str) -> str:
    timeframes = [str(timeframe) for name, timeframe in settings.bars.list() if name == symbol]
    if len(timeframes) != 1:
        raise BadInput(
            f"{path}: states no timeframe, and {symbol} is stored at {', '.join(timeframes)}: pass --timeframe, that "
            "of the bars on which the trades were decided"
        )
    return timeframes[0]


def _bars(symbol: str, timeframe: str, settings: Settings) -> Bars:
    bars = settings.bars.load(symbol, parse_timeframe(timeframe))
    if not len(bars):
        raise BadInput(f"no bars of {symbol} {timeframe} are stored")
    return bars


def _labelled(
    trades: pd.DataFrame,
    faults: Mapping[str, list[int]],
    file: TradeFile,
    rows: np.ndarray,
    strategies: np.ndarray,
    symbol: str,
    timeframe: str,
) -> pd.DataFrame:
    """Give trades their instance: the strategy of their row, the stored symbol and the timeframe of the bars."""
    faulty = {row for marked in faults.values() for row in marked}
    numbers = file.read.frame["row"].to_numpy()
    sound = [row for row in rows if numbers[row] not in faulty]
    return trades.assign(strategy=strategies[sound].astype(str), symbol=symbol, timeframe=timeframe)


def _within_period(
    trades: pd.DataFrame, file: TradeFile, request: ImportRequest
) -> tuple[pd.DataFrame, tuple[int, int], list[str]]:
    """Determine the period of the backtest, and keep the trades within it."""
    first, last = file.read.period or (int(trades["decision_time"].min()), int(trades["exit_time"].max()))
    start = first if request.start is None else request.start
    end = last if request.end is None else request.end
    inside = (trades["decision_time"] >= start) & (trades["exit_time"] <= end)
    notes = []
    if request.start is None and request.end is None and file.read.period is None:
        notes.append(
            f"the period is that of the trades, {format_time(start)} to {format_time(end)}: pass --from and --to if "
            "the backtest covers more"
        )
    if not inside.all():
        notes.append(f"{int((~inside).sum()):,} trades outside the period left out")
    if not inside.any():
        raise BadInput(f"no trade lies between {format_time(start)} and {format_time(end)}")
    return trades[inside].reset_index(drop=True), (start, end), notes


def _instances(trades: pd.DataFrame, file: TradeFile, series: list[tuple[str, str]]) -> tuple[str, ...]:
    """Name every instance: those that the file states, in its order, else those with trades."""
    keys = trades[["strategy", "symbol", "timeframe"]].drop_duplicates()
    traded = [str(Instance(*key)) for key in keys.itertuples(index=False, name=None)]
    stated = [name for name in file.read.instances if Instance.parse(name).series in series]
    return tuple(dict.fromkeys((*stated, *sorted(traded))))
