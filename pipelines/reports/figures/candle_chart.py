"""Candles with the lines that a rule looks at and its trades."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tradesieve.market.bars import Bars
from tradesieve.pipelines.reports.figures.plotly_figures import GAIN, LINES, LOSS, NEUTRAL, dates, new_figure
from tradesieve.pipelines.reports.figures.trade_windows import TradeWindow

if TYPE_CHECKING:
    from tradesieve.pipelines.reports.figures.plotly_figures import Figure

_MOST_BREAKS = 60


def candle_chart(window: TradeWindow) -> Figure:
    """Draw candles, the lines of the rule, and its trades: entries, exits, initial stops and targets."""
    bars, time = window.bars, dates(window.bars.close_time)
    figure = new_figure(height=560, legend=True)
    figure.add_candlestick(
        x=time, open=bars.open, high=bars.high, low=bars.low, close=bars.close, name="bars",
        increasing={"line": {"color": GAIN, "width": 1}}, decreasing={"line": {"color": LOSS, "width": 1}},
    )  # fmt: skip
    for number, (name, values) in enumerate(window.lines.items()):
        line = {"color": LINES[number % len(LINES)], "width": 1.4}
        figure.add_scatter(x=time, y=values, mode="lines", name=name, line=line, hoverinfo="skip")
    _draw_spans(figure, window)
    _draw_markers(figure, window.trades)
    figure.update_xaxes(
        title_text="close of the bar, UTC", rangeslider={"visible": False}, type="date", rangebreaks=_breaks(bars)
    )
    figure.update_yaxes(title_text="price, quote currency", fixedrange=False)
    return figure


def _draw_spans(figure: Figure, window: TradeWindow) -> None:
    """Draw stop and target while each trade was open, and a line from its entry to its exit."""
    trades = window.trades
    entry_price, exit_price = (trades[name].to_numpy()[:, None] for name in ("entry_price", "exit_price"))
    every, won = np.ones(len(trades), bool), trades["net_return"].to_numpy() > 0
    dotted, solid = {"width": 1, "dash": "dot"}, {"width": 2.5}
    for name, rows, start, end, line in (
        ("stop", every, window.stop[:, None], window.stop[:, None], dotted | {"color": LOSS}),
        ("target", every, window.targets, window.targets, dotted | {"color": GAIN}),
        ("won", won, entry_price, exit_price, solid | {"color": GAIN}),
        ("lost", ~won, entry_price, exit_price, solid | {"color": LOSS}),
    ):
        x, y = _segments(trades[rows], start[rows], end[rows])
        if x:
            figure.add_scatter(x=x, y=y, mode="lines", name=name, line=line, hoverinfo="skip")


def _draw_markers(figure: Figure, trades: pd.DataFrame) -> None:
    text, long = _descriptions(trades), trades["side"].to_numpy() > 0
    for name, rows, event, symbol, colour in (
        ("exit", np.ones(len(trades), bool), "exit", "x", NEUTRAL),
        ("long entry", long, "entry", "triangle-up", "#3377bb"),
        ("short entry", ~long, "entry", "triangle-down", "#dd8833"),
    ):
        if rows.any():
            own = trades[rows]
            figure.add_scatter(
                x=dates(own[f"{event}_time"].to_numpy()), y=own[f"{event}_price"].to_numpy(), mode="markers", name=name,
                marker={"symbol": symbol, "size": 11, "color": colour, "line": {"width": 1, "color": "#ffffff"}},
                text=text[rows], hovertemplate="%{text}<extra>" + name + "</extra>",
            )  # fmt: skip


def _segments(trades: pd.DataFrame, start: np.ndarray, end: np.ndarray) -> tuple[list[Any], list[float | None]]:
    """Return lines from entry to exit at the prices (n_trades, k), as one trace with gaps; NaN draws none."""
    entry, exit_ = dates(trades["entry_time"].to_numpy()), dates(trades["exit_time"].to_numpy())
    x: list[Any] = []
    y: list[float | None] = []
    for row, column in np.argwhere(np.isfinite(start) & np.isfinite(end)):
        x += [entry[row], exit_[row], None]
        y += [float(start[row, column]), float(end[row, column]), None]
    return x, y


def _descriptions(trades: pd.DataFrame) -> np.ndarray:
    decision = dates(trades["decision_time"].to_numpy())
    rows = [
        f"{'long' if trade['side'] > 0 else 'short'}, decided {time.replace('T', ' ')}<br>"
        f"entry {trade['entry_price']:.6g}, exit {trade['exit_price']:.6g}<br>"
        f"{trade['exit_reason'].replace('_', ' ')}, net {trade['net_return'] * 1e4:+.1f} bp, {trade['bars_held']} bars"
        for time, trade in zip(decision, trades.to_dict("records"), strict=True)
    ]
    return np.array(rows, dtype=object)


def _breaks(bars: Bars) -> list[dict[str, list[str]]]:
    """Return the spans without bars, such as nights and weekends, for the time axis to skip; at most the 60 longest."""
    gaps = np.diff(bars.close_time)
    wide = np.flatnonzero(gaps > 4 * bars.timeframe.duration)
    wide = wide[np.argsort(-gaps[wide], kind="stable")][:_MOST_BREAKS]
    # A break starts after the last bar and ends before the next one, so that neither is hidden.
    first, last = bars.close_time[wide] + bars.timeframe.duration, bars.close_time[wide + 1] - bars.timeframe.duration
    return [{"bounds": [start, end]} for start, end in zip(dates(first), dates(last), strict=True)]
