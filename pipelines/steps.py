"""The steps: plain functions that the command line and the Prefect flows both call.

bars -> trades -> features -> dataset -> experiment. Each step keeps what it made under the name of everything that
made it, so that a second run reads, and an interrupted one goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from features.engine import compute
from market.bars import Bars
from market.calendars import ALWAYS, TradingCalendar
from market.errors import BadInput
from market.instruments import Instrument
from market.store import replacing
from market.timeframes import Timeframe
from models.dataset import Dataset, dataset_from_trades
from pipelines.experiment import Experiment
from pipelines.identity import code_fingerprint, identity
from pipelines.progress import Progress, silent
from pipelines.settings import Settings
from strategies.base import Strategy, instance_name
from strategies.simulator import simulate
from strategies.trades import TRADE_COLUMNS, check_trades, pool_trades


@dataclass(frozen=True, eq=False)
class Chunk:
    """The work of one symbol at one timeframe: all strategies on the same bars."""

    bars: Bars
    instrument: Instrument
    strategies: tuple[Strategy, ...]

    @property
    def symbol(self) -> str:
        """The symbol."""
        return self.bars.symbol

    @property
    def timeframe(self) -> Timeframe:
        """The timeframe."""
        return self.bars.timeframe

    @property
    def name(self) -> str:
        """Name it for people."""
        return f"{self.symbol} {self.timeframe}"

    @property
    def key(self) -> str:
        """Hash everything that its trades follow from."""
        ids = [strategy.id for strategy in self.strategies]
        code = code_fingerprint("market", "strategies")
        return identity(self.bars.fingerprint, self.instrument.as_dict(), ids, code)


def load_chunks(experiment: Experiment, settings: Settings) -> list[Chunk]:
    """Load the bars of an experiment, one chunk a symbol and timeframe.

    Raises
    ------
    BadInput : if bars are not stored, or none lie between start and end.
    """
    start, end = experiment.period()
    strategies = experiment.chosen_strategies()
    chunks = []
    for symbol in experiment.symbols:
        for timeframe in experiment.parsed_timeframes():
            bars = settings.bars.load(symbol, timeframe).between(start, end)
            if len(bars) == 0:
                raise BadInput(f"no bars of {symbol} lie between {experiment.start} and {experiment.end}")
            chunks.append(Chunk(bars, experiment.instrument(symbol), strategies))
    return chunks


def generate_trades(chunk: Chunk, settings: Settings, *, progress: Progress = silent) -> pd.DataFrame:
    """Generate the trades of a chunk, or read them when they were generated before."""
    path = settings.home / "trades" / chunk.symbol / str(chunk.timeframe) / f"{chunk.key}.parquet"
    kept = _read_table(path, TRADE_COLUMNS)
    if kept is not None:
        progress("trades", 1, 1, f"{chunk.name}: read {len(kept)}")
        return kept
    tables = []
    for done, strategy in enumerate(chunk.strategies):
        progress("trades", done, len(chunk.strategies), f"{chunk.name}: {strategy.id}")
        tables.append(simulate(strategy, chunk.bars, chunk.instrument))
    trades = pool_trades(tables)
    check_trades(trades)
    _write_table(trades, path)
    progress("trades", 1, 1, f"{chunk.name}: {len(trades)} trades")
    return trades


def compute_features(
    chunk: Chunk, trades: pd.DataFrame, names: Sequence[str], settings: Settings, *, progress: Progress = silent
) -> np.ndarray:
    """Compute the features of a chunk's trades, or read them when they were computed before."""
    code = code_fingerprint("market", "features")
    key = identity(chunk.key, list(names), code)
    path = settings.home / "factors" / chunk.symbol / str(chunk.timeframe) / f"{key}.parquet"
    kept = _read_table(path, names)
    if kept is not None and len(kept) == len(trades):
        progress("factors", 1, 1, f"{chunk.name}: read {len(names)} factors")
        return np.ascontiguousarray(kept.to_numpy(dtype=np.float64))
    at, side = trades["decision_time"].to_numpy(), trades["side"].to_numpy(dtype=np.float64)
    columns = []
    for done, name in enumerate(names):
        progress("factors", done, len(names), f"{chunk.name}: {name}")
        columns.append(compute(chunk.bars, at, [name], side=side)[:, 0])
    _write_table(pd.DataFrame(dict(zip(names, columns, strict=True))), path)
    progress("factors", 1, 1, f"{chunk.name}: {len(names)} factors of {len(trades)} trades")
    return np.stack(columns, axis=1) if len(trades) else np.empty((0, len(names)))


def build_dataset(
    experiment: Experiment, chunks: Sequence[Chunk], settings: Settings, *, progress: Progress = silent
) -> Dataset:
    """Pool the chunks' trades with their features into one dataset, in decision order.

    Raises
    ------
    BadInput : if no trade closed.
    """
    names = experiment.feature_names()
    tables, matrices = [], []
    for chunk in chunks:
        trades = generate_trades(chunk, settings, progress=progress)
        tables.append(trades)
        matrices.append(compute_features(chunk, trades, names, settings, progress=progress))
    trades = pd.concat(tables, ignore_index=True)
    order = trades.sort_values(["decision_time", "strategy", "symbol", "timeframe"], kind="stable").index.to_numpy()
    return dataset_from_trades(
        trades.iloc[order].reset_index(drop=True),
        np.concatenate(matrices)[order],
        names,
        label=experiment.plan.label,
        instance_names=instance_names(chunks),
        period=period_of(chunks),
        calendar=calendar_of(chunks),
    )


def instance_names(chunks: Sequence[Chunk]) -> list[str]:
    """Name every strategy instance, also those that never traded."""
    return [
        instance_name(strategy.id, chunk.symbol, chunk.timeframe) for chunk in chunks for strategy in chunk.strategies
    ]


def period_of(chunks: Sequence[Chunk]) -> tuple[int, int]:
    """Span the bars of all chunks: from the first close to the last."""
    return (
        min(int(chunk.bars.close_time[0]) for chunk in chunks),
        max(int(chunk.bars.close_time[-1]) for chunk in chunks),
    )


def calendar_of(chunks: Sequence[Chunk]) -> TradingCalendar:
    """Give the calendar that all instruments share; where they differ, every day counts."""
    calendars = {chunk.instrument.calendar for chunk in chunks}
    return chunks[0].instrument.trading_calendar if len(calendars) == 1 else ALWAYS


def _read_table(path: Path, columns: Iterable[str]) -> pd.DataFrame | None:
    """Read a kept table; None when there is none, or when it is damaged and has to be made again."""
    try:
        table = pd.read_parquet(path, page_checksum_verification=True)
        return table if list(table.columns) == list(columns) else None
    except (OSError, ValueError, KeyError, TypeError, NotImplementedError):
        return None


def _write_table(table: pd.DataFrame, path: Path) -> None:
    with replacing(path) as temporary:
        # Without checksums a flipped bit in a column would be read as another number.
        table.to_parquet(temporary, index=False, compression="zstd", write_page_checksum=True)
