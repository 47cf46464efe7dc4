"""The report of weights: what they would have earned, re-estimated or not, and how they moved, as one page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tradesieve.pipelines.reports.figures.equity_charts import paths_chart
from tradesieve.pipelines.reports.figures.weight_charts import weights_chart
from tradesieve.pipelines.reports.html import Column, SortableTable, formatted, render, write_page
from tradesieve.pipelines.short_names import abbreviate
from tradesieve.pipelines.steps.instance_weights import FoundWeights

PATHS = {
    "daily": "re-estimated daily", "weekly": "re-estimated weekly", "monthly": "re-estimated monthly",
    "once": "estimated once", "equal": "equal weights",
}  # fmt: skip
"""Name of a path: what it is called."""
_PATH_COLUMNS = (
    Column("path", "weights", "when weights are estimated", "text"),
    Column("sortino", "Sortino", "mean daily return over downside deviation, annualised", signed=True),
    Column("total_return", "return", "compounded daily returns", "percent", signed=True),
    Column("max_drawdown", "drawdown", "deepest fall of the compounded capital", "percent"),
    Column("n_weeks", "weeks", "weeks with an exit", "count"),
    Column("profitable_weeks_rate", "profitable weeks", "of the weeks with an exit", "percent"),
    Column("profitable_weeks_low", "weeks, at least", "lower end of the 95 % interval", "percent"),
    Column("n_months", "months", "months with an exit", "count"),
    Column("profitable_months_rate", "profitable months", "of the months with an exit", "percent"),
    Column("profitable_months_low", "months, at least", "lower end of the 95 % interval", "percent"),
    Column("turnover", "turnover", "entry notional in a year, as a multiple of the capital"),
    Column("reallocated", "reallocated", "capital moved between instances in a year, as a multiple of the capital"),
    Column("n_trades", "trades", "trades with a weight above zero", "count"),
    Column("n_estimates", "estimates", "how often weights were estimated", "count"),
)
_WEIGHT_COLUMNS = (
    Column("instance", "instance", "strategy, symbol and timeframe", "text"),
    Column("weight", "weight", "share of the whole capital", "percent"),
    Column("n_trades", "trades", "closed trades", "count"),
)


def write_weights(found: FoundWeights, path: Path, *, reestimate: str, notes: Sequence[str] = ()) -> None:
    """Write the page of weights to a file, see `weights_html`.

    Raises
    ------
    BadInput : if the file cannot be written.
    """
    write_page(weights_html(found, reestimate=reestimate, notes=notes), path)


def weights_html(found: FoundWeights, *, reestimate: str, notes: Sequence[str] = ()) -> str:
    """Render the page of weights.

    Parameters
    ----------
    reestimate : the path that is drawn as the main one.
    notes : lines below the title.
    """
    paths = {each.name: each for each in found.paths}
    chosen = paths[reestimate]
    days = chosen.days.astype("datetime64[D]")
    ordered = [chosen, *(each for each in found.paths if each is not chosen)]
    brief = [row["instance"] for row in abbreviate([{"instance": name} for name in found.names])]
    measures = [[PATHS[row.pop("path")], *map(row.get, _names(_PATH_COLUMNS)[1:])] for row in found.path_rows()]
    curves = paths_chart(days, {PATHS[each.name]: each.returns for each in ordered}, [])
    curves.update_yaxes(title_text="capital, start = 1, logarithmic", type="log", tickformat="~g")
    return render(
        "weights_report",
        title=f"Weights by {found.estimation.method.replace('_', ' ')}",
        notes=notes,
        numbers=[
            (PATHS[each.name], formatted(each.measures["sortino"]),
             f"Sortino; return {formatted(each.measures['total_return'], 'percent')}")
            for each in ordered
        ],
        curves=curves,
        first_day=str(days[0]),
        table=SortableTable("ways", _PATH_COLUMNS, measures, sort="sortino", noun="ways"),
        chosen=PATHS[reestimate],
        moves=weights_chart(chosen.estimated.astype("datetime64[D]"), chosen.weights, brief),
        weights=SortableTable(
            "shares", _WEIGHT_COLUMNS, [[row[name] for name in _names(_WEIGHT_COLUMNS)] for row in found.rows()],
            sort="weight", noun="instances",
        ),
        minimum_trades=found.estimation.minimum_trades,
    )  # fmt: skip


def _names(columns: Sequence[Column]) -> list[str]:
    return [column.name for column in columns]
