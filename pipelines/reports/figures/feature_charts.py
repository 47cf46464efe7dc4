"""Charts of a feature profile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tradesieve.features.profiling.drift import DRIFT_SHIFTED, DRIFT_WATCHED
from tradesieve.pipelines.reports.figures.plotly_figures import (
    FAINT,
    GAIN,
    GREY,
    LINES,
    LOSS,
    NEUTRAL,
    PLAIN,
    new_figure,
)
from tradesieve.pipelines.steps.feature_profile import SIGNIFICANCE_LEVEL, FeatureProfile

if TYPE_CHECKING:
    from tradesieve.pipelines.reports.figures.plotly_figures import Figure

_N_BINS = 40
_FEW_VALUES = 12
_MOST_CURVES = 5
_MOST_NAMED = 80
_HALF_WIDTH = 1.96


def information_chart(profile: FeatureProfile, shown: np.ndarray) -> Figure:
    """Draw the information coefficients of features with their intervals, and beside them those of each period.

    Parameters
    ----------
    shown : int64 (n_shown,), the features from top to bottom.
    """
    information = profile.information
    names = [profile.development.feature_names[place] for place in shown]
    figure = new_figure(
        height=110 + 21 * len(shown), rows=1, cols=2, shared_yaxes=True, column_widths=[0.46, 0.54],
        horizontal_spacing=0.015,
    )  # fmt: skip
    coefficient, error = information.coefficient[shown], information.standard_error[shown]
    significant = information.p_adjusted[shown] <= SIGNIFICANCE_LEVEL
    colours = np.where(significant, np.where(coefficient > 0, GAIN, LOSS), GREY)
    interval = {
        "type": "data",
        "array": _plain(_HALF_WIDTH * error, 5),
        "thickness": 1.2,
        "width": 3,
        "color": NEUTRAL,
    }
    statistics = [
        f"t {t:.2f}, p {p:.3f}, adjusted {adjusted:.3f}"
        for t, p, adjusted in zip(
            information.t_statistic[shown], information.p_value[shown], information.p_adjusted[shown], strict=True
        )
    ]
    figure.add_bar(
        x=_plain(coefficient, 5), y=names, orientation="h", marker_color=colours.tolist(), customdata=statistics,
        error_x=interval, hovertemplate="%{y}<br>IC %{x:.4f}<br>%{customdata}<extra></extra>", row=1, col=1,
    )  # fmt: skip
    by_period = information.by_period[:, shown].T
    bound = _bound(by_period)
    figure.add_heatmap(
        z=[_plain(row, 4) for row in by_period], x=list(profile.periods.names), y=names, zmin=-bound, zmax=bound,
        colorscale=[[0, LOSS], [0.5, FAINT], [1, GAIN]], xgap=1, ygap=1,
        hovertemplate="%{y}<br>%{x}: IC %{z:.4f}<extra></extra>",
        colorbar={"title": "IC of the period", "thickness": 12}, row=1, col=2,
    )  # fmt: skip
    figure.update_xaxes(title_text="IC of all trades, with 95 % interval", zeroline=True, row=1, col=1)
    figure.update_xaxes(
        title_text=f"{profile.periods.per} of the decision", type="category", showgrid=False, row=1, col=2
    )
    figure.update_yaxes(autorange="reversed", type="category", showgrid=False, tickfont={"size": 11})
    return figure


def stability_chart(profile: FeatureProfile, shown: np.ndarray) -> Figure:
    """Draw the population stability index of features in each later period. Parameters as `information_chart`."""
    index = profile.stability.index[:, shown].T
    names = [profile.development.feature_names[place] for place in shown]
    most = 2 * DRIFT_SHIFTED
    watched, shifted = DRIFT_WATCHED / most, DRIFT_SHIFTED / most
    figure = new_figure(height=110 + 21 * len(shown))
    figure.add_heatmap(
        z=[_plain(row, 4) for row in index], x=list(profile.later), y=names, zmin=0, zmax=most, xgap=1, ygap=1,
        # Translucent, so that the text of a light and of a dark page can be read on them.
        colorscale=[[0, FAINT], [watched, FAINT], [watched, "rgba(221,170,51,0.3)"], [shifted, "rgba(221,170,51,0.7)"],
                    [shifted, "rgba(204,102,119,0.5)"], [1, "rgba(204,102,119,0.95)"]],
        texttemplate="%{z:.2f}" if len(profile.later) <= 16 else None, textfont={"size": 10},
        hovertemplate="%{y}<br>%{x}: PSI %{z:.3f}<extra></extra>",
        colorbar={"title": "PSI", "thickness": 12, "tickvals": [0, DRIFT_WATCHED, DRIFT_SHIFTED, most],
                  "ticktext": ["0", f"{DRIFT_WATCHED}", f"{DRIFT_SHIFTED}", f"{most} and more"]},
    )  # fmt: skip
    figure.update_xaxes(title_text=f"{profile.periods.per} of the decision", type="category", showgrid=False)
    figure.update_yaxes(autorange="reversed", type="category", showgrid=False, tickfont={"size": 11})
    return figure


def correlation_chart(profile: FeatureProfile) -> Figure:
    """Draw the rank correlation of all features, those of a cluster side by side and in a frame."""
    order, code = profile.clusters.order, profile.clusters.code
    names = [profile.development.feature_names[place] for place in order]
    named = len(order) <= _MOST_NAMED
    figure = new_figure(height=max(320, min(1100, 80 + 14 * len(order))))
    figure.add_heatmap(
        z=[_plain(row, 3) for row in profile.correlation[np.ix_(order, order)]], x=names, y=names, zmin=-1, zmax=1,
        colorscale=[[0, LOSS], [0.5, FAINT], [1, PLAIN]],
        hovertemplate="%{y}<br>%{x}<br>correlation of ranks %{z:.3f}<extra></extra>",
        colorbar={"title": "rank<br>correlation", "thickness": 12},
    )  # fmt: skip
    first = np.flatnonzero(np.diff(code[order], prepend=-1))
    for start, end in zip(first, np.append(first[1:], len(order)), strict=True):
        if end - start > 1:
            low, high = float(start) - 0.5, float(end) - 0.5
            figure.add_shape(type="rect", x0=low, x1=high, y0=low, y1=high, line={"width": 1.5, "color": LINES[0]})
    figure.update_xaxes(showticklabels=False, showgrid=False, type="category", ticks="")
    figure.update_yaxes(
        autorange="reversed",
        showticklabels=named,
        showgrid=False,
        type="category",
        dtick=1,
        ticks="",
        tickfont={"size": 10},
    )
    return figure


def feature_figures(profile: FeatureProfile) -> list[dict[str, Any]]:
    """Draw each feature on its own: its distribution in consecutive spans of time, and its IC in each period.

    Returns
    -------
    One figure per feature, as plain values, since there may be hundreds.
    """
    groups = _spans(profile)
    layout = _feature_layout(profile)
    return [
        {"data": [*_distribution(column, groups), _coefficients(profile, place)], "layout": layout}
        for place, column in enumerate(np.asfortranarray(profile.development.X).T)
    ]


def _spans(profile: FeatureProfile) -> list[tuple[str, np.ndarray]]:
    """Return names and rows of the reference period and of at most five spans after it."""
    code, names = profile.periods.code, profile.periods.names
    n_first = len(profile.reference)
    later = np.array_split(np.arange(n_first, len(names)), min(_MOST_CURVES, len(profile.later)) or 1)
    spans = [np.arange(n_first), *(span for span in later if len(span))]
    return [
        (names[span[0]] + ("" if len(span) == 1 else f" to {names[span[-1]]}"), (code >= span[0]) & (code <= span[-1]))
        for span in spans
    ]


def _distribution(column: np.ndarray, groups: list[tuple[str, np.ndarray]]) -> list[dict[str, Any]]:
    """Return one trace per group: bars where the feature has few values, else the outline of a histogram."""
    known = column[~np.isnan(column)]
    values, edges = np.unique(known), np.empty(0)
    if len(values) <= _FEW_VALUES:
        x: list[Any] = [f"{value:.4g}" for value in values]
    else:
        low, high = np.quantile(known, [0.01, 0.99])
        edges = np.linspace(low, high, _N_BINS + 1) if high > low else np.linspace(values[0], values[-1], _N_BINS + 1)
        x = [float(f"{centre:.4g}") for centre in (edges[:-1] + edges[1:]) / 2]
    traces = []
    for number, (name, rows) in enumerate(groups):
        own = column[rows]
        own = own[~np.isnan(own)]
        if len(edges):
            counts, _ = np.histogram(np.clip(own, edges[0], edges[-1]), bins=edges)
        else:
            counts = np.bincount(np.searchsorted(values, own), minlength=len(values))
        trace = {
            "x": x, "y": _plain(100 * counts / max(len(own), 1), 3), "name": name, "xaxis": "x", "yaxis": "y",
            "hovertemplate": "about %{x}: %{y:.2f} % of the values<extra>" + name + "</extra>",
        }  # fmt: skip
        traces.append(trace | _style(number, outline=len(edges) > 0))
    return traces


def _style(number: int, *, outline: bool) -> dict[str, Any]:
    """Return the style of a group: the first, the reference, is grey, and filled where it is an outline."""
    colour = LINES[number - 1] if number else GREY
    if not outline:
        return {"type": "bar", "marker": {"color": colour}}
    line = {"color": colour, "width": 1.6, "shape": "hvh"}
    filled = {} if number else {"fill": "tozeroy", "fillcolor": "rgba(128,128,128,0.25)"}
    return {"type": "scatter", "mode": "lines", "line": line} | filled


def _coefficients(profile: FeatureProfile, place: int) -> dict[str, Any]:
    own = profile.information.by_period[:, place]
    return {
        "type": "bar", "x": list(profile.periods.names), "y": _plain(own, 4), "xaxis": "x2", "yaxis": "y2",
        "marker": {"color": np.where(own > 0, GAIN, LOSS).tolist()}, "showlegend": False,
        "hovertemplate": "%{x}: IC %{y:.4f}<extra></extra>",
    }  # fmt: skip


def _feature_layout(profile: FeatureProfile) -> dict[str, Any]:
    figure = new_figure(height=360, legend=True, rows=1, cols=2, column_widths=[0.6, 0.4], horizontal_spacing=0.09)
    figure.update_xaxes(title_text="value; the ends hold everything beyond the 1st and 99th percentiles", col=1)
    figure.update_yaxes(title_text="% of the values", rangemode="tozero", col=1)
    figure.update_xaxes(title_text=f"{profile.periods.per} of the decision", type="category", col=2)
    figure.update_yaxes(title_text="IC of the period", col=2)
    layout: dict[str, Any] = figure.to_plotly_json()["layout"]
    return layout


def _plain(values: np.ndarray, digits: int) -> list[float | None]:
    """Round for the page; NaN becomes None."""
    return [None if np.isnan(value) else round(float(value), digits) for value in values]


def _bound(values: np.ndarray) -> float:
    """Return a bound of a colour scale that an outlier does not stretch."""
    known = np.abs(values[~np.isnan(values)])
    return max(float(np.quantile(known, 0.98)), 1e-6) if len(known) else 1.0
