"""The report of trades: one HTML file that shows what rules did, and works without any network."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from tradesieve.market.bars import format_time
from tradesieve.market.errors import BadInput
from tradesieve.pipelines.reports.html import (
    Choice,
    Column,
    chooser_html,
    figure_html,
    page_html,
    summary_html,
    table_html,
)
from tradesieve.pipelines.reports.trade_charts import (
    candle_chart,
    equity_chart,
    excursions_chart,
    groups_chart,
    monthly_chart,
    paths_chart,
    returns_chart,
)
from tradesieve.pipelines.reports.trade_windows import TradeWindow
from tradesieve.strategies.instance import Instance
from tradesieve.strategies.search.walk_forward import Walk
from tradesieve.strategies.statistics.grouping import Backtest
from tradesieve.strategies.statistics.trade_statistics import MEASURES, closed_trades, pooled_returns, trade_statistics

_COLUMNS = {
    "n_trades": ("trades", "count"), "sortino": ("Sortino", "number"), "total_return": ("return", "percent"),
    "max_drawdown": ("drawdown", "percent"), "win_rate": ("win rate", "percent"),
    "expectancy": ("expectancy, bp", "points"), "profit_factor": ("profit factor", "number"),
    "payoff_ratio": ("payoff", "number"), "cost_share": ("cost share", "number"), "sharpe": ("Sharpe", "number"),
    "calmar": ("Calmar", "number"), "system_quality": ("SQN", "number"),
    "average_win_return": ("average win, bp", "points"), "average_loss_return": ("average loss, bp", "points"),
    "drawdown_days": ("drawdown, days", "count"), "profitable_months_rate": ("good months", "percent"),
    "exposure_rate": ("exposure", "percent"), "bars_held": ("bars held", "number"),
}  # fmt: skip
"""Measure: its heading and how its numbers are written."""

_PATHS = {"out_of_sample": "out of sample", "in_sample": "in hindsight", "default": "by default"}
"""What the paths of a walk are called."""

_SIGNED = ("expectancy", "sortino", "sharpe", "calmar", "total_return", "system_quality")
_MOST_INSTANCES = 3000
_MOST_GROUPS = 40


def choose_shown(table: pd.DataFrame, *, most: int = 6) -> list[str]:
    """Choose instances whose candles are worth a look: the best, then the worst by Sortino, of those that traded.

    Parameters
    ----------
    table : statistics by instance.

    Returns
    -------
    Names of at most `most` instances, best first.
    """
    traded = table[table["n_trades"] > 0].sort_values(["sortino", "n_trades"], ascending=False, kind="stable")
    names = traded["instance"].tolist()
    return names if len(names) <= most else names[: math.ceil(most / 2)] + names[-(most // 2) :]


def report_html(trades: pd.DataFrame, backtest: Backtest, *, windows: Sequence[TradeWindow] = (), title: str) -> str:
    """Write the report of trades.

    Its size does not grow with the trades: the scatter shows a sample, the table at most 3,000 instances, and candles
    are drawn for the windows alone.

    Parameters
    ----------
    trades : the trades table, all of instances of `backtest`.
    windows : what to draw on candles, one choice each.

    Returns
    -------
    HTML, with plotly.js, data, style and script in it.

    Raises
    ------
    BadInput : if no trade closed.
    BadData : as `strategies.statistics.trade_statistics.trade_statistics`.
    """
    closed = trades[closed_trades(trades)]
    if not len(closed):
        raise BadInput("no trade closed, so there is nothing to report: choose other strategies or a longer time")
    days = backtest.calendar.days(*backtest.period).astype("datetime64[D]")
    returns = pooled_returns(trades, backtest)
    tables = {
        by: trade_statistics(trades, backtest, by=by)
        for by in ("pooled", "side", "exit_reason", "rule", "symbol", "timeframe", "hour", "weekday", "instance")
    }
    n_shown = min(len(closed), 2000)
    charts = [
        ("Capital and drawdown", "Every instance holds an equal share; daily returns are compounded.",
         equity_chart(days, returns)),
        ("Months", "Return of the whole capital in each month, %.", monthly_chart(days, returns)),
        ("Returns", "Trades by net return; the outer bars hold all that lies beyond the 1st and 99th percentile.",
         returns_chart(closed["net_return"].to_numpy())),
        ("Excursions", f"How far each trade went against us and in our favour; {n_shown:,} of {len(closed):,} trades.",
         excursions_chart(closed)),
        ("Hours", "Mean net return by the hour of the decision, UTC.", groups_chart(tables["hour"], by="hour")),
        ("Weekdays", "Mean net return by the day of the decision, UTC.", groups_chart(tables["weekday"], by="weekday")),
    ]  # fmt: skip
    drawn = [figure_html(f"figure-{number}", *chart) for number, chart in enumerate(charts)]
    parts = [
        _summary(tables["pooled"].iloc[0], len(closed)),
        drawn[0],
        drawn[1],
        f"<div class=pair>{drawn[2]}{drawn[3]}</div>",
        f"<div class=pair>{drawn[4]}{drawn[5]}</div>",
        _chooser(windows),
        _instances(tables["instance"]),
        *(_groups(tables[by], by) for by in ("side", "exit_reason", "rule", "symbol", "timeframe")),
    ]
    return page_html(title, parts, told=_scope(closed, backtest))


def plot_html(windows: Sequence[TradeWindow], *, title: str) -> str:
    """Write a page with candles, what each rule looks at, and its trades.

    Raises
    ------
    BadInput : if there is no window.
    """
    if not windows:
        raise BadInput("there is nothing to plot: no window was given")
    return page_html(title, [_chooser(windows)])


def walk_html(walks: Mapping[str, Walk], *, title: str) -> str:
    """Write a page of walks: the out-of-sample path beside the in-sample one, and what was chosen at each border.

    Parameters
    ----------
    walks : by name, such as ``BTC-USD 1h``.

    Raises
    ------
    BadInput : if there is no walk.
    """
    if not walks:
        raise BadInput("there is nothing to show: no walk was given")
    parts = []
    for number, (name, walk) in enumerate(walks.items()):
        paths = {_PATHS[path]: returns for path, returns in walk.paths.items()}
        told = (
            "Thick: parameters chosen on what came before each grey line, traded up to the next; this is the result. "
            "Dotted: the parameters that would have been best on these very days, and those by default."
        )
        chart = paths_chart(walk.days, paths, [window.border for window in walk.windows])
        measures = walk.as_dict()["paths"]
        numbers = [
            (_PATHS[path], _written(_or_nan(measures[path]["sortino"]), "number"),
             f"Sortino; return {_written(measures[path]['total_return'], 'percent')}")
            for path in walk.paths
        ]  # fmt: skip
        columns = [
            Column("border", "searched until", "parameters are chosen on all bars up to here", "text"),
            Column("strategy", "strategy", "what was chosen", "text"),
            Column("in_sample", "Sortino before", "of its days before the border, on which it was chosen"),
            Column("out_of_sample", "Sortino after", "of its days after the border", signed=True),
            Column("n_trades", "trades after", "how many it decided after the border", "count"),
        ]
        rows = [[format_time(w.border), w.strategy, w.in_sample, w.out_of_sample, w.n_trades] for w in walk.windows]
        parts += [
            summary_html(numbers, notes=[f"{name}; best in hindsight: {walk.hindsight}"]),
            figure_html(f"paths-{number}", f"{name}: out of sample beside in sample", told, chart),
            table_html(
                f"windows{number or ''}", f"{name}: window by window", "A heading sorts.", columns, rows, sort="border",
                descending=False, example="n_trades>=30",
            ),
        ]  # fmt: skip
    return page_html(title, parts)


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value


def _scope(closed: pd.DataFrame, backtest: Backtest) -> str:
    first, last = (format_time(time)[:10] for time in backtest.period)
    instances = [Instance.parse(name) for name in backtest.instance_names]
    symbols = list(dict.fromkeys(instance.symbol for instance in instances))
    timeframes = list(dict.fromkeys(instance.timeframe for instance in instances))
    shown = ", ".join(symbols[:6]) + (f" and {len(symbols) - 6} more" if len(symbols) > 6 else "")
    return (
        f"{len(backtest.instance_names):,} strategy instances on {shown} at {', '.join(timeframes)}, "
        f"{first} to {last}, {len(closed):,} closed trades, every one of them taken, after costs"
    )


def _summary(row: pd.Series, n_trades: int) -> str:
    fall = f"{row['drawdown_days']:.0f} trading days" + ("" if row["drawdown_recovered"] else ", not made good")
    numbers = [
        ("return", _written(row["total_return"], "percent"), "of the whole capital"),
        ("Sortino", _written(row["sortino"], "number"), f"Sharpe {_written(row['sharpe'], 'number')}"),
        ("Calmar", _written(row["calmar"], "number"), "return of a year over drawdown"),
        ("deepest drawdown", _written(row["max_drawdown"], "percent"), fall),
        ("trades", f"{n_trades:,}", f"{_written(row['bars_held'], 'number')} bars held on average"),
        ("win rate", _written(row["win_rate"], "percent"), f"payoff {_written(row['payoff_ratio'], 'number')}"),
        ("expectancy", _written(row["expectancy"], "points") + " bp", f"cost {_written(row['cost'], 'points')} bp"),
        ("profit factor", _written(row["profit_factor"], "number"), "won over lost"),
        ("good months", _written(row["profitable_months_rate"], "percent"),
         f"good weeks {_written(row['profitable_weeks_rate'], 'percent')}"),
        ("exposure", _written(row["exposure_rate"], "percent"), "of the bars seen"),
    ]  # fmt: skip
    return summary_html(numbers)


def _groups(table: pd.DataFrame, by: str) -> str:
    heads = "".join(f'<th scope=col title="{escape(MEASURES[name])}">{escape(_COLUMNS[name][0])}' for name in _COLUMNS)
    ordered = table.sort_values("n_trades", ascending=False, kind="stable") if len(table) > _MOST_GROUPS else table
    lines = []
    for row in ordered.head(_MOST_GROUPS).to_dict("records"):
        cells = "".join(f"<td>{_written(row[name], kind)}" for name, (_, kind) in _COLUMNS.items())
        lines.append(f"<tr><th scope=row>{escape(str(row[by]))}{cells}")
    told = f"the {_MOST_GROUPS} with most trades of {len(table):,}" if len(table) > _MOST_GROUPS else ""
    name = by.replace("_", " ")
    return (
        f'<section aria-label="By {name}"><h2>By {name}</h2><p class=quiet>{told}</p><div class=wide tabindex=0>'
        f"<table><thead><tr><th scope=col>{name}{heads}<tbody>{''.join(lines)}</table></div></section>"
    )


def _instances(table: pd.DataFrame) -> str:
    kept = table.sort_values(["sortino", "n_trades"], ascending=False, kind="stable").head(_MOST_INSTANCES)
    columns = [
        Column("instance", "instance", "strategy, symbol and timeframe", "text"),
        *(
            Column(name, heading, f"{name}: {MEASURES[name]}", kind, name in _SIGNED)
            for name, (heading, kind) in _COLUMNS.items()
        ),
    ]
    rows = list(kept[["instance", *_COLUMNS]].itertuples(index=False))
    cut = f" The {_MOST_INSTANCES:,} with the highest Sortino of {len(table):,}." if len(kept) < len(table) else ""
    told = f"Every instance on capital of its own. A heading sorts.{cut}"
    return table_html("instances", "Instances", told, columns, rows, sort="sortino", example="n_trades>=30")


def _chooser(windows: Sequence[TradeWindow]) -> str:
    choices = []
    for window in windows:
        n, first, last = len(window.trades), window.bars.close_time[0], window.bars.close_time[-1]
        told = f"{n} trade{'' if n == 1 else 's'} within {len(window.bars):,} bars, "
        told += f"{format_time(first)} to {format_time(last)}"
        choices.append(Choice(window.name.replace("|", " "), told, candle_chart(window)))
    told = (
        "Last trades with what the rule looks at. A triangle enters, a cross leaves; dotted are the stop and the "
        "target that a trade started with. Drag to zoom, double-click for all."
    )
    return chooser_html(
        "window", "Trades on candles", told, choices, label="Instance", says="Candles and trades of", tools=True
    )


def _written(value: Any, kind: str) -> str:
    if not np.isfinite(value):
        return "–"
    if kind == "count":
        return f"{int(value):,}"
    if kind == "percent":
        return f"{value * 100:.1f} %"
    if kind == "points":
        return f"{value * 1e4:.1f}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.2f}"
