"""Prices of a series with what a check found on them, and the distribution of its returns and hours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tradesieve.market.bars import Bars
from tradesieve.market.quality.checks import CheckResult
from tradesieve.market.quality.distribution import returns_of
from tradesieve.market.quality.findings import Finding
from tradesieve.pipelines.reports.figures.plotly_figures import PLAIN, dates, new_figure

if TYPE_CHECKING:
    from tradesieve.pipelines.reports.figures.plotly_figures import Figure

_MOST_POINTS = 2000
_MOST_GAPS = 60
_MOST_MARKS = 500
_COLOURS = {
    "bad_print": "#d62728",
    "split": "#9467bd",
    "frozen": "#ff7f0e",
    "off_grid": "#8c564b",
    "jump": "#1f77b4",
    "filled": "#bcbd22",
    "constant_price": "#17becf",
    "negative_price": "#e377c2",
}
"""Kind of finding: colour of its marks. Other kinds are in the table alone."""


def quality_chart(checked: CheckResult) -> Figure:
    """Draw the close with its range, the findings on it, and below the returns and the hours of the day.

    At most two thousand points are drawn, each the range of the bars that it stands for, so that no spike is lost.
    """
    bars = checked.bars
    figure = new_figure(
        height=640, legend=True, rows=2, cols=2, row_heights=[0.68, 0.32], specs=[[{"colspan": 2}, None], [{}, {}]],
        vertical_spacing=0.14,
    )  # fmt: skip
    _draw_prices(figure, bars)
    for finding in checked.findings:
        _mark(figure, bars, finding)
    returns = returns_of(bars)
    bar = {"marker_color": PLAIN, "showlegend": False, "row": 2}
    if len(returns):
        counts, edges = np.histogram(returns, bins=81, range=_central_range(returns))
        figure.add_bar(x=(edges[1:] + edges[:-1]) / 2, y=counts, name="returns", col=1, **bar)
    hours = list(checked.distribution["bars_by_hour"].values())
    figure.add_bar(x=list(range(24)), y=hours, name="bars", col=2, **bar)
    figure.update_xaxes(title_text="return of one bar", tickformat=".2%", row=2, col=1)
    figure.update_yaxes(title_text="bars", type="log", row=2, col=1)
    figure.update_xaxes(title_text="hour of the close, UTC", row=2, col=2)
    return figure


def _draw_prices(figure: Figure, bars: Bars) -> None:
    time, low, high, close = _thinned(bars)
    outline = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False, "row": 1, "col": 1}
    figure.add_scatter(x=time, y=high, name="high", **outline)
    figure.add_scatter(x=time, y=low, name="low", fill="tonexty", fillcolor="rgba(120,120,120,0.3)", **outline)
    figure.add_scatter(
        x=time, y=close, name="close", mode="lines", line={"width": 1, "color": PLAIN}, showlegend=False, row=1, col=1
    )
    wide = 0 < bars.low.min() * 5 < bars.high.max()
    figure.update_yaxes(title_text="close, low to high", type="log" if wide else None, row=1, col=1)


def _mark(figure: Figure, bars: Bars, finding: Finding) -> None:
    if finding.kind in _COLOURS and len(finding.times):
        time, price = _marked_prices(bars, finding.times)
        figure.add_scatter(
            x=time, y=price, mode="markers", name=f"{finding.kind.replace('_', ' ')} ({finding.count:,})",
            marker={"size": 7, "color": _COLOURS[finding.kind], "symbol": "circle-open", "line": {"width": 2}},
            row=1, col=1,
        )  # fmt: skip
    elif finding.kind == "gap":
        for start, end in _longest(finding.times):
            x0, x1 = dates(np.array([start, end]))
            figure.add_vrect(x0=x0, x1=x1, fillcolor="#ffb347", opacity=0.35, line_width=0, row=1, col=1)


def _thinned(bars: Bars) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    first = np.unique(np.linspace(0, len(bars) - 1, min(_MOST_POINTS, len(bars))).astype(np.int64))
    last = np.append(first[1:], len(bars)) - 1
    low, high = np.minimum.reduceat(bars.low, first), np.maximum.reduceat(bars.high, first)
    return dates(bars.close_time[last]), low, high, bars.close[last]


def _marked_prices(bars: Bars, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Choose for each time the end of the bar that is farther from its open and close."""
    distinct = np.unique(times)
    shown = distinct[np.unique(np.linspace(0, len(distinct) - 1, _MOST_MARKS).astype(np.int64))]
    rows = np.searchsorted(bars.close_time, shown)
    # By ratios; of a bar at or below zero the low is what is marked.
    high_is_farther = bars.high[rows] * bars.low[rows] > bars.open[rows] * bars.close[rows]
    high_is_farther &= bars.low[rows] > 0
    return dates(shown), np.where(high_is_farther, bars.high[rows], bars.low[rows])


def _longest(gaps: np.ndarray) -> list[tuple[int, int]]:
    order = np.argsort(gaps[:, 0] - gaps[:, 1], kind="stable")[:_MOST_GAPS]
    return [(int(start), int(end)) for start, end in gaps[np.sort(order)]]


def _central_range(returns: np.ndarray) -> tuple[float, float]:
    """Return a range around zero that leaves out one return in a thousand at each end."""
    bound = float(max(-np.quantile(returns, 0.001), np.quantile(returns, 0.999), 1e-9))
    return -bound, bound
