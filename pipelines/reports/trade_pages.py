"""Pages of trades: the report of an experiment's trades, and plots of single instances, as HTML files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from tradesieve.market.errors import BadInput
from tradesieve.market.storage.files import atomic_write
from tradesieve.pipelines.reports.trade_report import choose_shown, plot_html, report_html, walk_html
from tradesieve.pipelines.reports.trade_windows import TradeWindow, trade_window
from tradesieve.pipelines.steps.chunks import Chunk, backtest_of
from tradesieve.strategies.instance import Instance
from tradesieve.strategies.search.walk_forward import Walk
from tradesieve.strategies.statistics.trade_statistics import trade_statistics

MOST_PLOTTED = 24
"""A plot of more instances would be too big a page."""


def write_report(chunks: Sequence[Chunk], trades: pd.DataFrame, path: Path) -> None:
    """Write the report of all trades, with candles of the best and the worst instances.

    Raises
    ------
    BadInput : if no trade closed, or the file cannot be written.
    """
    backtest = backtest_of(chunks)
    shown = choose_shown(trade_statistics(trades, backtest, by="instance"))
    windows = {window.name: window for window in _windows(chunks, trades, set(shown))}
    page = report_html(trades, backtest, windows=[windows[name] for name in shown], title="Trades without a model")
    _write(page, path)


def write_plot(chunks: Sequence[Chunk], trades: pd.DataFrame, path: Path, *, n_trades: int, n_bars: int) -> int:
    """Write candles, rules' lines and trades of every instance; return how many trades are shown.

    Raises
    ------
    BadInput : if there are more than `MOST_PLOTTED` instances, or the file cannot be written.
    """
    names = backtest_of(chunks).instance_names
    if len(names) > MOST_PLOTTED:
        raise BadInput(
            f"{len(names)} instances were chosen, but a plot shows at most {MOST_PLOTTED}: "
            "name fewer with --strategies, --symbols and --timeframe"
        )
    windows = _windows(chunks, trades, set(names), n_trades=n_trades, n_bars=n_bars)
    rules = sorted({strategy.name for chunk in chunks for strategy in chunk.strategies})
    _write(plot_html(windows, title=f"{', '.join(rules)} at work"), path)
    return sum(len(window.trades) for window in windows)


def write_walks(walks: Mapping[str, Walk], path: Path, *, title: str) -> None:
    """Write the page of an optimisation's walks.

    Raises
    ------
    BadInput : if the file cannot be written.
    """
    _write(walk_html(walks, title=title), path)


def _windows(
    chunks: Sequence[Chunk], trades: pd.DataFrame, names: set[str], *, n_trades: int = 40, n_bars: int = 600
) -> list[TradeWindow]:
    return [
        trade_window(strategy, chunk.bars, trades, n_trades=n_trades, n_bars=n_bars)
        for chunk in chunks
        for strategy in chunk.strategies
        if str(Instance(strategy.id, chunk.symbol, str(chunk.timeframe))) in names
    ]


def _write(page: str, path: Path) -> None:
    with atomic_write(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
