"""Trade sets: the trades of an experiment exported as a partitioned Parquet folder or as one file.

A folder holds ``symbol=BTC-USD/timeframe=5m/part-0000.parquet``, one file for each batch of strategies. pandas, DuckDB
and polars read it as one table and take the columns symbol and timeframe from the path::

    pandas.read_parquet("trades")
    duckdb.sql("FROM read_parquet('trades/**/*.parquet', hive_partitioning = true)")
    polars.scan_parquet("trades", hive_partitioning=True)

At most two batches are in memory at a time. Within a batch, trades are in decision order.
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
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from tradesieve.market.errors import BadInput
from tradesieve.market.storage.files import atomic_write
from tradesieve.pipelines.progress import Progress, silent
from tradesieve.pipelines.settings import Settings
from tradesieve.pipelines.steps.chunks import Chunk
from tradesieve.pipelines.steps.trade_batches import TradeBatch, iter_trades
from tradesieve.pipelines.table_cache import dictionary_columns
from tradesieve.strategies.instance import Instance

Batches = Iterator[tuple[TradeBatch, pd.DataFrame]]

SINGLE_FILES = (".parquet", ".csv")


def check_output(path: Path) -> None:
    """Refuse an output path that cannot be written, before any work is done for it.

    Raises
    ------
    BadInput : if the path has another suffix than ``.parquet`` or ``.csv``, the folder holds something other than a
        trade set, or a file is in its place.
    """
    if path.suffix and path.suffix not in SINGLE_FILES:
        raise BadInput(f"{path}: write trades to a file ending in .parquet or .csv, or to a folder, without a suffix")
    if path.suffix and path.is_dir():
        raise BadInput(f"{path}: is a folder; name a file in it")
    if not path.suffix and path.exists():
        entries = path.iterdir() if path.is_dir() else [path]
        foreign = next((entry for entry in entries if not entry.name.startswith("symbol=")), None)
        if foreign is not None:
            raise BadInput(f"{path}: holds {foreign.name}, which is not part of a trade set; name a new folder")


def write_trade_set(
    chunks: Sequence[Chunk], settings: Settings, path: Path | None, *, progress: Progress = silent
) -> list[dict[str, Any]]:
    """Write the trades of some chunks to a folder or a file, simulating those that are not stored.

    Parameters
    ----------
    path : a folder, or a file ending in ``.parquet`` or ``.csv``; what is there is replaced as a whole. None simulates
        and stores the trades without writing a set.

    Returns
    -------
    One row for each instance, also those that never traded: ``instance``, ``rule``, ``symbol``, ``timeframe``,
    ``n_trades``, ``net_return`` and ``cost`` (sums over its trades, fractions of the entry notional).

    Raises
    ------
    BadInput : as `check_output`, and if the set cannot be written; then what is there stays.
    """
    rows: list[dict[str, Any]] = []
    batches = _with_totals(iter_trades(chunks, settings, progress=progress), rows)
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
    """Remove the drafts that killed runs left beside the output; a draft carries the id of its process."""
    for draft in path.parent.glob(f".{path.name}.*"):
        pid = draft.name.removeprefix(f".{path.name}.").removesuffix(".old")
        if not pid.isdigit() or psutil.pid_exists(int(pid)):
            continue
        if draft.is_dir():
            shutil.rmtree(draft, ignore_errors=True)
        else:
            draft.unlink(missing_ok=True)


def _with_totals(batches: Batches, rows: list[dict[str, Any]]) -> Batches:
    """Pass batches on, adding to `rows` the totals of each instance."""
    for batch, trades in batches:
        symbol, timeframe = batch.chunk.symbol, str(batch.chunk.timeframe)
        sums = trades.assign(n_trades=1).groupby("strategy")[["n_trades", "net_return", "cost"]].sum()
        totals: dict[Any, Any] = sums.to_dict("index")
        rows += [
            {
                "instance": str(Instance(strategy.id, symbol, timeframe)),
                "rule": strategy.name,
                "symbol": symbol,
                "timeframe": timeframe,
                **totals.get(strategy.id, {"n_trades": 0, "net_return": 0.0, "cost": 0.0}),
            }
            for strategy in batch.strategies
        ]
        yield batch, trades


def _write_folder(batches: Batches, path: Path) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        # A batch is written while the next one is read.
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
    # Both columns are in the path; some readers refuse them twice.
    table = trades.drop(columns=["symbol", "timeframe"])
    table.to_parquet(file, index=False, compression="zstd", use_dictionary=dictionary_columns(table))


def _swap(draft: Path, path: Path) -> None:
    """Replace a folder, if there is one, by a finished draft."""
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
                options = {"compression": "zstd", "use_dictionary": dictionary_columns(trades)}
                writer = stack.enter_context(pq.ParquetWriter(path, table.schema, **options))
            writer.write_table(table)
