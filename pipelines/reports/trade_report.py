"""The trade report: what strategies earned without a model, as one page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from tradesieve.market.bars import format_time
from tradesieve.market.errors import BadInput
from tradesieve.pipelines.reports.figures.equity_charts import equity_chart, monthly_chart
from tradesieve.pipelines.reports.figures.trade_charts import MOST_POINTS, excursions_chart, groups_chart, returns_chart
from tradesieve.pipelines.reports.figures.trade_windows import TradeWindow
from tradesieve.pipelines.reports.html import Column, SortableTable, render, write_page
from tradesieve.pipelines.reports.trade_plot import candle_choices, windows_of
from tradesieve.pipelines.steps.chunks import Chunk, backtest_of
from tradesieve.strategies.instance import Instance
from tradesieve.strategies.statistics.grouping import Backtest
from tradesieve.strategies.statistics.trade_statistics import MEASURES, pooled_returns, trade_statistics
from tradesieve.strategies.trades import is_closed

if TYPE_CHECKING:
    from tradesieve.pipelines.reports.figures.plotly_figures import Figure

_HEADINGS = {
    "n_trades": ("trades", "count"), "sortino": ("Sortino", "decimal"), "total_return": ("return", "percent"),
    "max_drawdown": ("drawdown", "percent"), "win_rate": ("win rate", "percent"),
    "expectancy": ("expectancy, bp", "basis_points"), "profit_factor": ("profit factor", "decimal"),
    "payoff_ratio": ("payoff", "decimal"), "cost_share": ("cost share", "decimal"), "sharpe": ("Sharpe", "decimal"),
    "calmar": ("Calmar", "decimal"), "system_quality": ("SQN", "decimal"),
    "average_win_return": ("average win, bp", "basis_points"),
    "average_loss_return": ("average loss, bp", "basis_points"), "drawdown_days": ("drawdown, days", "count"),
    "n_weeks": ("weeks", "count"), "profitable_weeks_rate": ("profitable weeks", "percent"),
    "n_months": ("months", "count"), "profitable_months_rate": ("profitable months", "percent"),
    "exposure_rate": ("exposure", "percent"),
    "bars_held": ("bars held", "decimal"),
}  # fmt: skip
"""Measure: its heading and the format of its values."""
_SIGNED = ("expectancy", "sortino", "sharpe", "calmar", "total_return", "system_quality")
_GROUPINGS = ("side", "exit_reason", "rule", "symbol", "timeframe")
_MOST_INSTANCES = 3000
_MOST_GROUPS = 40


def choose_shown(table: pd.DataFrame, *, most: int = 6) -> list[str]:
    """Choose instances whose candles are worth a look: the best and the worst, of those that traded.

    Parameters
    ----------
    table : statistics by instance.

    Returns
    -------
    Names of at most `most` instances, best first.
    """
    names = _ranked(table[table["n_trades"] > 0])["instance"].tolist()
    return names if len(names) <= most else names[: math.ceil(most / 2)] + names[-(most // 2) :]


def _ranked(table: pd.DataFrame) -> pd.DataFrame:
    """Order instances as `strategies.statistics.daily_returns.ranked_sortino` does; a Sortino below zero ranks none."""
    rank = table["sortino"].where(~(table["expectancy"] <= 0), table["expectancy"])
    order = table.assign(rank=rank).sort_values(["rank", "n_trades"], ascending=False, kind="stable")
    return order.assign(rank=range(1, len(order) + 1))


def report_html(
    trades: pd.DataFrame,
    backtest: Backtest,
    *,
    windows: Sequence[TradeWindow] = (),
    notes: Sequence[str] = (),
    title: str,
) -> str:
    """Render the report of trades, with all that it shows embedded.

    Its size does not grow with the trades: the scatter shows a sample, the table at most 3,000 instances, and candles
    only the windows.

    Parameters
    ----------
    trades : the trades table, all of instances of `backtest`.
    windows : what to draw on candles, one choice each.
    notes : lines below the title.

    Raises
    ------
    BadInput : if no trade closed.
    BadData : as `strategies.statistics.trade_statistics.trade_statistics`.
    """
    closed = trades[is_closed(trades)]
    if not len(closed):
        raise BadInput("no trade closed, so there is nothing to report: choose other strategies or a longer time")
    pooled, by_instance = (trade_statistics(trades, backtest, by=by) for by in ("pooled", "instance"))
    return render(
        "trade_report",
        title=title,
        notes=notes,
        **_scope(backtest),
        n_trades=len(closed),
        n_sampled=min(len(closed), MOST_POINTS),
        pooled=pooled.iloc[0].to_dict(),
        charts=_charts(trades, closed, backtest),
        windows=candle_choices(windows),
        instances=_instances(by_instance),
        n_ranked=len(by_instance),
        measures=_measures(),
        groups=[_group(trade_statistics(trades, backtest, by=by), by) for by in _GROUPINGS],
    )


def write_report(chunks: Sequence[Chunk], trades: pd.DataFrame, path: Path, *, notes: Sequence[str] = ()) -> None:
    """Write the report of all trades, with candles of the best and the worst instances.

    Raises
    ------
    BadInput : if no trade closed, or the file cannot be written.
    """
    backtest = backtest_of(chunks)
    shown = choose_shown(trade_statistics(trades, backtest, by="instance"))
    windows = {window.name: window for window in windows_of(chunks, trades, set(shown))}
    page = report_html(
        trades, backtest, windows=[windows[name] for name in shown], notes=notes, title="Trades without a model"
    )
    write_page(page, path)


def _scope(backtest: Backtest) -> dict[str, Any]:
    first, last = (format_time(time)[:10] for time in backtest.period)
    instances = [Instance.parse(name) for name in backtest.instance_names]
    return {
        "n_instances": len(instances),
        "symbols": list(dict.fromkeys(instance.symbol for instance in instances)),
        "timeframes": list(dict.fromkeys(instance.timeframe for instance in instances)),
        "first_day": first,
        "last_day": last,
    }


def _charts(trades: pd.DataFrame, closed: pd.DataFrame, backtest: Backtest) -> dict[str, Figure]:
    days = backtest.calendar.days(*backtest.period).astype("datetime64[D]")
    returns = pooled_returns(trades, backtest)
    return {
        "equity": equity_chart(days, returns),
        "months": monthly_chart(days, returns),
        "returns": returns_chart(closed["net_return"].to_numpy()),
        "excursions": excursions_chart(closed),
        "hours": groups_chart(trade_statistics(trades, backtest, by="hour"), by="hour"),
        "weekdays": groups_chart(trade_statistics(trades, backtest, by="weekday"), by="weekday"),
    }


def _measures() -> list[Column]:
    return [
        Column(name, heading, f"{name}: {MEASURES[name]}", kind, name in _SIGNED)
        for name, (heading, kind) in _HEADINGS.items()
    ]


def _instances(table: pd.DataFrame) -> SortableTable:
    kept = _ranked(table).head(_MOST_INSTANCES)
    return SortableTable(
        "instances",
        [
            Column("instance", "instance", "strategy, symbol and timeframe", "text"),
            *_measures(),
            Column("rank", "rank", "rank: by Sortino where it earned, else by expectancy", "count"),
        ],
        list(kept[["instance", *_HEADINGS, "rank"]].itertuples(index=False)),
        sort="rank",
        noun="instances",
        descending=False,
    )


def _group(table: pd.DataFrame, by: str) -> dict[str, Any]:
    kept = table if len(table) <= _MOST_GROUPS else table.sort_values("n_trades", ascending=False, kind="stable")
    rows = kept.head(_MOST_GROUPS).rename(columns={by: "name"})
    return {"by": by.replace("_", " "), "n_rows": len(table), "rows": rows.to_dict("records")}
