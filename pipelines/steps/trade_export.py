"""Trade sets: the trades of an experiment as files for others, a partitioned Parquet folder or one file.

A folder is laid out as ``symbol=BTC-USD/timeframe=5m/part-0000.parquet``, one file a batch of strategies, which
pandas, DuckDB and polars read as one table with the columns symbol and timeframe taken from the path::

    pandas.read_parquet("trades")
    duckdb.sql("FROM read_parquet('trades/**/*.parquet', hive_partitioning = true)")
    polars.scan_parquet("trades", hive_partitioning=True)

Whatever its size, two batches at most are in memory at a time. Within a part, trades are in decision order.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tradesieve.market.errors import BadInput
from tradesieve.market.storage.files import atomic_write
from tradesieve.pipelines.progress import Progress, silent
from tradesieve.pipelines.settings import Settings
from tradesieve.pipelines.steps.chunks import Chunk
from tradesieve.pipelines.steps.trade_batches import TradeBatch, iter_trades
from tradesieve.pipelines.table_cache import repeating
from tradesieve.strategies.instance import Instance

Batches = Iterator[tuple[TradeBatch, pd.DataFrame]]

SINGLE_FILES = (".parquet", ".csv")


def check_output(path: Path) -> None:
    """Refuse an output that cannot be, before any work is done for it.

    Raises
    ------
    BadInput : if the path ends in something other than ``.parquet``, ``.csv`` or nothing, a folder of that name holds
        what is no trade set, or a file stands where a folder is needed.
    """
    if path.suffix and path.suffix not in SINGLE_FILES:
        raise BadInput(f"{path}: write trades to a file ending in .parquet or .csv, or to a folder, with no ending")
    if path.suffix and path.is_dir():
        raise BadInput(f"{path}: this is a folder; name a file in it")
    if not path.suffix and path.exists():
        strangers = (
            [entry for entry in path.iterdir() if not entry.name.startswith("symbol=")] if path.is_dir() else [path]
        )
        if strangers:
            raise BadInput(f"{path}: holds {strangers[0].name}, which is no part of a trade set; name a new folder")


def write_trade_set(
    chunks: Sequence[Chunk], settings: Settings, path: Path | None, *, progress: Progress = silent
) -> list[dict[str, Any]]:
    """Write the trades of some chunks to a folder or a file, simulating those that are not kept.

    Parameters
    ----------
    path : a folder, or a file ending in ``.parquet`` or ``.csv``; what stood there before is replaced as a whole. None
        simulates and keeps the trades without writing a set.

    Returns
    -------
    One row an instance, also those that never traded: ``instance``, ``rule``, ``symbol``, ``timeframe``, ``n_trades``,
    ``net_return`` and ``cost`` (sums over its trades, fractions of the entry notional).

    Raises
    ------
    BadInput : as `check_output`, and if it cannot be written; then what stood there before still stands.
    """
    rows: list[dict[str, Any]] = []
    batches = _counted(iter_trades(chunks, settings, progress=progress), rows)
    if path is None:
        for _ in batches:
            pass
        return rows
    check_output(path)
    _clear_drafts(path)
    if path.suffix:
        with atomic_write(path) as temporary:
            (_write_csv if path.suffix == ".csv" else _write_parquet)(batches, temporary)
    else:
        _write_folder(batches, path)
    return rows


def _clear_drafts(path: Path) -> None:
    """Remove what killed runs have left beside the output; a draft is named by its process."""
    for draft in path.parent.glob(f".{path.name}.*"):
        pid = draft.name.removeprefix(f".{path.name}.").removesuffix(".old")
        if not pid.isdigit() or _runs(int(pid)):
            continue
        if draft.is_dir():
            shutil.rmtree(draft, ignore_errors=True)
        else:
            draft.unlink(missing_ok=True)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # another user's
        return True
    return True


def _counted(batches: Batches, rows: list[dict[str, Any]]) -> Batches:
    """Pass batches on, adding the row of each instance."""
    for batch, trades in batches:
        symbol, timeframe = batch.chunk.symbol, str(batch.chunk.timeframe)
        sums = trades.assign(n_trades=1).groupby("strategy")[["n_trades", "net_return", "cost"]].sum()
        found: dict[Any, Any] = sums.to_dict("index")
        for strategy in batch.strategies:
            rows.append(
                {
                    "instance": str(Instance(strategy.id, symbol, timeframe)),
                    "rule": strategy.name,
                    "symbol": symbol,
                    "timeframe": timeframe,
                    **found.get(strategy.id, {"n_trades": 0, "net_return": 0.0, "cost": 0.0}),
                }
            )
        yield batch, trades


def _write_folder(batches: Batches, path: Path) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        # A part is written while the next one is read.
        with ThreadPoolExecutor(max_workers=1) as writer:
            written = None
            for batch, trades in batches:
                if written is not None:
                    written.result()
                written = writer.submit(_write_batch, batch, trades, draft)
            if written is not None:
                written.result()
        _swap(draft, path)
    except OSError as error:
        raise BadInput(f"{path}: cannot be written: {error.strerror or error}; nothing was changed") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _write_batch(batch: TradeBatch, trades: pd.DataFrame, folder: Path) -> None:
    chunk = batch.chunk
    file = folder / f"symbol={chunk.symbol}" / f"timeframe={chunk.timeframe}" / f"part-{batch.number:04d}.parquet"
    file.parent.mkdir(parents=True, exist_ok=True)
    # The two columns stand in the path: twice is an error to some readers.
    table = trades.drop(columns=["symbol", "timeframe"])
    table.to_parquet(file, index=False, compression="zstd", use_dictionary=repeating(table))


def _swap(draft: Path, path: Path) -> None:
    """Put a finished folder in the place of one that may be there."""
    if path.exists():
        old = path.with_name(f".{path.name}.{os.getpid()}.old")
        path.rename(old)
        draft.rename(path)
        shutil.rmtree(old)
    else:
        draft.rename(path)


def _write_csv(batches: Batches, path: Path) -> None:
    with path.open("w", newline="") as file:
        for row, (_, trades) in enumerate(batches):
            trades.to_csv(file, index=False, header=row == 0)


def _write_parquet(batches: Batches, path: Path) -> None:
    with ExitStack() as stack:
        writer: pq.ParquetWriter | None = None
        for _, trades in batches:
            table = pa.Table.from_pandas(trades, preserve_index=False)
            if writer is None:
                told = {"compression": "zstd", "use_dictionary": repeating(trades)}
                writer = stack.enter_context(pq.ParquetWriter(path, table.schema, **told))
            writer.write_table(table)
