"""Trades of strategies on bars, as `tradesieve trades generate` makes and `tradesieve trades stats` judges them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from tradesieve.market.bars import Bars
from tradesieve.market.errors import Unknown
from tradesieve.pipelines.experiment import Experiment
from tradesieve.pipelines.notebook.chosen_experiment import choose, shown_progress
from tradesieve.pipelines.notebook.pages import framed
from tradesieve.pipelines.reports.trade_report import report_html
from tradesieve.pipelines.settings import Settings, read_settings
from tradesieve.pipelines.steps.chunk_trades import TradedChunk, trade_chunks
from tradesieve.pipelines.steps.chunks import backtest_of, load_chunks
from tradesieve.pipelines.steps.sealing import shown_chunks
from tradesieve.strategies.statistics.grouping import GROUPINGS
from tradesieve.strategies.statistics.trade_statistics import trade_statistics


@dataclass(frozen=True, eq=False)
class Trades:
    """Trades up to where the hold-out begins, which stays sealed for the experiment.

    Parameters
    ----------
    experiment : the strategies and bars, whole; `ts.experiment` runs on it.
    settings : of the state folder that the bars are in.
    parts : the trades by symbol and timeframe.
    notes : where the results stop, and why.
    """

    experiment: Experiment
    settings: Settings
    parts: tuple[TradedChunk, ...]
    notes: tuple[str, ...]

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row per trade, see `strategies.trades`; in the order of ``tradesieve trades generate --output``."""
        return pd.concat([each.trades for each in self.parts], ignore_index=True)

    def __len__(self) -> int:
        return len(self.frame)

    def stats(self, by: str = "instance") -> pd.DataFrame:
        """Return the statistics of groups of trades, without a model.

        Parameters
        ----------
        by : what groups trades: instance, strategy, rule, symbol, timeframe, pooled, side, exit_reason, hour, weekday
            or month.

        Raises
        ------
        Unknown : if there is no such grouping.
        """
        if by not in GROUPINGS:
            raise Unknown("grouping", by, GROUPINGS)
        return trade_statistics(self.frame, backtest_of([each.chunk for each in self.parts]), by=by)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Export the trades through the Arrow C interface, as in ``polars.DataFrame(trades)``."""
        return self.frame.__arrow_c_stream__(requested_schema)

    def __repr__(self) -> str:
        return "\n".join([f"{len(self):,} trades", *self.notes, self.stats().to_string(max_cols=9, index=False)])

    def _repr_html_(self) -> str:
        backtest = backtest_of([each.chunk for each in self.parts])
        return framed(report_html(self.frame, backtest, notes=self.notes, title="Trades without a model"))


def trades(
    strategies: str | Sequence[str] | None = None,
    bars: Bars | Sequence[Bars] | None = None,
    *,
    imported: str | None = None,
    with_holdout: bool = False,
    progress: bool = True,
    **options: Any,
) -> Trades:
    """Backtest strategies on bars, or take the trades that ``tradesieve trades import`` stored under a name.

    Bars that are not stored yet are stored in the state folder first, so that the experiment finds them.

    Parameters
    ----------
    strategies : rules, whole strategies such as ``dip_buying(drop_threshold=-0.005)+trailing(ranges=3)``, files with
        rules of one's own such as ``my_rules.py``, or ``all``; None: five, each of another rule.
    bars : of a symbol, or a list: every symbol at every timeframe; None: every stored symbol, or those of the set.
    imported : the name of a set of imported trades, of which `strategies` chooses; None: simulate.
    with_holdout : show the hold-out too, which is recorded as a look.
    progress : show a bar on standard error.
    options : other values of an experiment, as the command's options: ``num_strategies``, ``maker``, ``taker``,
        ``slippage``, ``modules``, ``seed`` and so on; see `pipelines.experiment_assembly.assemble_experiment`.

    Raises
    ------
    BadInput, BadData, Unknown : if a value is wrong, or other bars of the same time are stored.
    """
    settings = read_settings()
    chosen = options if imported is None else options | {"trades": imported}
    experiment = choose(settings, bars, strategies, chosen)
    chunks = load_chunks(experiment, settings)
    seen = shown_chunks(experiment, chunks, settings, with_holdout=with_holdout, reason="ts.trades")
    with shown_progress(progress) as report:
        parts = trade_chunks(seen.chunks, settings, progress=report)
    return Trades(experiment, settings, tuple(parts), tuple(seen.describe()))
