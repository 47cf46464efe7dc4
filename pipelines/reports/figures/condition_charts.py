"""Charts of market conditions: what strategies earn in which market."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tradesieve.pipelines.reports.figures.plotly_figures import FAINT, GAIN, LOSS, new_figure
from tradesieve.strategies.statistics.market_conditions import CONDITIONS

if TYPE_CHECKING:
    from tradesieve.pipelines.reports.figures.plotly_figures import Figure

_MARKS = {"earns": "+", "loses": "−"}


def conditions_chart(rows: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> Figure:
    """Draw the expectancy of each group in each state of each condition as a map; what is judged so carries a sign.

    Parameters
    ----------
    rows : from `pipelines.steps.condition_table.judge_conditions`.
    names : short name of each group that is drawn, in order.
    """
    states = [(condition, state) for condition, every in CONDITIONS.items() for state in every]
    found = {(row["group"], row["condition"], row["state"]): row for row in rows}
    cells = [[found.get((group, *state), {}) for group in names] for state in states]
    # A number that is not judged is noise, and would take the colours of the others.
    values = [[_points(cell) for cell in line] for line in cells]
    bound = max([1e-6, *(abs(value) for line in values for value in line if value is not None)])
    figure = new_figure(height=260 + 26 * len(states))
    figure.add_heatmap(
        z=values, x=list(names.values()), y=[f"{condition}: {state}" for condition, state in states], zmid=0,
        zmin=-bound, zmax=bound, colorscale=[[0, LOSS], [0.5, FAINT], [1, GAIN]], xgap=2, ygap=2,
        text=[[_MARKS.get(cell.get("found", ""), "") for cell in line] for line in cells], texttemplate="%{text}",
        customdata=[[_described(cell) for cell in line] for line in cells],
        hovertemplate="%{x}<br>%{y}<br>%{customdata}<extra></extra>",
        colorbar={"title": "bp", "thickness": 10, "orientation": "h", "y": 1.0, "yanchor": "bottom"},
    )  # fmt: skip
    figure.update_yaxes(autorange="reversed", type="category", showgrid=False)
    figure.update_xaxes(type="category", showgrid=False, tickangle=-45)
    return figure


def _points(cell: Mapping[str, Any]) -> float | None:
    return None if cell.get("low") is None else round(cell["expectancy"] * 1e4, 3)


def _described(cell: Mapping[str, Any]) -> str:
    if cell.get("low") is None:
        return f"not judged: {cell.get('reason', 'no trade')}"
    between = f"{cell['low'] * 1e4:.2f} to {cell['high'] * 1e4:.2f}"
    return f"{cell['expectancy'] * 1e4:.2f} bp ({between})<br>{cell['n_trades']:,} trades: {cell['found']}"
