"""The cache: tables that were computed, kept under the name of everything that they follow from.

A name is a hash of content and code, so what is found under it is what would be computed. Files are written whole and
carry checksums; one that is damaged counts as absent. Several processes may share a cache: they write the same.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from tradesieve.market.storage.files import atomic_write, prune


@dataclass(frozen=True)
class TableCache:
    """Kept tables of one kind.

    Parameters
    ----------
    folder : where they are.
    limit : bytes that they may take; beyond it `prune` deletes those that were not used for longest.
    """

    folder: Path
    limit: int

    def path(self, name: str) -> Path:
        """Name the file of a table, which may not exist."""
        return self.folder / f"{name}.parquet"

    def __contains__(self, name: str) -> bool:
        """Return True if a table of that name is stored, whole or damaged."""
        return os.path.isfile(self.path(name))

    def read(self, name: str, columns: Iterable[str]) -> pd.DataFrame | None:
        """Read a table; None when there is none, or when it is damaged and has to be made again."""
        path = self.path(name)
        try:
            table = pd.read_parquet(path, page_checksum_verification=True, partitioning=None)
            if list(table.columns) != list(columns):
                return None
            os.utime(path)  # what was used last is deleted last
            return table
        except (OSError, ValueError, KeyError, TypeError, NotImplementedError):
            return None

    def write(self, table: pd.DataFrame, name: str) -> None:
        """Keep a table.

        Raises
        ------
        BadInput : if it cannot be written.
        """
        with atomic_write(self.path(name)) as temporary:
            # Without checksums a flipped bit in a column would be read as another number.
            table.to_parquet(
                temporary, index=False, compression="zstd", use_dictionary=repeating(table), write_page_checksum=True
            )

    def prune(self) -> int:
        """Delete tables until those that are left take at most `limit` bytes; return how many were deleted."""
        return prune(self.folder, self.limit)


def repeating(table: pd.DataFrame) -> list[str]:
    """Name the columns whose values repeat: all but the fractional ones, which a dictionary makes slow and large."""
    return [str(name) for name, kind in table.dtypes.items() if kind.kind != "f"]
