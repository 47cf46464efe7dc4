"""The page of a check: prices with what was found, gaps shaded, and the distribution of the returns. Works offline."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from market.bars import Bars, format_time
from market.quality import Checked
from market.store import replacing

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

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
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse;margin:1rem 0}td,th{padding:.25rem .75rem .25rem 0;text-align:left;"
    "vertical-align:top;border-bottom:1px solid #eee}th{font-weight:600}.n{text-align:right}.defect{color:#b00020}"
)


def quality_figure(checked: Checked) -> Figure:
    """Draw the close with its range, the findings on it, and below the returns and the hours of the day.

    At most two thousand points are drawn, each the range of the bars that it stands for, so that no spike is lost.
    """
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    bars = checked.bars
    figure = make_subplots(
        rows=2, cols=2, row_heights=[0.68, 0.32], specs=[[{"colspan": 2}, None], [{}, {}]], vertical_spacing=0.14,
        subplot_titles=("price: close, and the range from low to high", "returns of one bar", "bars by hour, UTC"),
    )  # fmt: skip
    time, low, high, close = _thinned(bars)
    outline = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
    figure.add_trace(go.Scatter(x=time, y=high, name="high", **outline), 1, 1)
    figure.add_trace(
        go.Scatter(x=time, y=low, name="low", fill="tonexty", fillcolor="rgba(120,120,120,0.3)", **outline), 1, 1
    )
    figure.add_trace(
        go.Scatter(x=time, y=close, name="close", mode="lines", line={"width": 1, "color": "#444"}, showlegend=False),
        1, 1,
    )  # fmt: skip
    for finding in checked.findings:
        if finding.kind in _COLOURS and len(finding.times):
            marked, price = _marks(bars, finding.times)
            figure.add_trace(
                go.Scatter(
                    x=marked, y=price, mode="markers", name=f"{finding.kind.replace('_', ' ')} ({finding.count:,})",
                    marker={"size": 7, "color": _COLOURS[finding.kind], "symbol": "circle-open", "line": {"width": 2}},
                ), 1, 1,
            )  # fmt: skip
        elif finding.kind == "gap":
            for start, end in _longest(finding.times):
                figure.add_vrect(
                    x0=_date(start), x1=_date(end), fillcolor="#ffb347", opacity=0.35, line_width=0, row=1, col=1
                )
    returns = np.diff(bars.close) / bars.close[:-1]
    if len(returns):
        counts, edges = np.histogram(returns, bins=81, range=_central(returns))
        middle = (edges[1:] + edges[:-1]) / 2
        figure.add_trace(go.Bar(x=middle, y=counts, marker_color="#888", showlegend=False, name="returns"), 2, 1)
    hours = list(checked.distribution["bars_by_hour"].values())
    figure.add_trace(go.Bar(x=list(range(24)), y=hours, marker_color="#888", showlegend=False, name="bars"), 2, 2)
    figure.update_xaxes(tickformat=".2%", row=2, col=1)
    figure.update_yaxes(type="log", row=2, col=1)
    if bars.low.min() * 5 < bars.high.max():
        figure.update_yaxes(type="log", row=1, col=1)
    figure.update_layout(
        template="simple_white", height=640, bargap=0.05, margin={"l": 60, "r": 20, "t": 70, "b": 40},
        legend={"orientation": "h", "y": 1.13, "x": 0},
    )  # fmt: skip
    return figure


def write_quality_page(path: Path, checks: Sequence[Checked]) -> None:
    """Write one page for several checks, with everything that it needs in it.

    Raises
    ------
    BadInput : if the file cannot be written.
    """
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>Quality of bars</title>"
        f"<style>{_STYLE}</style></head><body><h1>Quality of bars</h1>"
    ]
    for place, checked in enumerate(checks):
        figure = quality_figure(checked)
        parts += [
            _words(checked),
            figure.to_html(full_html=False, include_plotlyjs=place == 0, config={"displaylogo": False}),
        ]
    with replacing(path) as temporary:
        temporary.write_text("\n".join([*parts, "</body></html>"]), encoding="utf-8")


def _words(checked: Checked) -> str:
    bars = checked.bars
    rows = "".join(
        f"<tr><td class='{'defect' if finding.defect else ''}'>{escape(finding.kind.replace('_', ' '))}</td>"
        f"<td class='n'>{finding.count:,}</td><td>{escape(finding.unit)}</td><td>{escape(finding.worst)}</td>"
        f"<td>{escape(finding.advice)}</td></tr>"
        for finding in checked.findings
    )
    head = "<tr><th>found</th><th class='n'>count</th><th></th><th>worst</th><th>what to do</th></tr>"
    table = f"<table>{head}{rows}</table>" if rows else "<p>Nothing was found.</p>"
    pauses = f" It pauses {escape('; '.join(checked.pauses))}." if checked.pauses else ""
    return (
        f"<h2>{escape(bars.symbol)} {bars.timeframe}</h2><p>{len(bars):,} bars, {format_time(bars.close_time[0])} to "
        f"{format_time(bars.close_time[-1])}. Trading hours {escape(checked.calendar)} "
        f"({escape(checked.calendar_reason)}); {checked.missing_rate:.2%} of them without a bar.{pauses}</p>{table}"
    )


def _thinned(bars: Bars) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    first = np.unique(np.linspace(0, len(bars) - 1, min(_POINTS, len(bars))).astype(np.int64))
    last = np.append(first[1:], len(bars)) - 1
    low, high = np.minimum.reduceat(bars.low, first), np.maximum.reduceat(bars.high, first)
    return _dates(bars.close_time[last]), low, high, bars.close[last]


def _marks(bars: Bars, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    shown = np.unique(times)[np.unique(np.linspace(0, len(np.unique(times)) - 1, _SHOWN_MARKS).astype(np.int64))]
    rows = np.searchsorted(bars.close_time, shown)
    usual = np.sqrt(bars.open[rows] * bars.close[rows])
    far_up = bars.high[rows] * bars.low[rows] > usual**2
    return _dates(shown), np.where(far_up, bars.high[rows], bars.low[rows])


def _longest(spans: np.ndarray) -> list[tuple[int, int]]:
    order = np.argsort(spans[:, 0] - spans[:, 1], kind="stable")[:_SHOWN_GAPS]
    return [(int(start), int(end)) for start, end in spans[np.sort(order)]]


def _central(returns: np.ndarray) -> tuple[float, float]:
    """Return the range of a histogram that leaves one in a thousand out on each side, around nothing."""
    reach = float(max(-np.quantile(returns, 0.001), np.quantile(returns, 0.999), 1e-9))
    return -reach, reach


def _dates(times: np.ndarray) -> np.ndarray:
    return times.astype("datetime64[ns]").astype("datetime64[ms]")


def _date(time: int) -> str:
    return format_time(time).rstrip("Z")
