"""Trade sets: imported trades in the state folder, under names, each one Parquet file."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tradesieve.market.errors import BadData, BadInput, Unknown
from tradesieve.market.storage.files import atomic_write
from tradesieve.strategies.instance import Instance
from tradesieve.strategies.trades import TRADE_COLUMNS, check_trades

_KEY = b"tradesieve_set"
_NAME = re.compile(r"[\w][\w.-]{0,99}")


def fingerprint_of(trades: pd.DataFrame, described: Sequence[Any] = ()) -> str:
    """Hash a trades table, and plain values with it, to 16 hexadecimal digits."""
    digest = hashlib.sha256(json.dumps(described).encode())
    for name, kind in TRADE_COLUMNS.items():
        column = trades[name]
        digest.update("\n".join(column).encode() if kind == "str" else column.to_numpy(dtype=kind).tobytes())
    return digest.hexdigest()[:16]


@dataclass(frozen=True, eq=False)
class TradeSet:
    """Imported trades that were placed on stored bars.

    Parameters
    ----------
    name : under which it is stored.
    trades : a trades table, in decision order.
    period : the first and the last close of the bars of the backtest, int64 ns UTC.
    instances : names of every instance, those without a trade too; they set the order of strategies.
    format : the program that wrote the file.
    file : the file that was imported.
    """

    name: str
    trades: pd.DataFrame
    period: tuple[int, int]
    instances: tuple[str, ...]
    format: str
    file: str

    @property
    def fingerprint(self) -> str:
        """Hash of the trades, their period and their instances, 16 hexadecimal digits."""
        return fingerprint_of(self.trades, [list(self.period), list(self.instances)])

    def parsed_instances(self) -> list[Instance]:
        """Return the instances."""
        return [Instance.parse(name) for name in self.instances]

    def of(self, symbol: str, timeframe: str) -> pd.DataFrame:
        """Return the trades of a symbol and timeframe."""
        own = (self.trades["symbol"] == symbol) & (self.trades["timeframe"] == timeframe)
        return self.trades[own].reset_index(drop=True)


@dataclass(frozen=True)
class TradeSetStore:
    """The trade sets of a state folder.

    Parameters
    ----------
    folder : where the files are.
    """

    folder: Path

    def names(self) -> list[str]:
        """List the names of the stored sets, sorted."""
        return sorted(path.stem for path in self.folder.glob("[!.]*.parquet"))

    def __contains__(self, name: str) -> bool:
        """Return True if there is a set of that name."""
        return self.path(name).is_file()

    def path(self, name: str) -> Path:
        """Return the file of a set, which may not exist.

        Raises
        ------
        BadInput : if the name is not letters, digits, points, dashes and underscores.
        """
        if not _NAME.fullmatch(name):
            raise BadInput(f"{name!r} cannot name a trade set: use letters, digits, points, dashes and underscores")
        return self.folder / f"{name}.parquet"

    def refuse_existing(self, name: str) -> None:
        """Refuse a name under which a set is stored.

        Raises
        ------
        BadInput : names the set and the number of its trades.
        """
        if name in self:
            n_trades = len(self.load(name).trades)
            raise BadInput(
                f"the trade set {name} exists already, with {n_trades:,} trades: choose another --name, or replace "
                "it with --replace"
            )

    def save(self, stored: TradeSet) -> None:
        """Write a set, in place of one of its name, as a whole or not at all.

        Raises
        ------
        BadInput : if it cannot be written.
        BadData : if it is not a valid trades table.
        """
        check_trades(stored.trades)
        description = {
            "period": list(stored.period),
            "instances": list(stored.instances),
            "format": stored.format,
            "file": stored.file,
            "fingerprint": stored.fingerprint,
        }
        table = pa.Table.from_pandas(stored.trades[list(TRADE_COLUMNS)], preserve_index=False)
        table = table.replace_schema_metadata({**(table.schema.metadata or {}), _KEY: json.dumps(description).encode()})
        with atomic_write(self.path(stored.name)) as temporary:
            pq.write_table(table, temporary, compression="zstd", write_page_checksum=True)

    def load(self, name: str) -> TradeSet:
        """Read a set.

        Raises
        ------
        Unknown : if there is none of that name; suggests the nearest one.
        BadData : if the file is damaged.
        """
        if Path(name).exists() and (Path(name).is_dir() or Path(name).suffix) and not self._holds(name):
            raise BadInput(f"{name} is a file: store it first with `tradesieve trades import {name}`")
        if not self._holds(name):
            raise Unknown("trade set", name, self.names())
        path = self.path(name)
        try:
            table = pq.read_table(path, page_checksum_verification=True, partitioning=None)
            description: dict[str, Any] = json.loads((table.schema.metadata or {})[_KEY])
            trades = table.to_pandas()[list(TRADE_COLUMNS)].astype(TRADE_COLUMNS)
        except (OSError, ValueError, KeyError, pa.ArrowException) as error:
            raise BadData(f"{path}: is damaged: {error}; import the trades again with --replace") from error
        start, end = description["period"]
        found = TradeSet(
            name, trades, (start, end), tuple(description["instances"]), description["format"], description["file"]
        )
        if found.fingerprint != description["fingerprint"]:
            raise BadData(f"{path}: is not what was imported; import the trades again with --replace")
        return found

    def _holds(self, name: str) -> bool:
        return _NAME.fullmatch(name) is not None and name in self
