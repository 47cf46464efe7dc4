"""The trade plot: candles with the lines that rules look at and their trades, as one page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from tradesieve.market.bars import format_time
from tradesieve.market.errors import BadInput
from tradesieve.pipelines.reports.figures.candle_chart import candle_chart
from tradesieve.pipelines.reports.figures.trade_windows import TradeWindow, trade_window
from tradesieve.pipelines.reports.html import Choice, render, write_page
from tradesieve.pipelines.steps.chunks import Chunk, backtest_of
from tradesieve.strategies.instance import Instance

MOST_PLOTTED = 24
"""A plot of more instances would be too large a page."""


def plot_html(windows: Sequence[TradeWindow], *, notes: Sequence[str] = (), title: str) -> str:
    """Render a page with the candles, lines and trades of each window.

    Raises
    ------
    BadInput : if there is no window.
    """
    if not windows:
        raise BadInput("nothing to plot: no window was given")
    return render("trade_plot", title=title, notes=notes, windows=candle_choices(windows))


def write_plot(
    chunks: Sequence[Chunk], trades: pd.DataFrame, path: Path, *, n_trades: int, n_bars: int, notes: Sequence[str] = ()
) -> int:
    """Write a plot of every instance; return how many trades it shows.

    Raises
    ------
    BadInput : if there are more than `MOST_PLOTTED` instances, or the file cannot be written.
    """
    names = backtest_of(chunks).instance_names
    if len(names) > MOST_PLOTTED:
        raise BadInput(
            f"{len(names)} instances were chosen, but a plot shows at most {MOST_PLOTTED}: "
            "choose fewer with --strategies, --symbols and --timeframe"
        )
    windows = windows_of(chunks, trades, set(names), n_trades=n_trades, n_bars=n_bars)
    rules = sorted({Instance.parse(name).rule for name in names})
    write_page(plot_html(windows, notes=notes, title=f"Trades of {', '.join(rules)}"), path)
    return sum(len(window.trades) for window in windows)


def windows_of(
    chunks: Sequence[Chunk], trades: pd.DataFrame, names: set[str], *, n_trades: int = 40, n_bars: int = 600
) -> list[TradeWindow]:
    """Cut out the windows of the instances in `names`; see `trade_window`."""
    return [
        trade_window(strategy, chunk.bars, trades, n_trades=n_trades, n_bars=n_bars)
        for chunk in chunks
        for strategy in chunk.strategies
        if str(Instance(strategy.id, chunk.symbol, str(chunk.timeframe))) in names
    ]


def candle_choices(windows: Sequence[TradeWindow]) -> list[Choice]:
    """Draw each window, as choices of `templates/candles.html.jinja`."""
    return [Choice(window.name.replace("|", " "), _caption(window), candle_chart(window)) for window in windows]


def _caption(window: TradeWindow) -> str:
    n, first, last = len(window.trades), window.bars.close_time[0], window.bars.close_time[-1]
    trades = f"{n} trade{'' if n == 1 else 's'}"
    return f"{trades} within {len(window.bars):,} bars, {format_time(first)} to {format_time(last)}"
