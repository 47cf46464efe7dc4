"""Charts of capital over time, from daily returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tradesieve.pipelines.reports.figures.plotly_figures import (
    FAINT,
    GAIN,
    GREY,
    LINES,
    LOSS,
    NEUTRAL,
    PLAIN,
    dates,
    new_figure,
)
from tradesieve.strategies.statistics.daily_returns import drawdowns, equity

if TYPE_CHECKING:
    from tradesieve.pipelines.reports.figures.plotly_figures import Figure


def equity_chart(days: np.ndarray, returns: np.ndarray) -> Figure:
    """Draw the compounded capital, and below it the drawdown.

    Parameters
    ----------
    days : datetime64[D] (n_days,).
    returns : float (n_days,), as `strategies.statistics.daily_returns` makes them.
    """
    figure = new_figure(height=460, rows=2, cols=1, shared_xaxes=True, row_heights=[0.7, 0.3], vertical_spacing=0.06)
    x = np.datetime_as_string(days, unit="D")
    figure.add_scatter(
        x=x, y=np.round(equity(returns), 6), mode="lines", name="capital", line={"color": PLAIN, "width": 1.6},
        hovertemplate="%{x}<br>capital %{y:.4f}<extra></extra>", row=1, col=1,
    )  # fmt: skip
    figure.add_scatter(
        x=x, y=np.round(drawdowns(returns), 6), mode="lines", name="drawdown", fill="tozeroy",
        line={"color": LOSS, "width": 1}, hovertemplate="%{x}<br>%{y:.2%} below the peak<extra></extra>", row=2, col=1,
    )  # fmt: skip
    figure.update_yaxes(title_text="capital, start = 1", row=1, col=1)
    figure.update_yaxes(title_text="drawdown, %", tickformat=".1%", row=2, col=1)
    figure.update_xaxes(title_text="day of the exit, UTC", row=2, col=1)
    return figure


def paths_chart(days: np.ndarray, paths: Mapping[str, np.ndarray], borders: Sequence[int]) -> Figure:
    """Draw the compounded capital of several paths over the same days, on one scale.

    Parameters
    ----------
    days : datetime64[D] (n_days,).
    paths : name: daily returns, float (n_days,); the first is drawn as the main one. At most seven.
    borders : int64 ns UTC, drawn as vertical lines.
    """
    figure = new_figure(height=460, legend=True)
    x, colours = np.datetime_as_string(days, unit="D"), [*LINES[::2], *LINES[:0:-2]]
    for number, (name, returns) in enumerate(paths.items()):
        main = {"color": PLAIN, "width": 2.2}
        line = {"color": colours[number - 1], "width": 1.2, "dash": "dot"} if number else main
        figure.add_scatter(
            x=x, y=np.round(equity(returns), 6), mode="lines", name=name, line=line,
            hovertemplate="%{x}<br>capital %{y:.4f}<extra>" + name + "</extra>",
        )  # fmt: skip
    for border in dates(np.asarray(borders, dtype=np.int64)):
        figure.add_vline(x=border, line={"color": GREY, "width": 1})
    figure.update_yaxes(title_text="capital, start = 1")
    figure.update_xaxes(title_text="day of the exit, UTC")
    return figure


def monthly_chart(days: np.ndarray, returns: np.ndarray) -> Figure:
    """Draw the compounded return of each month, one row per year. Parameters as `equity_chart`."""
    months = days.astype("datetime64[M]").astype(np.int64)
    starts = np.flatnonzero(np.diff(months, prepend=months[0] - 1))
    monthly = np.multiply.reduceat(np.maximum(1.0 + returns, 0.0), starts) - 1.0
    years = months[starts] // 12 + 1970
    grid = np.full((int(years[-1] - years[0]) + 1, 12), np.nan)
    grid[years - years[0], months[starts] % 12] = monthly
    bound = max(float(np.nanmax(np.abs(grid))), 1e-6)
    names = pd.date_range("2000-01-01", periods=12, freq="MS").strftime("%b").tolist()
    figure = new_figure(height=max(220, 110 + 34 * len(grid)))
    figure.add_heatmap(
        z=[[None if np.isnan(value) else round(float(value) * 100, 3) for value in row] for row in grid],
        x=names, y=[str(year) for year in range(int(years[0]), int(years[-1]) + 1)], zmid=0, zmin=-bound * 100,
        zmax=bound * 100, colorscale=[[0, LOSS], [0.5, FAINT], [1, GAIN]], texttemplate="%{z:.1f}", xgap=2, ygap=2,
        hovertemplate="%{x} %{y}: %{z:.3f} %<extra></extra>", showscale=False,
    )  # fmt: skip
    figure.update_yaxes(title_text="year", autorange="reversed", type="category", showgrid=False)
    figure.update_xaxes(title_text="month of the exit", showgrid=False)
    return figure


def filter_chart(periods: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> Figure:
    """Draw the compounded capital of every trade and of the filtered trades, logarithmic.

    Parameters
    ----------
    periods : days, datetime64[D] (n_days,), with the daily returns of every trade and of the filtered trades, float
        (n_days,) each. The capital of each period starts at 1; periods after the first are shaded as the hold-out.
    """
    figure = new_figure(height=460, legend=True)
    for number, (days, every, filtered) in enumerate(periods):
        x = np.datetime_as_string(days, unit="D")
        for name, returns, colour in (("every trade", every, NEUTRAL), ("filtered", filtered, PLAIN)):
            figure.add_scatter(
                x=x, y=np.round(equity(returns), 6), mode="lines", name=name, line={"color": colour, "width": 1.6},
                legendgroup=name, showlegend=number == 0,
                hovertemplate="%{x}<br>capital %{y:.4f}<extra>" + name + "</extra>",
            )  # fmt: skip
        if number:
            shade = {"fillcolor": LINES[0], "opacity": 0.15, "line_width": 0, "layer": "below"}
            figure.add_vrect(x0=x[0], x1=x[-1], annotation_text="hold-out", **shade)
    figure.add_hline(y=1.0, line={"color": GREY, "width": 0.8})
    figure.update_yaxes(title_text="capital, start = 1", type="log", tickformat="~g")
    figure.update_xaxes(title_text="day of the exit, UTC")
    return figure
