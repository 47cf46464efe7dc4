"""Charts of trades, for the pages that show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tradesieve.market.bars import Bars
from tradesieve.pipelines.reports.plotly_figures import FAINT, GAIN, LINES, LOSS, PLAIN, dates, new_figure
from tradesieve.pipelines.reports.trade_windows import TradeWindow
from tradesieve.strategies.statistics.daily_returns import drawdowns, equity

if TYPE_CHECKING:
    from tradesieve.pipelines.reports.plotly_figures import Figure

_MOST_POINTS = 2000
_MOST_BREAKS = 60
_N_BINS = 60


def equity_chart(days: np.ndarray, returns: np.ndarray) -> Figure:
    """Draw the compounded capital, and below it how far it is under its highest point.

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
    paths : name: daily returns, float (n_days,); the first is drawn as the one that counts.
    borders : int64 ns UTC, drawn as lines from bottom to top.
    """
    figure = new_figure(height=460, legend=True)
    x = np.datetime_as_string(days, unit="D")
    for place, (name, returns) in enumerate(paths.items()):
        look = (
            {"color": PLAIN, "width": 2.2}
            if place == 0
            else {"color": LINES[2 * place - 2], "width": 1.2, "dash": "dot"}
        )
        figure.add_scatter(
            x=x, y=np.round(equity(returns), 6), mode="lines", name=name, line=look,
            hovertemplate="%{x}<br>capital %{y:.4f}<extra>" + name + "</extra>",
        )  # fmt: skip
    for border in dates(np.asarray(borders, dtype=np.int64)):
        figure.add_vline(x=border, line={"color": "rgba(128,128,128,0.5)", "width": 1})
    figure.update_yaxes(title_text="capital, start = 1")
    figure.update_xaxes(title_text="day of the exit, UTC")
    return figure


def monthly_chart(days: np.ndarray, returns: np.ndarray) -> Figure:
    """Draw the compounded return of each month, a row a year. Parameters as `equity_chart`."""
    months = days.astype("datetime64[M]").astype(np.int64)
    starts = np.flatnonzero(np.diff(months, prepend=months[0] - 1))
    gained = np.multiply.reduceat(np.maximum(1.0 + returns, 0.0), starts) - 1.0
    years = months[starts] // 12 + 1970
    grid = np.full((int(years[-1] - years[0]) + 1, 12), np.nan)
    grid[years - years[0], months[starts] % 12] = gained
    bound = max(float(np.nanmax(np.abs(grid))), 1e-6)
    names = pd.date_range("2000-01-01", periods=12, freq="MS").strftime("%b").tolist()
    figure = new_figure(height=max(220, 110 + 34 * len(grid)))
    figure.add_heatmap(
        z=[[None if np.isnan(value) else round(float(value) * 100, 3) for value in row] for row in grid],
        x=names, y=[str(year) for year in range(int(years[0]), int(years[-1]) + 1)], zmid=0, zmin=-bound * 100,
        zmax=bound * 100, colorscale=[[0, LOSS], [0.5, FAINT], [1, GAIN]], texttemplate="%{z:.2f}", xgap=2, ygap=2,
        hovertemplate="%{x} %{y}: %{z:.3f} %<extra></extra>", colorbar={"title": "return, %", "thickness": 12},
    )  # fmt: skip
    figure.update_yaxes(title_text="year", autorange="reversed", type="category", showgrid=False)
    figure.update_xaxes(title_text="month of the exit", showgrid=False)
    return figure


def returns_chart(net_return: np.ndarray) -> Figure:
    """Draw how often trades earned how much; what lies beyond the 1st and 99th percentile is in the outer bars."""
    figure = new_figure(height=360)
    if len(net_return):
        low, high = np.quantile(net_return, [0.01, 0.99])
        high = high if high > low else low + 1e-4
        edges = np.linspace(low, high, _N_BINS + 1)
        counts, _ = np.histogram(np.clip(net_return, low, high), bins=edges)
        middle = (edges[:-1] + edges[1:]) / 2
        figure.add_bar(
            x=np.round(middle * 100, 5), y=counts, width=(high - low) / _N_BINS * 100,
            marker={"color": np.where(middle > 0, GAIN, LOSS).tolist()},
            hovertemplate="about %{x:.3f} %<br>%{y} trades<extra></extra>",
        )  # fmt: skip
    figure.update_xaxes(title_text="net return of a trade, % of entry notional")
    figure.update_yaxes(title_text="trades")
    return figure


def excursions_chart(trades: pd.DataFrame) -> Figure:
    """Draw how far trades went against us and in our favour; of many, a sample that is spread evenly over time."""
    sample = trades.iloc[np.unique(np.linspace(0, len(trades) - 1, min(len(trades), _MOST_POINTS)).astype(np.int64))]
    figure = new_figure(height=360, legend=True)
    won = sample["net_return"].to_numpy() > 0
    for name, rows, colour, symbol in (("won", won, GAIN, "circle"), ("lost", ~won, LOSS, "x")):
        own = sample[rows]
        figure.add_scatter(
            x=np.round(-own["mae"].to_numpy() * 100, 4), y=np.round(own["mfe"].to_numpy() * 100, 4), mode="markers",
            name=name, marker={"color": colour, "size": 5, "opacity": 0.55, "symbol": symbol},
            hovertemplate="against us %{x:.3f} %<br>in favour %{y:.3f} %<extra>" + name + "</extra>",
        )  # fmt: skip
    figure.update_xaxes(title_text="furthest against us (MAE), % of entry price", rangemode="tozero")
    figure.update_yaxes(title_text="furthest in favour (MFE), % of entry price", rangemode="tozero")
    return figure


def groups_chart(table: pd.DataFrame, *, by: str) -> Figure:
    """Draw the expectancy of each group of a table of trade statistics as a bar."""
    figure = new_figure(height=300)
    points = np.round(table["expectancy"].to_numpy() * 1e4, 3)
    figure.add_bar(
        x=table[by].tolist(), y=points, customdata=table["n_trades"].tolist(),
        marker={"color": np.where(points > 0, GAIN, LOSS).tolist()},
        hovertemplate="%{x}: %{y:.2f} bp<br>%{customdata} trades<extra></extra>",
    )  # fmt: skip
    figure.update_xaxes(title_text=f"{by} of the decision, UTC", type="category")
    figure.update_yaxes(title_text="mean net return of a trade, bp")
    return figure


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
