"""The chart of which features a model rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tradesieve.pipelines.reports.figures.plotly_figures import GAIN, GREY, LOSS, new_figure

if TYPE_CHECKING:
    from tradesieve.models.protocol.feature_effects import FeatureEffects
    from tradesieve.pipelines.reports.figures.plotly_figures import Figure

_MOST = 25


def effects_chart(effects: FeatureEffects) -> Figure:
    """Draw the features with the highest permutation importance, and beside it their mean SHAP values.

    SHAP bars are coloured by direction: whether the score rises or falls with the feature. Without SHAP values, the
    right part is left out.
    """
    order = np.arange(min(_MOST, len(effects.names)))
    names = [effects.names[place] for place in order]
    has_shap = effects.shap is not None
    figure = new_figure(
        height=130 + 22 * len(order), rows=1, cols=2 if has_shap else 1, shared_yaxes=True, horizontal_spacing=0.02
    )
    figure.add_bar(
        x=_plain(effects.loss[order]), y=names, orientation="h", marker_color=GREY,
        hovertemplate="%{y}<br>correlation lost %{x:.4f}<extra></extra>", row=1, col=1,
    )  # fmt: skip
    figure.update_xaxes(title_text="rank correlation of score and return that is lost", zeroline=True, row=1, col=1)
    if effects.shap is not None:
        rising = effects.direction[order] >= 0
        figure.add_bar(
            x=_plain(effects.shap[order]),
            y=names,
            orientation="h",
            marker_color=np.where(rising, GAIN, LOSS).tolist(),
            customdata=np.where(rising, "rises", "falls").tolist(),
            hovertemplate="%{y}<br>%{x:.1%} of all SHAP values; the score %{customdata} with it<extra></extra>",
            row=1,
            col=2,
        )
        figure.update_xaxes(title_text="share of all SHAP values", tickformat=".0%", row=1, col=2)
    figure.update_yaxes(autorange="reversed", type="category", showgrid=False, tickfont={"size": 10})
    return figure


def _plain(values: np.ndarray) -> list[float]:
    return [float(f"{value:.5g}") for value in values]
