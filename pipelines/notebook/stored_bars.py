"""Bars of the state folder: load them, import a file, and store those that come from elsewhere."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tradesieve.market.bars import Bars, format_time
from tradesieve.market.errors import BadData, BadInput
from tradesieve.market.sources.dataframes import warn_of_rows_left_out
from tradesieve.market.sources.formats.timestamps import Stamps
from tradesieve.market.sources.reading import read_symbols
from tradesieve.market.sources.vendors.base import ReadOptions
from tradesieve.market.storage.bar_store import BarStore
from tradesieve.market.symbols import normalise_symbol
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.pipelines.commands.data.price_checks import check_prices
from tradesieve.pipelines.experiment import parse_time
from tradesieve.pipelines.settings import read_settings


def bars(symbol: str, timeframe: str, *, start: str | None = None, end: str | None = None) -> Bars:
    """Load stored bars, resampled from shorter ones where needed.

    Parameters
    ----------
    symbol, timeframe : such as ``BTC-USD`` and ``5m``.
    start, end : ISO 8601; bars after `start` and up to `end`. None leaves that side open.

    Raises
    ------
    BadInput : if no such bars are stored; lists what is.
    """
    first, last = parse_time("start", start), parse_time("end", end)
    return read_settings().bars.load(normalise_symbol(symbol), parse_timeframe(timeframe), start=first, end=last)


def import_file(
    path: str | Path,
    timeframe: str,
    symbol: str | None = None,
    *,
    stamp: str | None = None,
    timezone: str | None = None,
    bad_rows: str = "refuse",
    accept_prices: bool = False,
    replace: bool = False,
) -> Bars:
    """Import bars from a file, recognised by its content, into the state folder, as `tradesieve data import` does.

    Parameters
    ----------
    path : a vendor's file, or a plain CSV or Parquet file.
    timeframe : of its bars.
    symbol : what they are stored as; None: what the file says.
    stamp, timezone, bad_rows : as in `Bars.from_frame`.
    accept_prices : store prices that are far from the stored ones, or from what the symbol can cost.
    replace : replace the stored bars of this symbol and timeframe.

    Returns
    -------
    The bars of the file.

    Raises
    ------
    BadInput : if the file cannot be read, or holds several symbols and none is named.
    BadData : if bars or their prices are refused.

    Warns
    -----
    UserWarning : if rows are left out; says which.
    """
    stamps = Stamps(stamp, timezone=timezone)
    options = ReadOptions(parse_timeframe(timeframe), stamps, bad_rows=bad_rows, now=time.time_ns())
    parts = read_symbols(Path(path), options, symbol=symbol)
    if len(parts) > 1:
        names = ", ".join(part.bars.symbol for part in parts)
        raise BadInput(f"{path} holds {names}: name one of them as symbol")
    store = read_settings().bars
    checked = check_prices(
        store,
        [(str(path), part) for part in parts],
        replace=replace,
        accept=accept_prices,
        advise=lambda file, scale: "pass accept_prices=True if they are right",
    )
    store.append_all([part.bars for _, part in checked], replace=replace)
    warn_of_rows_left_out(checked[0][1])
    return checked[0][1].bars


@dataclass(frozen=True)
class StoredSeries:
    """Which stored bars some bars are, in the keys of an experiment."""

    symbols: list[str]
    timeframes: list[str]
    start: str | None
    end: str | None


def store_series(parts: Sequence[Bars], store: BarStore) -> StoredSeries:
    """Store bars that are not stored yet, and name all of them as an experiment does.

    Raises
    ------
    BadInput : if there are none, they are not every symbol at every timeframe, or not of the same period.
    BadData : if bars of the same time with other values are stored.
    """
    if not parts:
        raise BadInput("bars are empty: give the bars of a symbol, or a list of them")
    for part in parts:
        if len(part) == 0:
            raise BadInput(f"{part.symbol} {part.timeframe}: there are no bars")
    symbols = list(dict.fromkeys(part.symbol for part in parts))
    timeframes = list(dict.fromkeys(str(part.timeframe) for part in parts))
    given = {(part.symbol, str(part.timeframe)) for part in parts}
    missing = [f"{symbol} {each}" for symbol in symbols for each in timeframes if (symbol, each) not in given]
    if missing or len(given) < len(parts):
        raise BadInput(f"bars are every symbol at every timeframe, once: {', '.join(missing) or 'one is there twice'}")
    periods = {_period(part, store) for part in parts}
    if len(periods) > 1:
        raise BadInput("bars begin or end at different times: cut them with start and end, or give whole series")
    return StoredSeries(symbols, timeframes, *periods.pop())


def _period(bars: Bars, store: BarStore) -> tuple[str | None, str | None]:
    """Return start and end by which an experiment finds some bars, which are stored if they are not."""
    series = (bars.symbol, bars.timeframe)
    known = store.list()
    has_shorter = any(name == bars.symbol and each.divides(bars.timeframe) for name, each in known)
    if series in known or not has_shorter:
        store.append(bars)  # skips those that are stored
    stored = store.load(*series)
    start = None if bars.close_time[0] == stored.close_time[0] else _before(bars)
    end = None if bars.close_time[-1] == stored.close_time[-1] else format_time(int(bars.close_time[-1]))
    if stored.between(parse_time("start", start), parse_time("end", end)).fingerprint != bars.fingerprint:
        raise BadData(
            f"{bars.symbol} {bars.timeframe}: other bars of this symbol are stored: load those with ts.bars, or give "
            "yours another symbol"
        )
    return start, end


def _before(bars: Bars) -> str:
    """Return the last full second before the first close."""
    return format_time(int(bars.close_time[0]) - 1)
