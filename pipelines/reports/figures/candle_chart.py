"""Candles with the lines that a rule looks at and its trades."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tradesieve.market.bars import Bars
from tradesieve.pipelines.reports.figures.plotly_figures import GAIN, LINES, LOSS, dates, new_figure
from tradesieve.pipelines.reports.figures.trade_windows import TradeWindow

if TYPE_CHECKING:
    from tradesieve.pipelines.reports.figures.plotly_figures import Figure

_MOST_BREAKS = 60


def candle_chart(window: TradeWindow) -> Figure:
    """Draw candles, what the rule looks at, and its trades: entries, exits, and the stops and targets they had."""
    bars, trades = window.bars, window.trades
    time = dates(bars.close_time)
    figure = new_figure(height=560, legend=True)
    figure.add_candlestick(
        x=time, open=bars.open, high=bars.high, low=bars.low, close=bars.close, name="bars",
        increasing={"line": {"color": GAIN, "width": 1}}, decreasing={"line": {"color": LOSS, "width": 1}},
    )  # fmt: skip
    for number, (name, values) in enumerate(window.lines.items()):
        colour = LINES[number % len(LINES)]
        figure.add_scatter(
            x=time, y=values, mode="lines", name=name, line={"color": colour, "width": 1.4}, hoverinfo="skip"
        )
    entry, exit_ = dates(trades["entry_time"].to_numpy()), dates(trades["exit_time"].to_numpy())
    for name, levels, colour in (("stop", window.stop[:, None], LOSS), ("target", window.targets, GAIN)):
        x, y = _segments(entry, exit_, levels, levels)
        if x:
            figure.add_scatter(
                x=x, y=y, mode="lines", name=name, line={"color": colour, "width": 1, "dash": "dot"}, hoverinfo="skip"
            )
    paid, received = trades["entry_price"].to_numpy(), trades["exit_price"].to_numpy()
    won, told = trades["net_return"].to_numpy() > 0, _told(trades)
    for name, rows, colour in (("won", won, GAIN), ("lost", ~won, LOSS)):
        x, y = _segments(entry[rows], exit_[rows], paid[rows, None], received[rows, None])
        if x:
            figure.add_scatter(
                x=x, y=y, mode="lines", name=name, line={"color": colour, "width": 2.5}, hoverinfo="skip"
            )
    long = trades["side"].to_numpy() > 0
    for name, rows, at, price, symbol, colour in (
        ("exit", np.ones(len(trades), bool), exit_, received, "x", "#888888"),
        ("long entry", long, entry, paid, "triangle-up", "#3377bb"),
        ("short entry", ~long, entry, paid, "triangle-down", "#dd8833"),
    ):
        if rows.any():
            figure.add_scatter(
                x=at[rows], y=price[rows], mode="markers", name=name, text=told[rows],
                marker={"symbol": symbol, "size": 11, "color": colour, "line": {"width": 1, "color": "#ffffff"}},
                hovertemplate="%{text}<extra>" + name + "</extra>",
            )  # fmt: skip
    figure.update_xaxes(
        title_text="close of the bar, UTC", rangeslider={"visible": False}, type="date", rangebreaks=_breaks(bars)
    )
    figure.update_yaxes(title_text="price, quote currency", fixedrange=False)
    return figure


def _segments(
    first: np.ndarray, last: np.ndarray, start: np.ndarray, end: np.ndarray
) -> tuple[list[Any], list[float | None]]:
    """Lay out lines from (first, start) to (last, end), one a trade and column, as one trace with gaps."""
    x: list[Any] = []
    y: list[float | None] = []
    for row, column in np.argwhere(np.isfinite(start) & np.isfinite(end)):
        x += [first[row], last[row], None]
        y += [float(start[row, column]), float(end[row, column]), None]
    return x, y


def _told(trades: pd.DataFrame) -> np.ndarray:
    decided = dates(trades["decision_time"].to_numpy())
    rows = [
        f"{'long' if trade['side'] > 0 else 'short'}, decided {time.replace('T', ' ')}<br>"
        f"in {trade['entry_price']:.6g}, out {trade['exit_price']:.6g} ({trade['exit_reason'].replace('_', ' ')})<br>"
        f"net {trade['net_return'] * 1e4:+.1f} bp, {trade['bars_held']} bars"
        for time, trade in zip(decided, trades.to_dict("records"), strict=True)
    ]
    return np.array(rows, dtype=object)


def _breaks(bars: Bars) -> list[dict[str, list[str]]]:
    """Leave out the nights and weekends in which no bar closed, the longest ones where there are many."""
    gaps = np.diff(bars.close_time)
    wide = np.flatnonzero(gaps > 4 * bars.timeframe.duration)
    wide = wide[np.argsort(-gaps[wide], kind="stable")][:_MOST_BREAKS]
    # A break starts after the last bar and ends before the next, so that neither is hidden.
    first, last = bars.close_time[wide] + bars.timeframe.duration, bars.close_time[wide + 1] - bars.timeframe.duration
    return [{"bounds": [start, end]} for start, end in zip(dates(first), dates(last), strict=True)]
