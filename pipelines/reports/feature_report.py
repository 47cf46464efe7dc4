"""The feature report: what the features of trades look like and what they tell, as one page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tradesieve.features.profiling.drift import DRIFT_SHIFTED, DRIFT_WATCHED
from tradesieve.market.bars import format_time
from tradesieve.pipelines.reports.figures.feature_charts import (
    correlation_chart,
    feature_figures,
    information_chart,
    stability_chart,
)
from tradesieve.pipelines.reports.html import Choice, Column, SortableTable, formatted, render, write_page
from tradesieve.pipelines.steps.feature_profile import COLUMNS, RESULTS, SIGNIFICANCE_LEVEL, FeatureProfile

_MOST_SHOWN = 40
_MOST_CLUSTERS = 40
_HEADINGS = {
    "ic": ("IC", "coefficient"), "ic_t": ("t", "decimal"), "ic_p": ("p", "p_value"),
    "ic_p_adjusted": ("adjusted p", "p_value"), "ic_ratio": ("ICIR", "decimal"),
    "ic_sign_rate": ("same sign", "percent"), "psi": ("PSI", "decimal"), "drift": ("drift", "text"),
    "cluster": ("cluster", "count"), "nan_rate": ("missing", "percent"), "mean": ("mean", "value"),
    "standard_deviation": ("deviation", "value"), "quantile_05": ("5 %", "value"), "median": ("median", "value"),
    "quantile_95": ("95 %", "value"), "skewness": ("skew", "decimal"), "unique_rate": ("unique", "percent"),
    "most_frequent_rate": ("most frequent", "percent"),
}  # fmt: skip
"""Column: its heading and the format of its values."""
_SIGNED = ("ic", "ic_t", "ic_ratio")


def feature_html(profile: FeatureProfile) -> str:
    """Render the page of a feature profile, with all that it shows embedded."""
    development, information, worst = profile.development, profile.information, profile.stability.worst
    first, last = (format_time(time)[:10] for time in development.period)
    strongest = _descending(np.abs(information.t_statistic))
    told = strongest[~np.isnan(information.coefficient[strongest])][:_MOST_SHOWN]
    moved = _descending(worst)
    moved = moved[~np.isnan(worst[moved])][:_MOST_SHOWN]
    drift = profile.table["drift"].value_counts()
    return render(
        "feature_report",
        title="Features",
        profile=profile,
        n_features=len(profile.table),
        n_trades=len(development),
        n_instances=len(development.instance_names),
        first_day=first,
        last_day=last,
        n_periods=len(profile.periods.names),
        per=profile.periods.per,
        reference=_span(profile.reference),
        level=SIGNIFICANCE_LEVEL,
        n_small_p=int((profile.table["ic_p"] <= SIGNIFICANCE_LEVEL).sum()),
        drift={name: int(drift.get(name, 0)) for name in ("shifted", "watch")},
        watched=DRIFT_WATCHED,
        shifted=DRIFT_SHIFTED,
        against=RESULTS[profile.against],
        table=_table(profile),
        choices=_choices(profile, strongest),
        n_information=len(told),
        n_stability=len(moved),
        charts={
            "information": information_chart(profile, told) if len(told) else None,
            "stability": stability_chart(profile, moved) if len(moved) else None,
            "correlation": correlation_chart(profile),
        },
        clusters=profile.redundant[:_MOST_CLUSTERS],
    )


def write_feature_report(profile: FeatureProfile, path: Path) -> None:
    """Write the page of a feature profile.

    Raises
    ------
    BadInput : if the file cannot be written.
    """
    write_page(feature_html(profile), path)


def _span(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"


def _descending(values: np.ndarray) -> np.ndarray:
    """Order features from the highest value to the lowest; NaN comes last."""
    return np.argsort(-np.nan_to_num(values, nan=-1.0), kind="stable")


def _table(profile: FeatureProfile) -> SortableTable:
    columns = [Column("feature", "feature", "input, factor and parameters; click to show it below", "text")]
    columns += [
        Column(name, heading, f"{name}: {COLUMNS[name]}", kind, name in _SIGNED)
        for name, (heading, kind) in _HEADINGS.items()
    ]
    return SortableTable(
        "features",
        columns,
        list(profile.table[["feature", *_HEADINGS]].itertuples(index=False)),
        sort="ic_p",
        noun="features",
        descending=False,
        chooser="feature",
        classes={"shifted": "negative", "watch": "warning"},
    )


def _choices(profile: FeatureProfile, order: np.ndarray) -> list[Choice]:
    figures, rows = feature_figures(profile), profile.table.to_dict("records")
    return [Choice(rows[place]["feature"], _caption(rows[place]), figures[place]) for place in order]


def _caption(row: dict[str, Any]) -> str:
    return (
        f"{row['nan_rate']:.1%} missing, PSI {formatted(row['psi'])} ({row['drift']}), "
        f"IC {formatted(row['ic'], 'coefficient')}, t {formatted(row['ic_t'])}"
    )
