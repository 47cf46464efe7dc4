"""Charts of a filter beside luck: its drawdown, its paths, and what the best of many trials would show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tradesieve.pipelines.reports.figures.plotly_figures import GAIN, GREY, LINES, LOSS, NEUTRAL, PLAIN, new_figure
from tradesieve.strategies.statistics.daily_returns import drawdowns

if TYPE_CHECKING:
    from tradesieve.pipelines.reports.figures.plotly_figures import Figure


def drawdown_chart(periods: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> Figure:
    """Draw the drawdown of every trade and of the filtered trades. Parameters as `equity_charts.filter_chart`."""
    figure = new_figure(height=340, legend=True)
    for number, (days, every, filtered) in enumerate(periods):
        x = np.datetime_as_string(days, unit="D")
        for name, returns, colour in (("every trade", every, NEUTRAL), ("filtered", filtered, PLAIN)):
            figure.add_scatter(
                x=x, y=np.round(drawdowns(returns), 6), mode="lines", name=name, line={"color": colour, "width": 1.4},
                fill="tozeroy", legendgroup=name, showlegend=number == 0,
                hovertemplate="%{x}<br>%{y:.2%} below the peak<extra>" + name + "</extra>",
            )  # fmt: skip
        if number:
            shade = {"fillcolor": LINES[0], "opacity": 0.15, "line_width": 0, "layer": "below"}
            place = {"annotation_text": "hold-out", "annotation_position": "bottom right"}
            figure.add_vrect(x0=x[0], x1=x[-1], **place, **shade)
    figure.update_yaxes(title_text="below the peak", tickformat=".1%")
    figure.update_xaxes(title_text="day of the exit, UTC")
    return figure


def deflation_chart(
    trial_sharpes: Sequence[float | None] | np.ndarray, *, winner: float | None, benchmark: float | None, n_trials: int
) -> Figure:
    """Draw what the trials add, the winner among them, and what the best of as many worthless trials would show.

    Parameters
    ----------
    trial_sharpes : Sharpe ratios of one day of the trials' improvements; None and NaN are left out.
    winner, benchmark : of the winner, and expected of the best of `n_trials` worthless trials; None and NaN are not
        drawn.
    """
    known = np.array([value for value in trial_sharpes if value is not None and np.isfinite(value)])
    figure = new_figure(height=300, legend=True)
    figure.add_histogram(
        x=np.round(known, 5).tolist(), nbinsx=30, marker_color=GREY, showlegend=False,
        hovertemplate="%{x}: %{y} trials<extra></extra>",
    )  # fmt: skip
    lines = ((winner, GAIN, "winner"), (benchmark, LINES[0], f"best of {n_trials} worthless trials"))
    for value, colour, title in lines:
        if value is not None and np.isfinite(value):
            figure.add_vline(x=value, line={"color": colour, "width": 2})
            figure.add_scatter(x=[None], y=[None], mode="lines", name=title, line={"color": colour, "width": 2})
    drawn = [*known, *(value for value, _, _ in lines if value is not None and np.isfinite(value))]
    if drawn:
        # Bars and lines at the ends would be cut in half.
        room = 0.06 * (max(drawn) - min(drawn)) or 0.01
        figure.update_xaxes(range=[min(drawn) - room, max(drawn) + room])
    figure.update_xaxes(title_text="Sharpe ratio of one day of what a trial adds")
    few = len(known) <= 20  # ticks are whole numbers of trials
    figure.update_yaxes(title_text="trials", dtick=1 if few else None, rangemode="tozero")
    return figure


def paths_chart(paths: Sequence[Mapping[str, Any]], *, name: str, out_of_fold: float) -> Figure:
    """Draw the fitness of each path of combinatorial purged folds, the lowest first.

    Parameters
    ----------
    paths : see `models.protocol.paths.measure_paths`; one without a fitness is left out.
    name : of the fitness.
    out_of_fold : the winner's own fitness, drawn as a line.
    """
    values = sorted(path["fitness"] for path in paths if path["fitness"] is not None)
    figure = new_figure(height=300)
    figure.add_bar(
        x=[str(place) for place in range(1, len(values) + 1)], y=[float(f"{value:.5g}") for value in values],
        marker_color=[GAIN if value > 0 else LOSS for value in values], hovertemplate="%{y}<extra></extra>",
    )  # fmt: skip
    figure.add_hline(y=out_of_fold, line={"color": GREY, "dash": "dot"}, annotation_text="as searched")
    figure.update_xaxes(title_text="path", type="category")
    figure.update_yaxes(title_text=name)
    return figure
