"""Evaluation: a model on bars that it was not trained on, computed in one batch as research computes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tradesieve.market.bars import Bars, format_time
from tradesieve.market.calendars.trading_days import ALWAYS
from tradesieve.market.errors import BadInput, Unknown
from tradesieve.market.execution.intrabar import align_finer
from tradesieve.market.instruments import Instrument, instrument_from
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.models.artifact.artifact import Artifact
from tradesieve.models.dataset import dataset_from_trades
from tradesieve.models.fitness import measure
from tradesieve.models.protocol.leaderboard import compare_instances
from tradesieve.models.significance.permutation import random_filter
from tradesieve.pipelines.experiment import parse_time
from tradesieve.pipelines.progress import Progress, silent
from tradesieve.pipelines.settings import Settings
from tradesieve.pipelines.steps.chunks import load_finer, load_others
from tradesieve.strategies.backtest.simulator import simulate
from tradesieve.strategies.backtest.trade_decisions import decisions_of
from tradesieve.strategies.instance import Instance
from tradesieve.strategies.registry import parse_strategy
from tradesieve.strategies.trades import pool_trades


def evaluate(
    artifact: Artifact,
    settings: Settings,
    *,
    strategies: Sequence[str] = (),
    start: str | None = None,
    end: str | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Set every strategy with the model beside the same strategy without it.

    Parameters
    ----------
    strategies : rules or whole strategies; empty takes all that the model knows.
    start : ISO 8601; trades decided after it count. None: after the span that the model was trained on.
    end : ISO 8601; bars up to it are used.

    Returns
    -------
    JSON-safe: ``baseline``, ``filtered``, ``random``, ``by_instance``, ``period``, ``opening``.

    Raises
    ------
    Unknown : if the model does not know a strategy.
    BadInput : if `start` lies within the model's training, or no trade closed after it.
    """
    trained_until = int(artifact.manifest["data_span"][1])
    start_time = parse_time("--from", start) or trained_until
    if start_time < trained_until:
        raise BadInput(
            f"--from {start} lies before {format_time(trained_until)}, up to which the model was trained: "
            "what it has seen says nothing about it"
        )
    instances = _chosen(artifact, strategies)
    names = [str(instance) for instance in instances]
    pairs = list(dict.fromkeys(instance.series for instance in instances))
    tables, calendars, last = [], set(), start_time
    for done, (symbol, timeframe) in enumerate(pairs):
        progress("evaluate", done, len(pairs), f"{symbol} {timeframe}")
        bars = settings.bars.load(symbol, parse_timeframe(timeframe)).between(None, parse_time("--to", end))
        instrument = instrument_of(artifact, symbol)
        calendars.add(instrument.trading_calendar)
        finer = finer_of(artifact, settings, bars)
        others = load_others(artifact.requirements(timeframe, symbol).others, bars, settings)
        own = research_trades(
            artifact, bars, instrument, start_time=start_time, names=names, finer=finer, others=others
        )
        tables.append(own)
        last = max(last, int(bars.close_time[-1])) if len(bars) else last
    trades = pool_trades(tables)
    if trades.empty:
        raise BadInput(f"no trade closed after {format_time(start_time)}: import later bars or choose other strategies")
    symbols = sorted({symbol for symbol, _ in pairs})
    opening = settings.ledger.open_holdout(artifact.manifest["experiment"], symbols, start_time, "model eval")
    # What was known at midnight belongs to the day before: its day is not one of these.
    period = (start_time + 1, last)
    dataset = dataset_from_trades(
        trades,
        np.empty((len(trades), 0)),
        (),
        label="won",
        instance_names=names,
        period=period,
        calendar=calendars.pop() if len(calendars) == 1 else ALWAYS,
    )
    sizes = trades["size"].to_numpy()
    return {
        "period": [format_time(time) for time in period],
        "baseline": measure(dataset, np.ones(len(dataset))).as_dict(),
        "filtered": measure(dataset, sizes).as_dict(),
        "random": random_filter(dataset, sizes, seed=0).as_dict(),
        "by_instance": compare_instances(dataset, sizes, seed=0),
        "opening": opening,
    }


def _chosen(artifact: Artifact, strategies: Sequence[str]) -> list[Instance]:
    ids = dict.fromkeys(instance.strategy for instance in artifact.instances)
    rules = dict.fromkeys(instance.rule for instance in artifact.instances)
    for strategy in strategies:
        if strategy not in ids and strategy not in rules:
            raise Unknown("strategy of this model:", strategy, [*rules, *ids])
    wanted = set(strategies)
    return [instance for instance in artifact.instances if not wanted or wanted & {instance.strategy, instance.rule}]


def research_trades(
    artifact: Artifact,
    bars: Bars,
    instrument: Instrument,
    *,
    start_time: int | None,
    names: Sequence[str] | None = None,
    finer: Bars | None = None,
    others: Mapping[str, Bars] | None = None,
) -> pd.DataFrame:
    """Give the trades that research has of these bars and this artifact: simulated, scored and sized in one batch.

    Parameters
    ----------
    start_time : int64 ns UTC; trades decided after it are kept. Those that the end of the bars cut off are not.
    names : strategy instances; None takes all that the model knows. Those of other bars are passed over.
    finer : bars that settle what came first within a bar, as `finer_of` gives them.
    others : bars of the other symbols that the model looks at.

    Returns
    -------
    The trades table with ``size`` and ``score``, in decision order.
    """
    series = (bars.symbol, str(bars.timeframe))
    known = [instance for instance in artifact.instances if instance.series == series]
    wanted = known if names is None else [instance for instance in known if str(instance) in set(names)]
    # Where the model asks who agrees, all that were there in training have to be there.
    run = known if "agreeing" in artifact.requirements(bars.timeframe, bars.symbol).terms else wanted
    aligned_finer = align_finer(bars, finer)
    trades = pool_trades(
        [simulate(parse_strategy(instance.strategy), bars, instrument, finer=aligned_finer) for instance in run]
    )
    kept = (trades["exit_reason"] != "end_of_data") & trades["strategy"].isin([each.strategy for each in wanted])
    if start_time is not None:
        kept &= trades["decision_time"] > start_time
    decisions = decisions_of(trades, [str(instance) for instance in run])[kept.to_numpy()]
    scores = artifact.score(bars, decisions, others=others)
    found = trades[kept].reset_index(drop=True)
    sizes = artifact.sizes(scores, [str(Instance(strategy, *series)) for strategy in found["strategy"]])
    return found.assign(size=sizes, score=scores)


def instrument_of(artifact: Artifact, symbol: str) -> Instrument:
    """Give the terms on which the model's trades were simulated."""
    terms: dict[str, Any] = dict(artifact.manifest.get("instruments", {}).get(symbol, {}))
    terms.pop("symbol", None)
    return instrument_from(symbol, terms)


def finer_of(artifact: Artifact, settings: Settings, bars: Bars) -> Bars | None:
    """Give the bars that settle what came first within a bar, as when the model's trades were simulated; None: none.

    Raises
    ------
    BadInput : if they are not stored.
    """
    timeframe = artifact.manifest.get("settle_with")
    return load_finer(settings.bars, bars, None if timeframe is None else parse_timeframe(timeframe))
