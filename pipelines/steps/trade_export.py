"""Trade sets: the trades of an experiment exported as a partitioned Parquet folder or as one file.

A folder holds ``symbol=BTC-USD/timeframe=5m/part-0000.parquet``, one file for each batch of strategies. pandas, DuckDB
and polars read it as one table and take the columns symbol and timeframe from the path, where a symbol such as CL=F is
percent-encoded::

    pandas.read_parquet("trades")
    duckdb.sql("FROM read_parquet('trades/**/*.parquet', hive_partitioning = true)")
    polars.scan_parquet("trades", hive_partitioning=True)

The metadata of Parquet files hold the period and the instances, so that `tradesieve trades import` knows those that
never traded too; a CSV holds the trades only.

At most two batches are in memory at a time. Within a batch, trades are in decision order.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
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
from tradesieve.market.symbols import file_name_of
from tradesieve.pipelines.progress import Progress, silent
from tradesieve.pipelines.settings import Settings
from tradesieve.pipelines.steps.chunks import Chunk, instance_names, period_of
from tradesieve.pipelines.steps.trade_batches import TradeBatch, iter_trades
from tradesieve.pipelines.table_cache import dictionary_columns
from tradesieve.strategies.imports.content import METADATA
from tradesieve.strategies.instance import Instance
from tradesieve.strategies.statistics.duplicates import digest_instances, find_duplicates
from tradesieve.strategies.trades import is_closed

Batches = Iterator[tuple[TradeBatch, pd.DataFrame]]

SINGLE_FILES = (".parquet", ".csv")

_SUMS = {"n_trades": 0, "capital": 0.0, "net_return": 0.0, "cost": 0.0, "n_untraded_fills": 0}
"""What is summed over the closed trades of an instance, with the sums over none."""
_COUNTED_COLUMN = "decision_time"
"""The column by which a file is known to hold trades."""


def check_output(path: Path, *, replace: bool = False) -> None:
    """Refuse an output path that cannot be written, before any work is done for it.

    Parameters
    ----------
    replace : whether a trade set or a file that stands there may be replaced.

    Raises
    ------
    BadInput : if the path has another suffix than ``.parquet`` or ``.csv``, the folder holds something other than a
        trade set, a file is in its place, or something stands there and `replace` is false.
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
    if not replace:
        refuse_existing(path)


def refuse_existing(path: Path) -> None:
    """Refuse a path at which a file or a trade set stands; an empty folder is none.

    Raises
    ------
    BadInput : names the path and the number of trades that stand there, if they can be counted.
    """
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    n_trades = _count_trades(path)
    held = "exists already" if n_trades is None else f"holds {n_trades:,} trade{'' if n_trades == 1 else 's'} already"
    raise BadInput(f"{path}: {held}; choose another path, or replace it with --replace")


def _count_trades(path: Path) -> int | None:
    """Count the trades of a trade set; None if the path holds something else, or cannot be read."""
    try:
        if path.suffix == ".csv":
            with path.open(encoding="utf-8") as file:
                return sum(1 for _ in file) if _COUNTED_COLUMN in next(file, "").split(",") else None
        count = 0
        for part in path.rglob("*.parquet") if path.is_dir() else [path]:
            metadata = pq.read_metadata(part)
            if _COUNTED_COLUMN not in metadata.schema.names:
                return None
            count += metadata.num_rows
        return count
    except (OSError, ValueError, pa.ArrowException):
        return None


def write_trade_set(
    chunks: Sequence[Chunk],
    settings: Settings,
    path: Path | None,
    *,
    replace: bool = False,
    progress: Progress = silent,
) -> list[dict[str, Any]]:
    """Write the trades of some chunks to a folder or a file, simulating those that are not stored.

    Parameters
    ----------
    path : a folder, or a file ending in ``.parquet`` or ``.csv``. None simulates and stores the trades without writing
        a set.
    replace : whether what is there may be replaced, as a whole.

    Returns
    -------
    One row for each instance, also those that never traded: ``instance``, ``rule``, ``symbol``, ``timeframe``;
    ``n_trades``, the number of closed trades, with their ``capital``, ``net_return`` and ``cost`` (sums over them, in
    units of the instance's capital) and ``n_untraded_fills``, their fills in bars in which nothing traded; ``n_open``,
    the number of trades that the end of the data left open, which are written too; and ``same_trades_as``, the first
    instance with the same trades, None where there is no earlier one.

    Raises
    ------
    BadInput : as `check_output`, and if the set cannot be written; then what is there stays.
    """
    if path is not None:
        check_output(path, replace=replace)
        _clear_drafts(path)
    rows: list[dict[str, Any]] = []
    digests: dict[str, bytes] = {}
    batches = _with_totals(iter_trades(chunks, settings, progress=progress), rows, digests)
    if path is None:
        for _ in batches:
            pass
    elif path.suffix:
        with atomic_write(path) as temporary:
            if path.suffix == ".csv":
                _write_csv(batches, temporary)
            else:
                _write_parquet(batches, temporary, _metadata(chunks, instance_names(chunks)))
    else:
        _write_folder(batches, path, chunks)
    in_order = {name: digests[name] for name in instance_names(chunks) if name in digests}
    duplicates = find_duplicates(in_order)
    return [row | {"same_trades_as": duplicates.get(row["instance"])} for row in rows]


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


