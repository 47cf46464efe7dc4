"""The store of bars: one Parquet file per symbol and timeframe, replaced as a whole or not at all."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from market.bars import COLUMNS, Bars, format_time
from market.errors import BadData, BadInput
from market.resampling import resample
from market.timeframes import Timeframe, parse_timeframe

_SYMBOL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary file beside `path` that takes its place when the block ends well, and vanishes otherwise.

    Raises
    ------
    BadInput : if the folder cannot be written or the disk is full; what stood there before still stands.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    new_folder = not path.parent.exists()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())  # or a power cut could leave the new name on an empty file
        os.replace(temporary, path)
    except OSError as error:
        raise BadInput(f"{path}: cannot be written: {error.strerror or error}; nothing was changed") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
            if new_folder:
                path.parent.rmdir()  # which fails, as it should, once something is in it


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

        Bars that are stored already are passed over when they are equal. The file is replaced as a whole, under a
        lock, so that a crash or a second process never leaves half of it.

        Parameters
        ----------
        parts : what to add, in any order; at least one.
        replace : forget what is stored first.

        Raises
        ------
        BadData : if a stored bar, or one of an earlier part, has the same time and other values.
        BadInput : if the file cannot be written.
        """
        symbol, timeframe = parts[0].symbol, parts[0].timeframe
        path = self.path(symbol, timeframe)
        with _locked(self.folder):
            for left_by_a_crash in path.parent.glob(f".{path.name}.*"):
                with suppress(OSError):
                    left_by_a_crash.unlink()
            merged = None if replace or not path.exists() else self._read(path, symbol, timeframe)
            new = []
            for bars in parts:
                merged, n_new = (bars, len(bars)) if merged is None else _merge(merged, bars)
                new.append(n_new)
            if merged is not None and any(new):
                table = pa.table({name: getattr(merged, name) for name in COLUMNS})
                with replacing(path) as temporary:
                    pq.write_table(table, temporary, compression="zstd")
        return tuple(new)

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
