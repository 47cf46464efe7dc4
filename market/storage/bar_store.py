"""The store of bars: one Parquet file per symbol and timeframe, replaced as a whole or not at all."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tradesieve.market.bars import COLUMNS, Bars, format_time
from tradesieve.market.errors import BadData, BadInput
from tradesieve.market.resampling import resample
from tradesieve.market.storage.files import atomic_write
from tradesieve.market.timeframes import Timeframe, parse_timeframe

_REPAIRS = b"tradesieve.repairs"
"""The key of a Parquet file's metadata under which repairs are written down."""
Records = list[dict[str, Any]]
_SYMBOL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class BarStore:
    """Bars on disk.

    Parameters
    ----------
    folder : where they live; made when first written.
    """

    folder: Path

    def path(self, symbol: str, timeframe: Timeframe) -> Path:
        """Say where the bars of a symbol are kept.

        Raises
        ------
        BadInput : if the symbol cannot be a file name.
        """
        if not _SYMBOL.fullmatch(symbol):
            raise BadInput(
                f"symbol {symbol!r} is not understood: write letters, digits, '-', '.' or '_', as in BTC-USD"
            )
        return self.folder / symbol / f"{timeframe}.parquet"

    def list(self) -> list[tuple[str, Timeframe]]:
        """Name every symbol and timeframe that is stored, sorted. Files that the store did not name are passed over."""
        found = []
        for path in self.folder.glob("*/[!.]*.parquet"):
            with suppress(BadInput):
                timeframe = parse_timeframe(path.stem)
                if path == self.path(path.parent.name, timeframe):
                    found.append((path.parent.name, timeframe))
        return sorted(found)

    def append(self, bars: Bars, *, replace: bool = False) -> int:
        """Add bars to what is stored; return how many were new. See `append_all`."""
        return self.append_all([bars], replace=replace)[0]

    def append_all(self, parts: Sequence[Bars], *, replace: bool = False) -> tuple[int, ...]:
        """Add bars of one symbol and timeframe, all parts or none; return how many of each part were new.

        Bars that are stored already are passed over when they are equal, and so are bars that were equal before they
        were repaired. What was repaired stays repaired. The file is replaced as a whole, under a
        lock, so that a crash or a second process never leaves half of it.

        Parameters
        ----------
        parts : what to add, in any order; at least one.
        replace : forget what is stored first.

        Raises
        ------
        BadData : if a stored bar, or one of an earlier part, has the same time and other values; or if a new bar is
            older than a split that the stored bars were repaired for.
        BadInput : if the file cannot be written.
        """
        symbol, timeframe = parts[0].symbol, parts[0].timeframe
        path = self.path(symbol, timeframe)
        with _locked(self.folder):
            _clean(path)
            merged = None if replace or not path.exists() else self._read(path, symbol, timeframe)
            repairs = () if merged is None else _read_repairs(path)
            original = self._read(_original(path), symbol, timeframe) if repairs else None
            new = []
            for bars in parts:
                if original is not None:
                    bars = _unknown(bars, original, repairs)
                merged, n_new = (bars, len(bars)) if merged is None else _merge(merged, bars)
                new.append(n_new)
            if merged is not None and any(new):
                _write(path, merged, repairs)
                if not repairs:
                    with suppress(OSError):
                        _original(path).unlink(missing_ok=True)
        return tuple(new)

    def repairs(self, symbol: str, timeframe: Timeframe) -> tuple[dict[str, Any], ...]:
        """Say what the stored bars of a symbol were repaired for, see `market.quality.repairs`. Empty: nothing."""
        return _read_repairs(self.path(symbol, timeframe))

    def repair(self, symbol: str, timeframe: Timeframe, change: Callable[[Bars], tuple[Bars, Records]]) -> Records:
        """Repair stored bars, and keep the original beside them for `undo_repairs`; return the records of `change`.

        The original is written first, then the repaired file takes its place as a whole: after a crash the bars are
        either repaired or as before.

        Parameters
        ----------
        change : bars -> (repaired bars, records of what was repaired); the file is left alone without a record.

        Raises
        ------
        BadInput : if nothing is stored, the repair would leave no bars, or the file cannot be written.
        """
        path = self.path(symbol, timeframe)
        with _locked(self.folder):
            _clean(path)
            stored = self._read(path, symbol, timeframe)
            earlier = _read_repairs(path)
            repaired, records = change(stored)
            if not records:
                return records
            if len(repaired) == 0:
                raise BadInput(f"{symbol} {timeframe}: no bar would be left; nothing was changed")
            if not earlier:
                with atomic_write(_original(path)) as temporary:
                    shutil.copyfile(path, temporary)
            else:
                original = self._read(_original(path), symbol, timeframe)
                _write(_original(path), _joined(original, stored), ())
            _write(path, repaired, (*earlier, *records))
        return records

    def undo_repairs(self, symbol: str, timeframe: Timeframe) -> int:
        """Put the original back, with the bars that were added since; return how many repairs are undone.

        Where no bars were added the file is the original one, byte for byte.

        Raises
        ------
        BadInput : if the bars were not repaired, or the original is gone or cannot be read.
        """
        path = self.path(symbol, timeframe)
        with _locked(self.folder):
            stored, repairs = self._read(path, symbol, timeframe), _read_repairs(path)
            if not repairs:
                raise BadInput(f"{symbol} {timeframe}: these bars were not repaired, so there is nothing to undo")
            original = self._read(_original(path), symbol, timeframe)
            joined = _joined(original, stored)
            if len(joined) == len(original):
                os.replace(_original(path), path)
            else:
                _write(path, joined, ())
                with suppress(OSError):
                    _original(path).unlink()
        return len(repairs)

    def load(self, symbol: str, timeframe: Timeframe) -> Bars:
        """Read the bars of a symbol, resampled from the longest stored timeframe that divides the one asked for.

        Raises
        ------
        BadInput : if nothing stored can serve; says what is stored.
        """
        self.path(symbol, timeframe)
        stored = [kept for name, kept in self.list() if name == symbol]
        serving = [kept for kept in stored if timeframe.duration % kept.duration == 0]
        if not serving:
            have = ", ".join(f"{name} {kept}" for name, kept in self.list()) or "nothing"
            raise BadInput(
                f"no bars of {symbol} at {timeframe} or shorter are stored; stored: {have}. "
                "Import some with `tradesieve data import FILE --symbol SYMBOL --timeframe TIMEFRAME`"
            )
        source = max(serving)
        return resample(self._read(self.path(symbol, source), symbol, source), timeframe)

    def span(self, symbol: str, timeframe: Timeframe) -> tuple[int, int, int]:
        """Return (first close_time, last close_time, number of bars) of one stored file."""
        bars = self._read(self.path(symbol, timeframe), symbol, timeframe)
        return int(bars.close_time[0]), int(bars.close_time[-1]), len(bars)

    @staticmethod
    def _read(path: Path, symbol: str, timeframe: Timeframe) -> Bars:
        try:
            table = pq.read_table(path)
            columns = {name: table[name].to_numpy() for name in COLUMNS}
        except FileNotFoundError:
            raise BadInput(f"{path}: no bars of {symbol} at {timeframe} are stored") from None
        except (pa.ArrowException, KeyError, OSError) as error:
            reason = str(error).partition("\n")[0]
            raise BadInput(
                f"{path}: the stored bars cannot be read: {reason}; import them again with --replace"
            ) from error
        return Bars(symbol, timeframe, **columns)


