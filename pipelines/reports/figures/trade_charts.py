"""Charts of trades: their returns, their excursions, and groups of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tradesieve.pipelines.reports.figures.plotly_figures import GAIN, LOSS, new_figure

if TYPE_CHECKING:
    from tradesieve.pipelines.reports.figures.plotly_figures import Figure

MOST_POINTS = 2000
"""A scatter shows at most so many trades."""
_N_BINS = 60


def returns_chart(net_return: np.ndarray) -> Figure:
    """Draw the distribution of net returns; the outermost bars hold everything beyond the 1st and 99th percentiles."""
    figure = new_figure(height=360)
    if len(net_return):
        low, high = np.quantile(net_return, [0.01, 0.99])
        high = high if high > low else low + 1e-4
        edges = np.linspace(low, high, _N_BINS + 1)
        counts, _ = np.histogram(np.clip(net_return, low, high), bins=edges)
        centre = (edges[:-1] + edges[1:]) / 2
        figure.add_bar(
            x=np.round(centre * 100, 5), y=counts, width=(high - low) / _N_BINS * 100,
            marker={"color": np.where(centre > 0, GAIN, LOSS).tolist()},
            hovertemplate="about %{x:.3f} %<br>%{y} trades<extra></extra>",
        )  # fmt: skip
    figure.update_xaxes(title_text="net return of a trade, % of entry notional")
    figure.update_yaxes(title_text="trades")
    return figure


def excursions_chart(trades: pd.DataFrame) -> Figure:
    """Draw MAE and MFE of each trade; of more than `MOST_POINTS`, a sample spread evenly over time."""
    sample = trades.iloc[np.unique(np.linspace(0, len(trades) - 1, min(len(trades), MOST_POINTS)).astype(np.int64))]
    figure = new_figure(height=360, legend=True)
    won = sample["net_return"].to_numpy() > 0
    for name, rows, colour, symbol in (("won", won, GAIN, "circle"), ("lost", ~won, LOSS, "x")):
        own = sample[rows]
        figure.add_scatter(
            x=np.round(-own["mae"].to_numpy() * 100, 4), y=np.round(own["mfe"].to_numpy() * 100, 4), mode="markers",
            name=name, marker={"color": colour, "size": 5, "opacity": 0.55, "symbol": symbol},
            hovertemplate="MAE %{x:.3f} %<br>MFE %{y:.3f} %<extra>" + name + "</extra>",
        )  # fmt: skip
    figure.update_xaxes(title_text="adverse excursion (MAE), % of entry price", rangemode="tozero")
    figure.update_yaxes(title_text="favourable excursion (MFE), % of entry price", rangemode="tozero")
    return figure


def groups_chart(table: pd.DataFrame, *, by: str) -> Figure:
    """Draw the expectancy of each group of a table of trade statistics as a bar."""
    figure = new_figure(height=300)
    points = np.round(table["expectancy"].to_numpy() * 1e4, 3)
    figure.add_bar(
        x=table[by].tolist(), y=points, customdata=table["n_trades"].tolist(),
        marker={"color": np.where(points > 0, GAIN, LOSS).tolist()},
        hovertemplate="%{x}: %{y:.2f} bp<br>%{customdata} trades<extra></extra>",
    )  # fmt: skip
    figure.update_xaxes(title_text=f"{by} of the decision, UTC", type="category")
    figure.update_yaxes(title_text="net return per unit of capital, bp")
    return figure
