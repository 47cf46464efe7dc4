"""The store of bars: one Parquet file per symbol and timeframe, replaced as a whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tradesieve.market.bars import Bars, format_time
from tradesieve.market.errors import BadData, BadInput, nearest
from tradesieve.market.positive_prices import require_positive_prices
from tradesieve.market.resampling import resample
from tradesieve.market.session_bars import own_sessions
from tradesieve.market.storage.bar_file import allows_negative, read_bars, read_columns, read_repairs, write_table
from tradesieve.market.storage.files import atomic_write
from tradesieve.market.storage.locks import lock, open_folder_lock
from tradesieve.market.storage.merging import merge
from tradesieve.market.symbols import file_name_of, find_symbol, symbol_of_file_name
from tradesieve.market.timeframes import Timeframe, parse_timeframe

Records = list[dict[str, Any]]
"""Repairs as plain values, see `market.quality.repairs.repair_bars`."""
Series = list[tuple[str, Timeframe]]
"""Stored symbols and timeframes."""

_MOST_SHOWN = 20
"""How many stored series a message lists."""
_LIKE = 0.75
"""Markets of one currency, such as ETH-USD and BTC-USD, are less alike."""


@dataclass(frozen=True)
class BarStore:
    """Bars on disk.

    Parameters
    ----------
    folder : where the files are; created when first written.
    """

    folder: Path

    def path(self, symbol: str, timeframe: Timeframe) -> Path:
        """Return the file of a symbol and timeframe.

        Raises
        ------
        BadInput : if the symbol is not valid.
        """
        return self.folder / file_name_of(symbol) / f"{timeframe.file_name}.parquet"

    def list(self) -> list[tuple[str, Timeframe]]:
        """List every stored symbol and timeframe, sorted. Other files are ignored."""
        found = []
        for path in self.folder.glob("*/[!.]*.parquet"):
            with suppress(BadInput):
                timeframe = parse_timeframe(path.stem)
                symbol = symbol_of_file_name(path.parent.name)
                if path == self.path(symbol, timeframe):
                    found.append((symbol, timeframe))
        return sorted(found)

    def find(self, symbol: str, timeframe: Timeframe | None = None) -> str | None:
        """Return the stored symbol that is meant by a symbol in any vendor's form; None if there is none.

        Parameters
        ----------
        timeframe : that is stored; None: any.

        Raises
        ------
        BadInput : if several are meant.
        """
        return find_symbol(symbol, [name for name, each in self.list() if timeframe in (None, each)])

    def append(self, bars: Bars, *, replace: bool = False) -> int:
        """Add bars to what is stored; return how many were new. See `append_all`."""
        return self.append_all([bars], replace=replace)[0]

    def append_all(self, parts: Sequence[Bars], *, replace: bool = False) -> tuple[int, ...]:
        """Add bars of one or several series, all parts or none; return how many of each part were new.

        A bar that equals a stored one, as it is or as it was before a repair, is skipped. Repaired bars stay repaired.
        Every part is checked and written before a file is replaced, each as a whole, under a lock: a refusal, a full
        disk or a second process never leaves half of them.

        Parameters
        ----------
        parts : the bars to add, in any order.
        replace : drop the stored bars of these series first.

        Raises
        ------
        BadData : if a stored bar, or one of an earlier part, has the same time and different values; if the new bars
            are on another grid than the stored ones, or overlap them; if a new bar is older than a split for which the
            stored bars were repaired; or if the stored bars break a law.
        BadInput : if a file cannot be written.
        """
        with _locked(self.folder):
            with ExitStack() as files:  # which replaces the stored ones when it closes
                n_new = self._merge_all(parts, replace, files)
            for path in {self.path(bars.symbol, bars.timeframe) for bars in parts}:
                if not read_repairs(path):
                    _delete_original(path)
        return n_new

    def count_new(self, parts: Sequence[Bars], *, replace: bool = False) -> tuple[int, ...]:
        """Return what `append_all` would, and store nothing.

        Raises
        ------
        BadData : as `append_all`.
        """
        return self._merge_all(parts, replace, None)

    def _merge_all(self, parts: Sequence[Bars], replace: bool, files: ExitStack | None) -> tuple[int, ...]:
        """Merge parts with what is stored, and count the new bars of each.

        The merged bars are written to temporary files that replace the stored ones when `files` closes.
        """
        series: dict[tuple[str, Timeframe], list[int]] = {}
        for place, bars in enumerate(parts):
            series.setdefault((bars.symbol, bars.timeframe), []).append(place)
        n_new = [0] * len(parts)
        for (symbol, timeframe), places in series.items():
            path = self.path(symbol, timeframe)
            merged = None if replace or not path.exists() else read_bars(path, symbol, timeframe)
            repairs = () if merged is None else read_repairs(path)
            original = read_bars(_original(path), symbol, timeframe) if repairs else None
            for place in places:
                bars = parts[place]
                if original is not None:
                    bars = _not_in_original(bars, original, repairs)
                merged, n_new[place] = (bars, len(bars)) if merged is None else merge(merged, bars)
            if files is not None and merged is not None and any(n_new[place] for place in places):
                _remove_temporaries(path)
                write_table(files.enter_context(atomic_write(path)), merged, repairs)
        return tuple(n_new)

    def repairs(self, symbol: str, timeframe: Timeframe) -> tuple[dict[str, Any], ...]:
        """Return the records of the repairs of stored bars, see `market.quality.repairs`; empty if there are none."""
        return read_repairs(self.path(symbol, timeframe))

    def before_repairs(self, symbol: str, timeframe: Timeframe) -> Bars:
        """Read the stored bars as they were before any repair.

        Raises
        ------
        BadInput : if nothing is stored, or the bars or their original cannot be read.
        """
        path = self.path(symbol, timeframe)
        stored = read_bars(path, symbol, timeframe)
        if not read_repairs(path):
            return stored
        return _with_later_bars(read_bars(_original(path), symbol, timeframe), stored)

    def repair(self, symbol: str, timeframe: Timeframe, change: Callable[[Bars], tuple[Bars, Records]]) -> Records:
        """Repair stored bars, and keep the original beside them for `undo_repairs`; return the records of `change`.

        The original is copied first, then the file is replaced as a whole: after a crash the bars are either repaired
        or as before.

        Parameters
        ----------
        change : bars -> (repaired bars, records of the repairs); without a record the file stays as it is.

        Raises
        ------
        BadInput : if nothing is stored, the repair would leave no bars, or the file cannot be written.
        """
        path = self.path(symbol, timeframe)
        with _locked(self.folder):
            _remove_temporaries(path)
            stored = read_bars(path, symbol, timeframe)
            earlier = read_repairs(path)
            repaired, records = change(stored)
            if not records:
                return records
            if len(repaired) == 0:
                raise BadInput(f"{symbol} {timeframe}: the repair would leave no bars; nothing was changed")
            if not earlier:
                with atomic_write(_original(path)) as temporary:
                    shutil.copyfile(path, temporary)
            else:
                original = read_bars(_original(path), symbol, timeframe)
                _write(_original(path), _with_later_bars(original, stored), ())
            _write(path, repaired, (*earlier, *records))
        return records

    def undo_repairs(self, symbol: str, timeframe: Timeframe) -> int:
        """Restore the original, with the bars that were added since; return how many repairs are undone.

        If no bars were added, the file is the original one byte for byte.

        Raises
        ------
        BadInput : if the bars were not repaired, or the original is gone or cannot be read.
        """
        path = self.path(symbol, timeframe)
        with _locked(self.folder):
            stored, repairs = read_bars(path, symbol, timeframe), read_repairs(path)
            if not repairs:
                raise BadInput(f"{symbol} {timeframe}: these bars were not repaired; there is nothing to undo")
            original = read_bars(_original(path), symbol, timeframe)
            restored = _with_later_bars(original, stored)
            if len(restored) == len(original):
                os.replace(_original(path), path)
            else:
                _write(path, restored, ())
                _delete_original(path)
        return len(repairs)

    def remove(self, symbol: str, timeframe: Timeframe, start: int | None = None, end: int | None = None) -> int:
        """Remove the stored bars of a stretch, and of the original of repaired bars; return how many.

        Both files are replaced as a whole, under a lock. Without a bar left, the series is no longer stored.

        Parameters
        ----------
        start, end : int64 ns UTC: bars with start < close_time <= end are removed; None leaves that side open.

        Raises
        ------
        BadInput : if nothing is stored, or the file cannot be written.
        """
        path = self.path(symbol, timeframe)
        with _locked(self.folder):
            _remove_temporaries(path)
            stored, repairs = read_bars(path, symbol, timeframe), read_repairs(path)
            kept = _without(stored, start, end)
            if len(kept) == 0:
                _delete(path)
            elif len(kept) < len(stored):
                if repairs:
                    original = read_bars(_original(path), symbol, timeframe)
                    _write(_original(path), _without(original, start, end), ())
                _write(path, kept, repairs)
        return len(stored) - len(kept)

    def load(self, symbol: str, timeframe: Timeframe, *, start: int | None = None, end: int | None = None) -> Bars:
        """Read the bars of a symbol, resampled from the longest stored timeframe that divides `timeframe`.

        Bars within known sessions are resampled within them, others on the UTC grid.

        Parameters
        ----------
        start, end : int64 ns UTC: bars with start < close_time <= end are returned; None leaves that side open.

        Raises
        ------
        BadInput : if there is no such stored timeframe; lists what is stored. If a price is at or below zero, see
            `market.positive_prices.require_positive_prices`; `stored_bars` returns such bars.
        BadData : if the stored bars break a law of bars.
        """
        symbol, source = self._source(symbol, timeframe, self.list())
        bars = read_bars(self.path(symbol, source), symbol, source)
        bars = bars if source == timeframe else resample(bars, timeframe, sessions=own_sessions(bars))
        return require_positive_prices(bars.between(start, end))

    def check(self, series: Iterable[tuple[str, Timeframe]]) -> None:
        """Raise BadInput, as `load` does, for the first symbol and timeframe that no stored bars make up."""
        stored = self.list()
        for symbol, timeframe in series:
            self._source(symbol, timeframe, stored)

    def _source(self, symbol: str, timeframe: Timeframe, stored: Series) -> tuple[str, Timeframe]:
        """Return the stored symbol and timeframe that the bars of a symbol and timeframe are made of."""
        self.path(symbol, timeframe)  # checks the symbol
        names = [name for name, _ in stored]
        symbol = find_symbol(symbol, names) or symbol
        sources = [each for name, each in stored if name == symbol and each.divides(timeframe)]
        if sources:
            return symbol, max(sources)
        missing = f"that make up {timeframe} are stored" if symbol in names else f"at {timeframe} or shorter are stored"
        near = None if symbol in names else nearest(symbol, names, cutoff=_LIKE)
        hint = f"did you mean {near!r}? " if near else ""
        shown = ", ".join(f"{name} {each}" for name, each in stored[:_MOST_SHOWN]) or "nothing"
        more = f" and {len(stored) - _MOST_SHOWN} more" if len(stored) > _MOST_SHOWN else ""
        raise BadInput(
            f"no bars of {symbol} {missing}; {hint}stored: {shown}{more}. "
            "Import some with `tradesieve data import FILE --symbol SYMBOL --timeframe TIMEFRAME`"
        )

    def allows_negative(self, symbol: str, timeframe: Timeframe | None = None) -> bool:
        """Return whether the prices of stored bars may be at or below zero, at a timeframe or (None) at any."""
        timeframes = [each for name, each in self.list() if name == symbol and timeframe in (None, each)]
        return any(allows_negative(self.path(symbol, each)) for each in timeframes)

    def columns(self, symbol: str, timeframe: Timeframe) -> dict[str, np.ndarray]:
        """Read the columns of one stored file, whether they keep the laws of bars or not."""
        return read_columns(self.path(symbol, timeframe), symbol, timeframe)[0]

    def stored_bars(self, symbol: str, timeframe: Timeframe) -> Bars:
        """Read the bars of one stored file, whatever their prices.

        Raises
        ------
        BadInput : if nothing is stored, or the file cannot be read.
        BadData : if the stored bars break a law of bars.
        """
        return read_bars(self.path(symbol, timeframe), symbol, timeframe)

    def span(self, symbol: str, timeframe: Timeframe) -> tuple[int, int, int]:
        """Return (first close_time, last close_time, number of bars) of one stored file, times in ns UTC."""
        bars = self.stored_bars(symbol, timeframe)
        return int(bars.close_time[0]), int(bars.close_time[-1]), len(bars)


def _original(path: Path) -> Path:
    """Return the file that keeps the bars as they were before repairs; `BarStore.list` ignores it."""
    return path.with_name(f"{path.stem}.original.parquet")


def _remove_temporaries(path: Path) -> None:
    for name in (path.name, _original(path).name):
        for temporary in path.parent.glob(f".{name}.*"):  # left by a crash
            with suppress(OSError):
                temporary.unlink()


def _without(bars: Bars, start: int | None, end: int | None) -> Bars:
    removed = bars.between(start, end).close_time
    return bars.where(~np.isin(bars.close_time, removed))


def _delete(path: Path) -> None:
    try:
        path.unlink()
        _original(path).unlink(missing_ok=True)
    except OSError as error:
        raise BadInput(f"{path}: cannot be removed: {error.strerror}") from error
    with suppress(OSError):
        path.parent.rmdir()  # fails, as it should, if another timeframe is stored


def _delete_original(path: Path) -> None:
    with suppress(OSError):
        _original(path).unlink(missing_ok=True)


def _write(path: Path, bars: Bars, repairs: Sequence[dict[str, Any]]) -> None:
    with atomic_write(path) as temporary:
        write_table(temporary, bars, repairs)


def _with_later_bars(original: Bars, stored: Bars) -> Bars:
    """Add the bars to the original that were stored since. No repair adds a bar, so those that it lacks are new."""
    return merge(original, stored.where(~np.isin(stored.close_time, original.close_time)))[0]


def _not_in_original(bars: Bars, original: Bars, repairs: Sequence[dict[str, Any]]) -> Bars:
    """Drop the bars that are in the original, after checking that they are equal: their repaired form is stored."""
    merge(original, bars)
    new = bars.where(~np.isin(bars.close_time, original.close_time))
    splits = [change["time"] for repair in repairs if repair["fix"] == "splits" for change in repair["changes"]]
    if splits and len(new) and format_time(new.close_time[0]) <= max(splits):
        raise BadData(
            f"{bars.symbol} {bars.timeframe}: the bar at {format_time(new.close_time[0])} is older than the split at "
            f"{max(splits)}, for which the stored bars were repaired; run `tradesieve data repair --undo` first"
        )
    return new


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Lock a folder against other processes. The folder itself is the lock, so no lock file is left behind."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held = open_folder_lock(folder)
    except OSError as error:
        raise BadInput(f"{folder}: cannot be written: {error.strerror}; nothing was changed") from error
    try:
        try:
            lock(held, wait=True)
        except OSError as error:
            raise BadInput(f"{folder}: cannot be locked: {error.strerror}; nothing was changed") from error
        yield
    finally:
        os.close(held)
