"""Pages: one HTML file with figures and tables in it, that works without any network.

Every page of the project is made here, of parts: text that `escape` has been through, `summary_html`, `figure_html`,
`chooser_html` and `table_html`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from tradesieve.pipelines.reports.html_assets import POLICY, SCRIPT, STYLE
from tradesieve.pipelines.reports.plotly_figures import figure_json, plotly_script

if TYPE_CHECKING:
    from tradesieve.pipelines.reports.plotly_figures import Figure


@dataclass(frozen=True)
class Column:
    """A column of a table that sorts and filters.

    Parameters
    ----------
    name : what conditions call it.
    heading : what it is headed with.
    told : its meaning, shown when one points at the heading.
    kind : how it is written: ``text``, ``count``, ``number`` (two decimals), ``share`` (three), ``chance`` (three, or
        below 0.001), ``value`` (three digits), ``percent`` or ``points`` (ten-thousandths).
    signed : colour it by its sign.
    """

    name: str
    heading: str
    told: str
    kind: str = "number"
    signed: bool = False


@dataclass(frozen=True, eq=False)
class Choice:
    """One of several figures that take turns in one place: its name, a sentence about it, and the figure or its values
    as `pipelines.reports.plotly_figures.figure_json` takes them."""

    name: str
    told: str
    figure: Figure | Mapping[str, Any]


def page_html(title: str, parts: Sequence[str], *, told: str = "") -> str:
    """Write a whole page.

    Parameters
    ----------
    title, told : the heading and a line below it, as plain text.
    parts : HTML, in order.

    Returns
    -------
    HTML, with plotly.js, data, style and script in it.
    """
    below = f"<p class=quiet>{escape(told)}</p>" if told else ""
    return (
        "<!doctype html>\n<html lang=en>\n<head>\n<meta charset=utf-8>\n"
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name=viewport content="width=device-width, initial-scale=1">\n'
        f'<link rel=icon href="data:,">\n<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n'
        f"<body>\n<main>\n<header><h1>{escape(title)}</h1>{below}</header>{''.join(parts)}\n</main>\n"
        f"<script>{plotly_script()}</script>\n<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )


def summary_html(numbers: Sequence[tuple[str, str, str]], *, notes: Sequence[str] = ()) -> str:
    """Write the summary: numbers with their name before and a remark after, and sentences below them."""
    cells = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}<small>{escape(told)}</small></dd></div>"
        for name, value, told in numbers
    )
    said = "".join(f"<li>{escape(note)}" for note in notes)
    below = f"<ul class=quiet>{said}</ul>" if notes else ""
    return f"<section aria-label='Summary'><h2>Summary</h2><dl>{cells}</dl>{below}</section>"


def figure_html(name: str, title: str, told: str, figure: Figure) -> str:
    """Write a figure with its title and a sentence about it. `name` is its own on the page."""
    return (
        f'<figure aria-labelledby="{name}-title"><h2 id="{name}-title">{escape(title)}</h2>'
        f"<figcaption>{escape(told)}</figcaption>"
        f'<div data-figure="{name}" role=img aria-label="{escape(f"{title}. {told}")}"></div></figure>'
        + _embedded(name, figure_json(figure))
    )


def chooser_html(
    name: str, title: str, told: str, choices: Sequence[Choice], *, label: str, says: str, tools: bool = False
) -> str:
    """Write several figures that take turns in one place; nothing where there is none.

    Parameters
    ----------
    label : what is chosen among.
    says : what the figure is called for those who do not see it, before the name of the choice.
    tools : show plotly's buttons.
    """
    if not choices:
        return ""
    options = "".join(
        f'<option value="{name}-{number}" data-told="{escape(choice.told)}">{escape(choice.name)}</option>'
        for number, choice in enumerate(choices)
    )
    data = "".join(_embedded(f"{name}-{number}", figure_json(choice.figure)) for number, choice in enumerate(choices))
    return (
        f"<figure aria-label='{escape(title)}'><h2>{escape(title)}</h2><figcaption>{escape(told)}</figcaption>"
        f"<div class=controls><label for={name}-chooser>{escape(label)}</label>"
        f'<select id={name}-chooser data-place={name} data-says="{escape(says)}">{options}</select>'
        f"<span id={name}-told class=quiet role=status></span></div>"
        f"<div id={name} {'data-tools ' if tools else ''}role=img></div></figure>{data}"
    )


def table_html(
    name: str,
    title: str,
    told: str,
    columns: Sequence[Column],
    rows: Sequence[Sequence[Any]],
    *,
    sort: str,
    descending: bool = True,
    example: str,
    chooser: str | None = None,
    classes: Mapping[str, str] | None = None,
) -> str:
    """Write a table that sorts by its headings and filters by words and conditions.

    Parameters
    ----------
    name : its own on the page; also what its rows are called, such as ``instances``.
    columns : the first one names the row.
    rows : one value a column; an undefined number is shown as a dash and sorts last.
    sort, descending : the column that it is sorted by at first, from high to low or the other way.
    example : of a condition, such as ``n_trades>=30``.
    chooser : the name of a `chooser_html`, which a click on a row's name sets to it.
    classes : for values of text columns: ``positive``, ``negative`` or ``warning``.
    """
    held = {
        "noun": name,
        "columns": [column.name for column in columns],
        "kinds": [column.kind for column in columns],
        "signed": [column.signed for column in columns],
        "classes": dict(classes or {}),
        "chooser": None if chooser is None else f"{chooser}-chooser",
        "sorted": [column.name for column in columns].index(sort),
        "down": descending,
        "rows": [[_short(value) for value in row] for row in rows],
    }
    heads = "".join(
        f'<th scope=col class="{"words" if column.kind == "text" else ""}" title="{escape(column.told)}">'
        f'<button type=button data-column="{column.name}">{escape(column.heading)}</button>'
        for column in columns
    )
    return (
        f"<section aria-label='{escape(title)}'><h2>{escape(title)}</h2>"
        f"<p class=quiet>{escape(told)}</p><div class=controls>"
        f"<label for={name}-filter>Filter</label>"
        f'<input id={name}-filter type=search placeholder="words of a name, or {escape(example)}" autocomplete=off '
        f"aria-describedby={name}-status><span id={name}-status class=quiet role=status></span></div>"
        f'<div class="wide tall" tabindex=0><table id={name}-table data-rows={name}><thead><tr>{heads}<tbody></table>'
        f"</div><p><button id={name}-more class=more type=button hidden></button></p></section>"
        + _embedded(name, json.dumps(held, separators=(",", ":"), allow_nan=False))
    )


def _embedded(name: str, text: str) -> str:
    # A "<" could end the element, whatever text it stands in.
    safe = text.replace("<", "\\u003c")
    return f'<script type="application/json" id="{name}">{safe}</script>'


def _short(value: Any) -> Any:
    """Six digits are more than a table shows, and a third of the bytes."""
    if not isinstance(value, float):
        return value
    return float(f"{value:.6g}") if math.isfinite(value) else None
