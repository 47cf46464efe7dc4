"""Charts of which features a model rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tradesieve.pipelines.reports.figures.plotly_figures import GAIN, GREY, LOSS, new_figure
from tradesieve.pipelines.short_names import labels_of

if TYPE_CHECKING:
    from tradesieve.pipelines.reports.figures.plotly_figures import Figure


def importance_chart(features: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw the skill that is lost without each feature, with two standard errors, coloured by direction.

    Parameters
    ----------
    features : the most important first, see `pipelines.steps.search_evidence.gather_evidence`.
    """
    figure = _bars(features, [round(row["loss"], 5) for row in features], "lost skill %{x:.4f}")
    figure.update_traces(
        error_x={"type": "data", "array": [2 * row["error"] for row in features], "color": GREY, "thickness": 1.2}
    )
    figure.update_xaxes(title_text="skill that is lost without it")
    return figure


def shap_chart(features: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw the share of each feature in the sizes of all SHAP values. Parameters as `importance_chart`."""
    figure = _bars(features, [round(row["shap"], 5) for row in features], "%{x:.1%} of all SHAP values")
    figure.update_xaxes(title_text="share of all SHAP values", tickformat=".0%")
    return figure


def _bars(features: Sequence[Mapping[str, Any]], values: Sequence[float], words: str) -> Figure:
    figure = new_figure(height=max(260, 110 + 24 * len(features)))
    figure.add_bar(
        x=list(values), y=labels_of([row["name"] for row in features]), orientation="h",
        marker={"color": [GAIN if row["direction"] > 0 else LOSS for row in features]},
        customdata=[[round(row["direction"], 3), row["name"]] for row in features],
        hovertemplate="%{customdata[1]}<br>" + words + "<br>direction %{customdata[0]:+.2f}<extra></extra>",
    )  # fmt: skip
    figure.update_yaxes(autorange="reversed", type="category", showgrid=False, tickfont={"size": 10})
    return figure
