"""The page of a check: prices with what was found, gaps shaded, and the distribution of the returns. Works offline."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tradesieve.market.bars import Bars, format_time
from tradesieve.market.quality.checks import CheckResult
from tradesieve.market.storage.files import atomic_write
from tradesieve.pipelines.reports.html import figure_html, page_html
from tradesieve.pipelines.reports.plotly_figures import PLAIN, dates, new_figure

if TYPE_CHECKING:
    from tradesieve.pipelines.reports.plotly_figures import Figure

_POINTS = 2000
_SHOWN_GAPS = 60
_SHOWN_MARKS = 500
_COLOURS = {
    "bad_print": "#d62728",
    "split": "#9467bd",
    "frozen": "#ff7f0e",
    "off_grid": "#8c564b",
    "jump": "#1f77b4",
    "filled": "#bcbd22",
    "constant_price": "#17becf",
}
"""Kind of finding: colour of its marks. Other kinds are in the table alone."""


def quality_figure(checked: CheckResult) -> Figure:
    """Draw the close with its range, the findings on it, and below the returns and the hours of the day.

    At most two thousand points are drawn, each the range of the bars that it stands for, so that no spike is lost.
    """
    bars = checked.bars
    figure = new_figure(
        height=640, legend=True, rows=2, cols=2, row_heights=[0.68, 0.32], specs=[[{"colspan": 2}, None], [{}, {}]],
        vertical_spacing=0.14,
    )  # fmt: skip
    time, low, high, close = _thinned(bars)
    outline = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False, "row": 1, "col": 1}
    figure.add_scatter(x=time, y=high, name="high", **outline)
    figure.add_scatter(x=time, y=low, name="low", fill="tonexty", fillcolor="rgba(120,120,120,0.3)", **outline)
    figure.add_scatter(
        x=time, y=close, name="close", mode="lines", line={"width": 1, "color": PLAIN}, showlegend=False, row=1, col=1
    )
    for finding in checked.findings:
        if finding.kind in _COLOURS and len(finding.times):
            marked, price = _marks(bars, finding.times)
            figure.add_scatter(
                x=marked, y=price, mode="markers", name=f"{finding.kind.replace('_', ' ')} ({finding.count:,})",
                marker={"size": 7, "color": _COLOURS[finding.kind], "symbol": "circle-open", "line": {"width": 2}},
                row=1, col=1,
            )  # fmt: skip
        elif finding.kind == "gap":
            for start, end in _longest(finding.times):
                x0, x1 = dates(np.array([start, end]))
                figure.add_vrect(x0=x0, x1=x1, fillcolor="#ffb347", opacity=0.35, line_width=0, row=1, col=1)
    returns = np.diff(bars.close) / bars.close[:-1]
    bar = {"marker_color": PLAIN, "showlegend": False, "row": 2}
    if len(returns):
        counts, edges = np.histogram(returns, bins=81, range=_central(returns))
        figure.add_bar(x=(edges[1:] + edges[:-1]) / 2, y=counts, name="returns", col=1, **bar)
    hours = list(checked.distribution["bars_by_hour"].values())
    figure.add_bar(x=list(range(24)), y=hours, name="bars", col=2, **bar)
    figure.update_yaxes(title_text="close, and from low to high", row=1, col=1)
    figure.update_xaxes(title_text="return of one bar", tickformat=".2%", row=2, col=1)
    figure.update_yaxes(title_text="bars", type="log", row=2, col=1)
    figure.update_xaxes(title_text="hour of the close, UTC", row=2, col=2)
    if bars.low.min() * 5 < bars.high.max():
        figure.update_yaxes(type="log", row=1, col=1)
    return figure


def write_quality_page(path: Path, checks: Sequence[CheckResult]) -> None:
    """Write one page for several checks, with everything that it needs in it.

    Raises
    ------
    BadInput : if the file cannot be written.
    """
    parts = []
    for place, checked in enumerate(checks):
        name = f"{checked.bars.symbol} {checked.bars.timeframe}"
        parts += [
            _words(name, checked),
            figure_html(
                f"bars-{place}",
                f"{name}: prices, returns and hours",
                "Marked on the prices is what was found; the longest gaps are shaded.",
                quality_figure(checked),
            ),
        ]
    with atomic_write(path) as temporary:
        temporary.write_text(page_html("Quality of bars", parts), encoding="utf-8")


def _words(name: str, checked: CheckResult) -> str:
    bars = checked.bars
    rows = "".join(
        f"<tr><th scope=row{' class=negative' if finding.defect else ''}>{escape(finding.kind.replace('_', ' '))}"
        f"<td>{finding.count:,}<td class=words>{escape(finding.unit)}<td class=words>{escape(finding.worst)}"
        f"<td class=words>{escape(finding.advice)}"
        for finding in checked.findings
    )
    head = "<tr><th scope=col>found<th scope=col>count<th><th class=words scope=col>worst"
    head += "<th class=words scope=col>what to do"
    table = f"<div class=wide tabindex=0><table class=plain><thead>{head}<tbody>{rows}</table></div>"
    pauses = f" It pauses {escape('; '.join(checked.pauses))}." if checked.pauses else ""
    return (
        f"<section aria-label='{escape(name)}'><h2>{escape(name)}</h2>"
        f"<p>{len(bars):,} bars, {format_time(bars.close_time[0])} to "
        f"{format_time(bars.close_time[-1])}. Trading hours {escape(checked.calendar)} "
        f"({escape(checked.calendar_reason)}); {checked.missing_rate:.2%} of them without a bar.{pauses}</p>"
        f"{table if rows else '<p>Nothing was found.</p>'}</section>"
    )


def _thinned(bars: Bars) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    first = np.unique(np.linspace(0, len(bars) - 1, min(_POINTS, len(bars))).astype(np.int64))
    last = np.append(first[1:], len(bars)) - 1
    low, high = np.minimum.reduceat(bars.low, first), np.maximum.reduceat(bars.high, first)
    return dates(bars.close_time[last]), low, high, bars.close[last]


def _marks(bars: Bars, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    shown = np.unique(times)[np.unique(np.linspace(0, len(np.unique(times)) - 1, _SHOWN_MARKS).astype(np.int64))]
    rows = np.searchsorted(bars.close_time, shown)
    usual = np.sqrt(bars.open[rows] * bars.close[rows])
    far_up = bars.high[rows] * bars.low[rows] > usual**2
    return dates(shown), np.where(far_up, bars.high[rows], bars.low[rows])


def _longest(spans: np.ndarray) -> list[tuple[int, int]]:
    order = np.argsort(spans[:, 0] - spans[:, 1], kind="stable")[:_SHOWN_GAPS]
    return [(int(start), int(end)) for start, end in spans[np.sort(order)]]


def _central(returns: np.ndarray) -> tuple[float, float]:
    """Return the range of a histogram that leaves one in a thousand out on each side, around nothing."""
    reach = float(max(-np.quantile(returns, 0.001), np.quantile(returns, 0.999), 1e-9))
    return -reach, reach