def _original(path: Path) -> Path:
    """Name the file that keeps what bars were before they were repaired; `BarStore.list` passes it over."""
    return path.with_name(f"{path.stem}.original.parquet")


def _clean(path: Path) -> None:
    for name in (path.name, _original(path).name):
        for left_by_a_crash in path.parent.glob(f".{name}.*"):
            with suppress(OSError):
                left_by_a_crash.unlink()


def _write(path: Path, bars: Bars, repairs: Sequence[dict[str, Any]]) -> None:
    table = pa.table({name: getattr(bars, name) for name in COLUMNS})
    if repairs:
        table = table.replace_schema_metadata({_REPAIRS: json.dumps(list(repairs), allow_nan=False)})
    with atomic_write(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def _read_repairs(path: Path) -> tuple[dict[str, Any], ...]:
    try:
        kept = (pq.read_schema(path).metadata or {}).get(_REPAIRS)
    except (pa.ArrowException, OSError):
        return ()  # whoever reads the bars says what is wrong
    return tuple(json.loads(kept)) if kept else ()


def _joined(original: Bars, stored: Bars) -> Bars:
    """Add to the original the bars that were stored later. No repair makes a bar, so what it lacks is new."""
    added = ~np.isin(stored.close_time, original.close_time)
    return _merge(original, _rows(stored, added))[0]


def _unknown(bars: Bars, original: Bars, repairs: Sequence[dict[str, Any]]) -> Bars:
    """Leave out the bars that were known before the repair; their repaired form is stored."""
    _merge(original, bars)
    new = _rows(bars, ~np.isin(bars.close_time, original.close_time))
    splits = [change["time"] for repair in repairs if repair["fix"] == "splits" for change in repair["changes"]]
    if splits and len(new) and format_time(new.close_time[0]) <= max(splits):
        raise BadData(
            f"{bars.symbol} {bars.timeframe}: the bar at {format_time(new.close_time[0])} is older than the split at "
            f"{max(splits)}, which the stored bars were repaired for; `tradesieve data repair --undo` first"
        )
    return new


def _rows(bars: Bars, kept: np.ndarray) -> Bars:
    return Bars(bars.symbol, bars.timeframe, **{name: getattr(bars, name)[kept] for name in COLUMNS})


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Lock a folder against other processes. The folder itself is locked, so that no file is left behind."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise BadInput(f"{folder}: cannot be written: {error.strerror}; nothing was changed") from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError as error:
            raise BadInput(f"{folder}: cannot be locked: {error.strerror}; nothing was changed") from error
        yield
    finally:
        os.close(lock)


def _merge(stored: Bars, new: Bars) -> tuple[Bars, int]:
    known = np.isin(new.close_time, stored.close_time)
    mine = np.searchsorted(stored.close_time, new.close_time[known])
    differs = np.array([getattr(new, name)[known] != getattr(stored, name)[mine] for name in COLUMNS[1:]])
    if differs.any():
        row = int(np.argmax(differs.any(axis=0)))
        name = COLUMNS[1:][int(np.argmax(differs[:, row]))]
        raise BadData(
            f"{new.symbol} {new.timeframe}: {name} at {format_time(new.close_time[known][row])} is "
            f"{getattr(new, name)[known][row]:g}, but {getattr(stored, name)[mine][row]:g} is stored "
            f"({int(differs.any(axis=0).sum())} such bars); use --replace to forget what is stored"
        )
    time = np.concatenate([stored.close_time, new.close_time[~known]])
    order = np.argsort(time, kind="stable")
    columns = {name: np.concatenate([getattr(stored, name), getattr(new, name)[~known]])[order] for name in COLUMNS}
    return Bars(stored.symbol, stored.timeframe, **columns), int((~known).sum())
