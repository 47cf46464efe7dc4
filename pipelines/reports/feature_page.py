"""The page of a description of features: one file that works without any network."""

from __future__ import annotations

from html import escape
from pathlib import Path

import numpy as np

from tradesieve.features.profiling.drift import DRIFT_SHIFTED, DRIFT_WATCHED
from tradesieve.market.bars import format_time
from tradesieve.market.storage.files import atomic_write
from tradesieve.pipelines.reports.feature_charts import (
    correlation_chart,
    feature_figures,
    information_chart,
    stability_chart,
)
from tradesieve.pipelines.reports.html import (
    Choice,
    Column,
    chooser_html,
    figure_html,
    page_html,
    summary_html,
    table_html,
)
from tradesieve.pipelines.steps.feature_profile import COLUMNS, LEVEL, RESULTS, Description

_MOST_SHOWN = 40
_MOST_CLUSTERS = 40
_HEADINGS = {
    "ic": ("IC", "share"), "ic_t": ("t", "number"), "ic_p": ("p", "chance"), "ic_p_adjusted": ("adjusted p", "chance"),
    "ic_ratio": ("ICIR", "number"), "ic_sign_rate": ("same sign", "percent"), "psi": ("PSI", "number"),
    "drift": ("drift", "text"), "cluster": ("cluster", "count"), "nan_rate": ("unknown", "percent"),
    "mean": ("mean", "value"), "standard_deviation": ("deviation", "value"), "quantile_05": ("5 %", "value"),
    "median": ("median", "value"), "quantile_95": ("95 %", "value"), "skewness": ("skew", "number"),
    "unique_rate": ("unique", "percent"), "most_frequent_rate": ("most frequent", "percent"),
}  # fmt: skip
"""Column: its heading on the page and how it is written."""
_NOTES = {
    "net_return": (
        "Where markets move more, trades win more and lose more. Where most of them lose, a feature of volatility has "
        "an IC below zero for that alone: look at the one with the label too (--against label).",
    )
}
"""What results are correlated with: a warning about it."""


def write_factor_page(description: Description, path: Path) -> None:
    """Write the page of a description.

    Raises
    ------
    BadInput : if the file cannot be written.
    """
    with atomic_write(path) as temporary:
        temporary.write_text(factor_html(description), encoding="utf-8")


def factor_html(description: Description) -> str:
    """Give the page of a description as HTML, with everything that it needs in it."""
    start, end = (format_time(time)[:10] for time in description.development.period)
    told = (
        f"{len(description.development):,} trades of {len(description.development.instance_names):,} strategy "
        f"instances, {start} to {end}; the hold-out after that is sealed, and nothing of it is in this page"
    )
    parts = [
        _summary(description),
        _table(description),
        _features(description),
        _information(description),
        _stability(description),
        figure_html(
            "correlation",
            "Correlation",
            f"Of the ranks of any two features. Framed are clusters: any two of their features correlate by "
            f"{description.threshold:g} or more, up or down.",
            correlation_chart(description),
        ),
        _clusters(description),
    ]
    return page_html("Features", parts, told=told)


def _summary(description: Description) -> str:
    table, n_judged, periods = description.table, description.n_judged, description.periods
    drift = table["drift"].value_counts()
    numbers = [
        ("features", f"{len(table):,}", f"in {len(description.clusters.representative):,} clusters of like ones"),
        ("trades", f"{len(description.development):,}", f"in {len(periods.names)} {periods.per}s"),
        ("tell something", f"{description.n_telling:,}", f"adjusted p at most {LEVEL:g}; of {n_judged:,} judged"),
        ("p at most 0.05", f"{int((table['ic_p'] <= LEVEL).sum()):,}",
         f"{LEVEL * n_judged:.1f} are expected by luck alone"),
        ("shifted", f"{drift.get('shifted', 0):,}", f"and {drift.get('watch', 0):,} to watch, of {len(table):,}"),
    ]  # fmt: skip
    notes = [
        f"The information coefficient (IC) is the rank correlation of a feature with {RESULTS[description.against]}. "
        f"Its error is by days, and days up to {description.information.n_lags} apart may hang together: many trades "
        "at a time are no more evidence than one.",
        *_NOTES.get(description.against, ()),
        "The trades are those that models learn from. Features chosen by this page are chosen with these results in "
        "view: let the folds of an experiment choose, and judge on its hold-out, once.",
        f"PSI compares each {description.periods.per} with the first part of time "
        f"({_span(description.reference)}): below {DRIFT_WATCHED:g} nothing has moved, from {DRIFT_SHIFTED:g} on it is "
        "another distribution. What few decisions explain by luck is not flagged.",
    ]
    return summary_html(numbers, notes=notes)


