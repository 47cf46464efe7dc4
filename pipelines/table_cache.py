"""Table cache: computed tables as Parquet files, each under a key of everything it follows from.

Since a key hashes content and code, what is stored under it is what would be computed. Files are written atomically and
carry checksums; a damaged one counts as missing. Several processes may share a cache, since they write the same bytes.
A table that cannot be stored is computed again where it is needed, and a warning says so.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from tradesieve.market.storage.files import mark_as_used, prune, write_cached


@dataclass(frozen=True)
class TableCache:
    """Stored tables of one kind.

    Parameters
    ----------
    folder : where the files are.
    limit : bytes that they may take; beyond it `prune` deletes the least recently used.
    """

    folder: Path
    limit: int

    def path(self, name: str) -> Path:
        """Return the file of a table, which may not exist."""
        return self.folder / f"{name}.parquet"

    def __contains__(self, name: str) -> bool:
        """Return True if a table of that name is stored, whole or damaged."""
        return os.path.isfile(self.path(name))

    def read(self, name: str, columns: Iterable[str]) -> pd.DataFrame | None:
        """Read a table; None if it is missing, or damaged and has to be computed again."""
        path = self.path(name)
        try:
            table = pd.read_parquet(path, page_checksum_verification=True, partitioning=None)
            if list(table.columns) != list(columns):
                return None
        except (OSError, ValueError, KeyError, TypeError, NotImplementedError):
            return None
        mark_as_used(path)
        return table

    def write(self, table: pd.DataFrame, name: str) -> bool:
        """Store a table; return whether it could be stored."""

        def write_table(path: Path) -> None:
            # Without checksums, a flipped bit would be read as another number.
            table.to_parquet(
                path,
                index=False,
                compression="zstd",
                use_dictionary=dictionary_columns(table),
                write_page_checksum=True,
            )

        return write_cached(self.path(name), write_table, folder=self.folder)

    def prune(self) -> int:
        """Delete tables until the rest takes at most `limit` bytes; return the number deleted."""
        return prune(self.folder, self.limit)


def dictionary_columns(table: pd.DataFrame) -> list[str]:
    """List the columns worth a Parquet dictionary: all but floats, which it makes slow to read and large."""
    return [str(name) for name, kind in table.dtypes.items() if kind.kind != "f"]