def _with_totals(batches: Batches, rows: list[dict[str, Any]], digests: dict[str, bytes]) -> Batches:
    """Pass batches on, adding to `rows` the totals of each instance, and to `digests` the hashes of its trades."""
    for batch, trades in batches:
        symbol, timeframe = batch.chunk.symbol, str(batch.chunk.timeframe)
        closed = is_closed(trades)
        own = trades[closed]
        money = {name: own["stake"] * own[name] for name in ("net_return", "cost")}
        sums = own.assign(n_trades=1, capital=own["stake"], **money).groupby("strategy")[list(_SUMS)].sum()
        totals: dict[Any, Any] = sums.to_dict("index")
        n_open = trades.loc[~closed, "strategy"].value_counts()
        names = [str(Instance(strategy.id, symbol, timeframe)) for strategy in batch.strategies]
        digests |= digest_instances(trades, names)
        rows += [
            {
                "instance": name,
                "rule": strategy.name,
                "symbol": symbol,
                "timeframe": timeframe,
                **totals.get(strategy.id, _SUMS),
                "n_open": int(n_open.get(strategy.id, 0)),
            }
            for name, strategy in zip(names, batch.strategies, strict=True)
        ]
        yield batch, trades


def _metadata(chunks: Sequence[Chunk], names: Sequence[str]) -> dict[bytes, bytes]:
    """Return what an import needs to know beside the trades: the period, and the instances of a file."""
    return {METADATA: json.dumps({"period": period_of(chunks), "instances": list(names)}).encode()}


def _write_folder(batches: Batches, path: Path, chunks: Sequence[Chunk]) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        # A batch is written while the next one is read.
        with ThreadPoolExecutor(max_workers=1) as writer:
            written = None
            for batch, trades in batches:
                if written is not None:
                    written.result()
                # The first part of a chunk names all its instances.
                names = batch.chunk.instance_names if batch.number == 0 else ()
                written = writer.submit(_write_batch, batch, trades, draft, _metadata(chunks, names))
            if written is not None:
                written.result()
        _swap(draft, path)
    except OSError as error:
        raise BadInput(f"{path}: cannot be written: {error.strerror or error}; nothing was changed") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _write_batch(batch: TradeBatch, trades: pd.DataFrame, folder: Path, metadata: Mapping[bytes, bytes]) -> None:
    chunk = batch.chunk
    file = (
        folder
        / f"symbol={file_name_of(chunk.symbol)}"
        / f"timeframe={chunk.timeframe}"
        / f"part-{batch.number:04d}.parquet"
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    # Both columns are in the path; some readers refuse them twice.
    kept = trades.drop(columns=["symbol", "timeframe"])
    table = _with_metadata(pa.Table.from_pandas(kept, preserve_index=False), metadata)
    pq.write_table(table, file, compression="zstd", use_dictionary=dictionary_columns(kept))


def _with_metadata(table: pa.Table, metadata: Mapping[bytes, bytes]) -> pa.Table:
    return table.replace_schema_metadata({**(table.schema.metadata or {}), **metadata})


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


def _write_parquet(batches: Batches, path: Path, metadata: Mapping[bytes, bytes]) -> None:
    with ExitStack() as stack:
        writer: pq.ParquetWriter | None = None
        for _, trades in batches:
            table = _with_metadata(pa.Table.from_pandas(trades, preserve_index=False), metadata)
            if writer is None:
                options = {"compression": "zstd", "use_dictionary": dictionary_columns(trades)}
                writer = stack.enter_context(pq.ParquetWriter(path, table.schema, **options))
            writer.write_table(table)
