"""Charts of weights over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tradesieve.pipelines.reports.figures.plotly_figures import LINES, NEUTRAL, new_figure

if TYPE_CHECKING:
    from tradesieve.pipelines.reports.figures.plotly_figures import Figure

_MOST_NAMED = len(LINES)


def weights_chart(days: np.ndarray, weights: np.ndarray, names: Sequence[str]) -> Figure:
    """Stack the weights of the instances with the most capital, and of all others together.

    Parameters
    ----------
    days : datetime64[D] (n,), on which weights change.
    weights : float64 (n, n_instances).
    names : of the instances.
    """
    order = np.argsort(-weights.mean(axis=0), kind="stable")
    named, others = order[:_MOST_NAMED], order[_MOST_NAMED:]
    bands = [(names[column], weights[:, column], LINES[place]) for place, column in enumerate(named.tolist())]
    if len(others):
        bands.append((f"{len(others):,} others", weights[:, others].sum(axis=1), NEUTRAL))
    figure = new_figure(height=420, legend=True)
    x = np.datetime_as_string(days, unit="D")
    for name, share, colour in bands:
        figure.add_scatter(
            x=x, y=np.round(share, 6), mode="lines", name=name, stackgroup="weights",
            line={"width": 0.5, "shape": "hv", "color": colour},
            hovertemplate="%{x}<br>%{y:.1%} of the capital<extra>" + name + "</extra>",
        )  # fmt: skip
    figure.update_yaxes(title_text="share of the capital", tickformat=".0%", range=[0, 1])
    figure.update_xaxes(title_text="day of the estimate, UTC")
    return figure
