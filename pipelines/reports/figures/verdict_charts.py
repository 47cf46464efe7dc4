"""The chart of strategies that were judged, with their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tradesieve.pipelines.reports.figures.plotly_figures import GREY, NEUTRAL, PLAIN, new_figure

if TYPE_CHECKING:
    from tradesieve.pipelines.reports.figures.plotly_figures import Figure


def intervals_chart(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Figure:
    """Draw the expectancy of each strategy with its interval, alone and filtered.

    Parameters
    ----------
    rows : of verdicts, see `models.significance.verdicts.judge_outcomes`; what has no interval is a point.
    names : short name of each, in the same order.
    """
    figure = new_figure(height=max(260, 120 + 34 * len(rows)), legend=True)
    for prefix, name, colour, offset in (
        ("alone_", "every trade", NEUTRAL, 0.0),
        ("filtered_", "filtered", PLAIN, 0.22),
    ):
        own = [(place, _numbers(row, prefix)) for place, row in enumerate(rows)]
        known = [(place, numbers) for place, numbers in own if numbers[0] is not None]
        figure.add_scatter(
            x=[_points(numbers[0]) for _, numbers in known], y=[place + offset for place, _ in known], mode="markers",
            name=name, marker={"color": colour, "size": 7},
            error_x={
                "type": "data", "symmetric": False, "color": colour, "thickness": 1.4, "width": 3,
                "array": [_reach(numbers[2], numbers[0]) for _, numbers in known],
                "arrayminus": [_reach(numbers[0], numbers[1]) for _, numbers in known],
            },
            text=[names[place] for place, _ in known],
            hovertemplate="%{text}<br>%{x:.2f} bp<extra>" + name + "</extra>",
        )  # fmt: skip
    figure.add_vline(x=0.0, line={"color": GREY, "width": 1})
    figure.update_xaxes(title_text="expectancy, bp of the capital in a trade")
    figure.update_yaxes(
        tickvals=list(range(len(rows))), ticktext=list(names), autorange="reversed", showgrid=False, zeroline=False
    )
    return figure


def _numbers(row: Mapping[str, Any], prefix: str) -> tuple[float | None, float | None, float | None]:
    names = (f"{prefix}expectancy", f"{prefix}low", f"{prefix}high")
    expectancy, low, high = (row.get(name) for name in names)
    return expectancy, low, high


def _points(value: float | None) -> float:
    return round((value or 0.0) * 1e4, 3)


def _reach(high: float | None, low: float | None) -> float:
    return 0.0 if high is None or low is None else round((high - low) * 1e4, 3)
