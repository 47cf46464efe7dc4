"""The only module that imports plotly: empty figures, their JSON, and plotly.js.

Figures leave background and text colours to the page that shows them, light or dark. The colours of data are
distinguishable without red-green vision (Tol, "Colour schemes", 2021, muted).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

GAIN, LOSS, PLAIN = "#44aa99", "#cc6677", "#6699cc"
LINES = ("#ddaa33", "#4488cc", "#aa66bb", "#999933", "#66bbdd", "#bb5566")
FAINT = "rgba(128,128,128,0.15)"
GREY = "rgba(128,128,128,0.5)"
NEUTRAL = "#888888"


def new_figure(*, height: int, legend: bool = False, **grid: Any) -> Figure:
    """Make an empty figure without plotly's template, for the page to style.

    Parameters
    ----------
    height : in pixels; the width is that of the page.
    legend : show a legend above the figure.
    grid : arguments of `plotly.subplots.make_subplots`, for a figure of several parts.
    """
    from plotly.graph_objects import Figure, layout
    from plotly.subplots import make_subplots

    figure = make_subplots(**grid) if grid else Figure()
    axis = {"automargin": True}
    figure.update_layout(
        template=layout.Template(layout={"xaxis": axis, "yaxis": axis}), height=height, showlegend=legend,
        margin={"l": 64, "r": 16, "t": 16, "b": 48}, paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)",
        hovermode="closest", bargap=0.15, legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0},
    )  # fmt: skip
    return figure


def figure_json(figure: Figure | Mapping[str, Any]) -> str:
    """Write a figure as JSON for plotly.js.

    Parameters
    ----------
    figure : a figure, or its ``data`` and ``layout`` as plain values, which plotly does not validate: these are built a
        hundred times faster.
    """
    if isinstance(figure, Mapping):
        return json.dumps(figure, separators=(",", ":"), allow_nan=False)
    return str(figure.to_json())


def plotly_script() -> str:
    """Return the source of plotly.js, which a page embeds once."""
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())


def dates(time: np.ndarray) -> np.ndarray:
    """Format int64 ns UTC for plotly, to the second."""
    return np.datetime_as_string(np.asarray(time).astype("datetime64[ns]"), unit="s").astype(object)
