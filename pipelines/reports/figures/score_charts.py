"""Charts of a model's out-of-fold scores: what they are worth, and where they part winners from losers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tradesieve.pipelines.reports.figures.plotly_figures import GAIN, GREY, LOSS, NEUTRAL, PLAIN, new_figure

if TYPE_CHECKING:
    from tradesieve.pipelines.reports.figures.plotly_figures import Figure

_N_BINS = 40
_HALF_WIDTH = 1.96


def threshold_chart(
    thresholds: Sequence[float],
    fitness: Sequence[float | None],
    coverage: Sequence[float],
    *,
    name: str,
    chosen: float | None,
) -> Figure:
    """Draw the fitness of the trades whose score is at least a threshold, and the share of trades that is kept.

    Parameters
    ----------
    thresholds, fitness, coverage : of the same length; a fitness that is undefined is None or NaN.
    name : of the fitness.
    chosen : the winner's threshold, drawn as a line; None if its application has none.
    """
    figure = new_figure(height=380, legend=True, specs=[[{"secondary_y": True}]])
    x = _plain(thresholds)
    figure.add_scatter(
        x=x, y=_plain(fitness), mode="lines+markers", name=name, line={"color": PLAIN}, connectgaps=False,
        hovertemplate="score from %{x}<br>" + name + " %{y}<extra></extra>", secondary_y=False,
    )  # fmt: skip
    figure.add_scatter(
        x=x, y=_plain(coverage), mode="lines", name="trades kept", line={"color": NEUTRAL, "dash": "dot"},
        hovertemplate="score from %{x}<br>%{y:.1%} of the trades<extra></extra>", secondary_y=True,
    )  # fmt: skip
    if chosen is not None:
        figure.add_vline(x=chosen, line={"color": GAIN, "width": 1.2}, annotation_text="chosen")
    figure.update_xaxes(title_text="lowest score that is taken")
    figure.update_yaxes(title_text=name, secondary_y=False)
    figure.update_yaxes(title_text="trades kept", tickformat=".0%", range=[0, 1.02], showgrid=False, secondary_y=True)
    return figure


def calibration_chart(tenths: Mapping[str, Sequence[float]], *, title: str, is_probability: bool) -> Figure:
    """Draw the mean outcome of each tenth of the scores, with an interval of 95 %.

    Parameters
    ----------
    tenths : see `pipelines.steps.search_evidence.score_tenths`.
    title : of the outcome.
    is_probability : draw the line on which scores are probabilities of the outcome.
    """
    x, reach = _plain(tenths["score"]), _HALF_WIDTH * np.asarray(tenths["error"])
    figure = new_figure(height=380)
    figure.add_scatter(
        x=x, y=_plain(tenths["outcome"]), mode="lines+markers", line={"color": PLAIN},
        error_y={"type": "data", "array": _plain(reach), "color": NEUTRAL, "thickness": 1.2, "width": 4},
        customdata=list(tenths["n_trades"]),
        hovertemplate="mean score %{x}<br>" + title + " %{y}<br>%{customdata} trades<extra></extra>",
    )  # fmt: skip
    if is_probability:
        ends = [x[0], x[-1]]
        figure.add_scatter(x=ends, y=ends, mode="lines", line={"color": GREY, "dash": "dot"}, hoverinfo="skip")
    else:
        figure.add_hline(y=0.0, line={"color": GREY, "width": 0.8})
    figure.update_xaxes(title_text="mean score of a tenth of the trades")
    figure.update_yaxes(title_text=title)
    return figure


def score_distribution_chart(scores: np.ndarray, won: np.ndarray) -> Figure:
    """Draw how the scores of winners and of losers are distributed.

    Parameters
    ----------
    scores : float (n_trades,), finite.
    won : bool (n_trades,).
    """
    low, high = np.quantile(scores, [0.005, 0.995])
    edges = np.linspace(low, high if high > low else low + 1.0, _N_BINS + 1)
    centres = [float(f"{centre:.4g}") for centre in (edges[:-1] + edges[1:]) / 2]
    figure = new_figure(height=340, legend=True)
    for name, rows, colour in (("winners", won, GAIN), ("losers", ~won, LOSS)):
        counts, _ = np.histogram(np.clip(scores[rows], edges[0], edges[-1]), bins=edges)
        figure.add_scatter(
            x=centres, y=_plain(100 * counts / max(int(rows.sum()), 1)), mode="lines", name=name, fill="tozeroy",
            line={"color": colour, "shape": "hvh", "width": 1.6},
            hovertemplate="about %{x}: %{y:.2f} % of the " + name + "<extra></extra>",
        )  # fmt: skip
    figure.update_xaxes(title_text="score")
    figure.update_yaxes(title_text="% of the trades", rangemode="tozero")
    return figure


def _plain(values: Sequence[float | None] | np.ndarray) -> list[float | None]:
    return [None if value is None or not np.isfinite(value) else float(f"{value:.6g}") for value in values]
