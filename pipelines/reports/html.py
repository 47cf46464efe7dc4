"""Pages from templates: one HTML file each, with all that it shows embedded, so that it works without a network.

Words and layout are in `templates/`, looks and behaviour in `static/`; Python passes in numbers, tables and figures.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradesieve.market.storage.files import atomic_write
from tradesieve.pipelines.reports.figures.plotly_figures import figure_json, plotly_script
from tradesieve.pipelines.table_layout import in_percent

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

    from tradesieve.pipelines.reports.figures.plotly_figures import Figure

_PACKAGE = "tradesieve.pipelines.reports"
_DIGITS_KEPT = 6  # more than a table shows, and a third of the bytes


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Parameters
    ----------
    name : the name that filters use.
    heading : the text of its heading.
    description : shown as a tooltip of the heading.
    kind : the format of its values: ``text``, ``count``, ``decimal`` (two digits after the point), ``coefficient``
        (three), ``p_value`` (three, or < 0.001), ``value`` (three significant digits), ``percent`` or
        ``basis_points``.
    signed : colour values by their sign.
    """

    name: str
    heading: str
    description: str
    kind: str = "decimal"
    signed: bool = False


@dataclass(frozen=True, eq=False)
class Choice:
    """A figure of a chooser: its name, a caption, and the figure or its plain values (see `figure_json`)."""

    name: str
    caption: str
    figure: Figure | Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class SortableTable:
    """A table that readers sort by its headings and filter by words and conditions.

    Parameters
    ----------
    id : unique on the page.
    columns : the first one names the row.
    rows : one value per column; a number that is not finite is shown as a dash and sorts last.
    sort, descending : the column and the direction in which the table is sorted at first.
    noun : what its rows are called, such as ``instances``.
    chooser : id of a chooser that a click on a row's name sets to that name.
    classes : the CSS class of a value of a text column: ``positive``, ``negative`` or ``warning``.
    """

    id: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]
    sort: str
    noun: str
    descending: bool = True
    chooser: str | None = None
    classes: Mapping[str, str] = field(default_factory=dict)

    def data(self) -> dict[str, Any]:
        """Return what `static/tables.js` reads."""
        names = [column.name for column in self.columns]
        return {
            "noun": self.noun,
            "columns": names,
            "kinds": [column.kind for column in self.columns],
            "signed": [column.signed for column in self.columns],
            "classes": dict(self.classes),
            "chooser": None if self.chooser is None else f"{self.chooser}-chooser",
            "sorted": names.index(self.sort),
            "down": self.descending,
            "rows": [[_rounded(value) for value in row] for row in self.rows],
        }


def render(template: str, **values: Any) -> str:
    """Render `templates/<template>.html.jinja`; values are escaped unless they are markup."""
    return environment().get_template(f"{template}.html.jinja").render(values)


def write_page(page: str, path: Path) -> None:
    """Write a page to a file, which appears whole or not at all.

    Raises
    ------
    BadInput : if the file cannot be written.
    """
    with atomic_write(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def formatted(value: float | None, kind: str = "decimal") -> str:
    """Format a number for readers; `kind` is one of `Column`'s, and None or a number that is not finite is a dash."""
    if value is None or not math.isfinite(value):
        return "–"
    if kind == "count":
        return f"{int(value):,}"
    if kind == "percent":
        return f"{in_percent(value)} %"
    if kind == "basis_points":
        return f"{value * 1e4:.1f}"
    if kind == "coefficient":
        return f"{value:.3f}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.2f}"


@cache
def environment() -> Environment:
    """Return the environment of the templates."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader(_PACKAGE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    made.filters |= {
        "formatted": formatted,
        "figure_json": _figure_markup,
        "one_line": _one_line,
        "with_code": _with_code,
    }
    made.globals |= {"static": _static, "plotly_script": _plotly_markup}
    return made


def _figure_markup(figure: Figure | Mapping[str, Any]) -> Markup:
    from markupsafe import Markup

    # A "<" could end the script element, whatever text it stands in.
    return Markup(figure_json(figure).replace("<", "\\u003c"))


def _one_line(text: Markup) -> Markup:
    from markupsafe import Markup

    return Markup(" ").join(text.split())


def _with_code(text: str) -> Markup:
    """Escape a text, and set what stands between backticks as code."""
    from markupsafe import Markup, escape

    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def _static(name: str) -> Markup:
    from markupsafe import Markup

    return Markup(files(_PACKAGE).joinpath("static", name).read_text(encoding="utf-8"))


def _plotly_markup() -> Markup:
    from markupsafe import Markup

    return Markup(plotly_script())


def _rounded(value: Any) -> Any:
    if not isinstance(value, float):
        return value
    return float(f"{value:.{_DIGITS_KEPT}g}") if math.isfinite(value) else None