def _span(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"


def _table(description: Description) -> str:
    columns = [Column("feature", "feature", "input, factor and parameters; a click shows it below", "text")]
    columns += [
        Column(name, heading, f"{name}: {COLUMNS[name]}", kind, name in ("ic", "ic_t", "ic_ratio"))
        for name, (heading, kind) in _HEADINGS.items()
    ]
    rows = list(description.table[["feature", *_HEADINGS]].itertuples(index=False))
    return table_html(
        "features", "Features", "A heading sorts, a name shows the feature below.", columns, rows,
        sort="ic_p", descending=False, example="drift=shifted", chooser="feature",
        classes={"shifted": "negative", "watch": "warning"},
    )  # fmt: skip


def _features(description: Description) -> str:
    order = _strongest(description)
    figures, rows = feature_figures(description), description.table.to_dict("records")
    choices = [
        Choice(
            rows[place]["feature"],
            f"unknown at {rows[place]['nan_rate']:.1%}, PSI {_number(rows[place]['psi'])} ({rows[place]['drift']}), "
            f"IC {_number(rows[place]['ic'], 3)}, t {_number(rows[place]['ic_t'])}",
            figures[place],
        )
        for place in order
    ]
    told = "How its values are spread in stretches of time, the first one grey, and what it told in each."
    return chooser_html("feature", "One feature", told, choices, label="Feature", says="Distribution and IC of")


def _number(value: float, digits: int = 2) -> str:
    return "–" if np.isnan(value) else f"{value:.{digits}f}"


def _strongest(description: Description) -> np.ndarray:
    """Order features from the most to the least telling; what cannot be judged comes last."""
    return np.argsort(-np.nan_to_num(np.abs(description.information.t_statistic), nan=-1.0), kind="stable")


def _information(description: Description) -> str:
    order = _strongest(description)
    shown = order[~np.isnan(description.information.coefficient[order])][:_MOST_SHOWN]
    if not len(shown):
        return ""
    told = (
        f"{_of_all(len(shown), description)}, the largest t first. Coloured bars tell something after adjustment for "
        "the number of features; grey ones may be luck."
    )
    return figure_html("information", "What features tell", told, information_chart(description, shown))


def _stability(description: Description) -> str:
    worst = description.stability.worst
    order = np.argsort(-np.nan_to_num(worst, nan=-1.0), kind="stable")
    shown = order[~np.isnan(worst[order])][:_MOST_SHOWN]
    if not len(shown):
        return ""
    told = (
        f"{_of_all(len(shown), description)}, the least stable first: population stability index against "
        f"{_span(description.reference)}."
    )
    return figure_html("stability", "Stability over time", told, stability_chart(description, shown))


def _of_all(n_shown: int, description: Description) -> str:
    n = len(description.table)
    return f"All {n:,} features" if n_shown == n else f"{n_shown:,} of {n:,} features"


def _clusters(description: Description) -> str:
    lines = [
        f"<tr><th scope=row>{alike.cluster}<td class=name>{escape(alike.representative)}"
        f"<td class=words>{escape(', '.join(alike.others))}<td>{alike.weakest:.2f}"
        for alike in description.alike[:_MOST_CLUSTERS]
    ]
    if not lines:
        return ""
    head = "<th scope=col>cluster<th class=words scope=col>representative<th class=words scope=col>the others"
    return (
        "<section aria-label='Clusters'><h2>Clusters</h2><p class=quiet>Features that say the same; one of each is "
        "enough for most models.</p><div class=wide tabindex=0><table class=plain><thead><tr>"
        f"{head}<th scope=col>weakest correlation<tbody>{''.join(lines)}</table></div></section>"
    )
