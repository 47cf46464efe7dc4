"""Charts of events: how often a move followed one, and how often it follows any bar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tradesieve.pipelines.reports.figures.plotly_figures import GAIN, GREY, LOSS, new_figure

if TYPE_CHECKING:
    from tradesieve.pipelines.reports.figures.plotly_figures import Figure

_SHOWN = {"up": GAIN, "down": LOSS}


def events_chart(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw the rates after the event with their intervals, and those after any bar, for moves up and down.

    Parameters
    ----------
    rows : from `strategies.statistics.event_moves.event_rates`, those with an event.
    """
    titles = ("upwards", "downwards")
    figure = new_figure(height=560, legend=True, rows=2, cols=1, shared_xaxes=True, subplot_titles=titles)
    for place, (outcome, colour) in enumerate(_SHOWN.items(), start=1):
        own = [row for row in rows if row["outcome"] == outcome]
        names = [row["state"] if row["group"] == "all" else f"{row['group']}: {row['state']}" for row in own]
        figure.add_bar(
            x=names, y=[row["usual"] for row in own], name="after any bar", marker_color=GREY, showlegend=place == 1,
            row=place, col=1,
        )  # fmt: skip
        figure.add_scatter(
            x=names, y=[row["rate"] for row in own], name=f"after the event, {outcome}", mode="markers",
            marker={"color": colour, "size": 8},
            error_y={
                "type": "data", "symmetric": False, "thickness": 1.5,
                "array": [_reach(row["high"], row["rate"]) for row in own],
                "arrayminus": [_reach(row["rate"], row["low"]) for row in own],
            },
            row=place, col=1,
        )  # fmt: skip
    figure.update_yaxes(tickformat=".0%", rangemode="tozero")
    figure.update_xaxes(type="category", showgrid=False, tickangle=-45)
    return figure


def _reach(upper: float | None, lower: float | None) -> float:
    return 0.0 if upper is None or lower is None else max(0.0, upper - lower)
