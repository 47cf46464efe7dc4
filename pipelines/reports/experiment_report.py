"""The experiment report: the capital with and without the filter, as one page."""

from __future__ import annotations

import numpy as np

from tradesieve.models.dataset import Dataset
from tradesieve.models.fitness.filtered_returns import daily_returns
from tradesieve.models.protocol.holdout import HoldoutResult
from tradesieve.models.protocol.search import SearchResult
from tradesieve.pipelines.reports.figures.equity_charts import filter_chart
from tradesieve.pipelines.reports.html import render


def experiment_html(searched: SearchResult, judged: HoldoutResult | None) -> str:
    """Render the page of an experiment, with all that it shows embedded.

    Parameters
    ----------
    judged : None while the hold-out is sealed, which the page then does not show.
    """
    winner = searched.winner
    periods = [_capital(searched.judged, np.zeros(len(searched.judged)) if winner is None else winner.sizes)]
    if judged is not None:
        periods.append(_capital(judged.dataset, judged.sizes))
    return render(
        "experiment_report",
        title="No winner" if winner is None else f"{winner.candidate.name}, {winner.application}",
        equity_figure=filter_chart(periods),
        judged=judged is not None,
        n_trials=searched.n_trials,
    )


def _capital(dataset: Dataset, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the days, and the daily returns of every trade and of the filtered trades."""
    days = dataset.calendar.days(*dataset.period).astype("datetime64[D]")
    return days, daily_returns(dataset, np.ones(len(dataset))), daily_returns(dataset, sizes)
