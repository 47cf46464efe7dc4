"""Research trades: the trades of a model's instances on stored bars, simulated, scored and sized in one batch."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from tradesieve.features.volume_features import without_volume
from tradesieve.market.instruments import Instrument, instrument_from
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.models.artifact.artifact import Artifact
from tradesieve.models.artifact.bundled_modules import loaded_modules
from tradesieve.pipelines.settings import Settings
from tradesieve.pipelines.steps.chunk_features import refuse_volume_features
from tradesieve.pipelines.steps.chunk_trades import TradedChunk, generate_trades
from tradesieve.pipelines.steps.chunks import Chunk, load_finer, load_others
from tradesieve.strategies.imports.named_strategy import NamedStrategy
from tradesieve.strategies.instance import Instance
from tradesieve.strategies.registry import parse_strategy
from tradesieve.strategies.strategy import Strategy


def load_model_chunk(
    artifact: Artifact, symbol: str, timeframe: str, settings: Settings, *, end_time: int | None = None
) -> Chunk:
    """Load the bars of a symbol and timeframe as a chunk of the model's instances, on the terms of its training.

    Where it was trained on imported trades, the chunk holds those of the set that is stored under their name now, and
    bars up to the end of its period.

    Parameters
    ----------
    end_time : int64 ns UTC; bars up to it are loaded. None: all.

    Raises
    ------
    BadInput : if bars are not stored, or have no volume and the model reads it.
    """
    # Of a market whose prices may be at or below zero, the model knows the period that it was trained on.
    start_time = artifact.manifest["data_span"][0] - 1 if settings.bars.allows_negative(symbol) else None
    stored = None if "trades" not in artifact.manifest else settings.trade_sets.load(artifact.manifest["trades"])
    if stored is not None:
        end_time = stored.period[1] if end_time is None else min(end_time, stored.period[1])
    bars = settings.bars.load(symbol, parse_timeframe(timeframe), start=start_time, end=end_time)
    settle_with = artifact.manifest.get("settle_with")
    others = load_others(artifact.requirements(timeframe, symbol).others, bars, settings)
    missing = without_volume(artifact.features, bars, others)
    if missing:
        refuse_volume_features(missing, "the model was trained with volume; give it bars that have one")
    return Chunk(
        bars,
        model_instrument(artifact, symbol),
        model_strategies(artifact, symbol, timeframe),
        finer=load_finer(bars, None if settle_with is None else parse_timeframe(settle_with), settings),
        others=others,
        imported=None if stored is None else stored.of(symbol, timeframe),
    )


def model_strategies(artifact: Artifact, symbol: str, timeframe: str) -> tuple[Strategy, ...]:
    """Return the strategies of a model on a symbol and timeframe; rules of the user have the code of its training."""
    names = [each.strategy for each in artifact.instances if each.series == (symbol, timeframe)]
    if artifact.manifest.get("trades") is not None:
        return tuple(map(NamedStrategy, names))
    with loaded_modules(artifact.folder, artifact.manifest):
        return tuple(map(parse_strategy, names))


def model_instrument(artifact: Artifact, symbol: str) -> Instrument:
    """Return the instrument with the terms on which the model's trades were simulated."""
    terms: dict[str, Any] = dict(artifact.manifest.get("instruments", {}).get(symbol, {}))
    terms.pop("symbol", None)
    return instrument_from(symbol, terms)


def research_trades(
    artifact: Artifact,
    chunk: Chunk,
    settings: Settings,
    *,
    start_time: int | None,
    strategies: Collection[str] | None = None,
) -> pd.DataFrame:
    """Generate the trades of a model's chunk, or read them, and score and size those decided after a time.

    Parameters
    ----------
    chunk : with all the model's strategies on its bars, see `load_model_chunk`.
    start_time : int64 ns UTC; only trades decided after it are returned. None: all.
    strategies : ids of the strategies whose trades are returned; None: all.

    Returns
    -------
    The trades table with ``size`` and ``score``, in decision order, without trades that the end of the bars cut off.
    """
    return research_rows(artifact, chunk, settings, start_time=start_time, strategies=strategies)[0]


def research_rows(
    artifact: Artifact,
    chunk: Chunk,
    settings: Settings,
    *,
    start_time: int | None,
    strategies: Collection[str] | None = None,
) -> tuple[pd.DataFrame, np.ndarray]:
    """Return what `research_trades` does, and what the model reads of each trade, float64 (n_trades, n_features)."""
    wanted = {each.id for each in chunk.strategies if strategies is None or each.id in strategies}
    if "agreeing" not in artifact.requirements(chunk.timeframe, chunk.symbol).terms:
        # Agreement is among all instances of a rule; without it, the others need not be simulated.
        chunk = replace(chunk, strategies=tuple(each for each in chunk.strategies if each.id in wanted))
    traded = TradedChunk(chunk, generate_trades(chunk, settings))
    trades = traded.trades
    kept = (trades["exit_reason"] != "end_of_data") & trades["strategy"].isin(wanted)
    if start_time is not None:
        kept &= trades["decision_time"] > start_time
    found = trades[kept].reset_index(drop=True)
    names = [str(Instance(strategy, chunk.symbol, str(chunk.timeframe))) for strategy in found["strategy"]]
    decisions = traded.decisions[kept.to_numpy()]
    features = artifact.columns(chunk.bars, decisions, others=chunk.others, instance_names=names)
    scores = artifact.model.predict(features)
    return found.assign(size=artifact.sizes(scores, names), score=scores), features
