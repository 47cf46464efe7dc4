"""Weights of strategies, as `tradesieve trades weights` estimates them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from tradesieve.pipelines.notebook.chosen_experiment import shown_progress
from tradesieve.pipelines.notebook.pages import framed
from tradesieve.pipelines.notebook.trade_set import Trades
from tradesieve.pipelines.reports.weights_report import weights_html
from tradesieve.pipelines.steps.chunks import backtest_of
from tradesieve.pipelines.steps.instance_weights import FoundWeights, find_weights, write_configuration
from tradesieve.strategies.allocation.methods import MINIMUM_TRADES, check_method
from tradesieve.strategies.allocation.reestimation import Estimation


@dataclass(frozen=True, eq=False)
class Weights:
    """Shares of the capital by strategy instance, and what such weights would have earned.

    Parameters
    ----------
    found : the weights and their paths.
    trades : what they rest on.
    """

    found: FoundWeights
    trades: Trades

    @property
    def frame(self) -> pd.DataFrame:
        """One row per instance, the largest weight first: ``instance``, ``weight`` and ``n_trades``."""
        return pd.DataFrame(self.found.rows())

    @property
    def paths(self) -> pd.DataFrame:
        """One row per way of re-estimating, with its measures on the days after the warm-up."""
        return pd.DataFrame(self.found.path_rows())

    def write(self, path: str | Path, *, reestimate: str = "weekly") -> Path:
        """Write the configuration that ``tradesieve paper --weights`` reads.

        Parameters
        ----------
        reestimate : how often the weights are meant to be estimated anew: daily, weekly or monthly.

        Raises
        ------
        BadInput : if the file cannot be written.
        """
        write_configuration(self.found, Path(path), reestimate=reestimate, trades=self.trades.experiment.trades)
        return Path(path)

    def __repr__(self) -> str:
        return "\n".join([*self.trades.notes, self.frame.to_string(index=False)])

    def _repr_html_(self) -> str:
        return framed(weights_html(self.found, reestimate="weekly", notes=self.trades.notes))


def weights(
    trades: Trades,
    *,
    method: str = "inverse_volatility",
    window: int | None = None,
    min_trades: int = MINIMUM_TRADES,
    warm_up: int | None = None,
    progress: bool = True,
) -> Weights:
    """Weigh strategies by their closed trades.

    Parameters
    ----------
    method : zero_one, equal, inverse_volatility, or of the extra ``skfolio`` mean_risk, hierarchical_risk_parity or
        risk_budgeting.
    window : the last trading days that are looked at; None: all.
    min_trades : closed trades that an instance needs within them.
    warm_up : first days, which no path trades; None: a quarter.
    progress : show a bar on standard error.

    Raises
    ------
    BadInput, Unknown : if a value is wrong, no trade closed, or a library is missing.
    """
    check_method(method)
    with shown_progress(progress) as report:
        found = find_weights(
            trades.frame,
            backtest_of([each.chunk for each in trades.parts]),
            Estimation(method, window, min_trades),
            warm_up=warm_up,
            progress=report,
        )
    return Weights(found, trades)
