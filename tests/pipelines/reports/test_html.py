"""Pages: everything is in one file, text stays text, and tables hold what they were given."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jinja2 import UndefinedError

from tradesieve.pipelines.reports.figures.plotly_figures import dates, new_figure, plotly_script
from tradesieve.pipelines.reports.html import Choice, Column, SortableTable, environment, formatted, render

COLUMNS = (
    Column("animal", "animal", "its name", "text"),
    Column("kind", "kind", "what it is", "text"),
    Column("weight", "weight", "in kg", "value", signed=True),
    Column("chance", "chance", "by luck", "p_value"),
)
ROWS = (
    ("blue_whale__male", "mammal", 150_000.0, 0.0001),
    ("</script><b>fox", "mammal", -8.123456789, 0.25),
    ("eel", "fish", float("nan"), 0.5),
)


def dots(*values: float) -> Any:
    figure = new_figure(height=200)
    figure.add_scatter(x=list(range(len(values))), y=values)
    return figure


ANIMALS = SortableTable(
    "animals", COLUMNS, ROWS, sort="chance", noun="animals", descending=False, chooser="pictures",
    classes={"fish": "warning"},
)  # fmt: skip
PICTURES = [Choice(row[0], f"number {place}", dots(place, 1, 2)) for place, row in enumerate(ROWS)]

TABLE = """{% from "components.html.jinja" import sortable -%}
{% call sortable(table, "Animals", "weight>=3") %}a caption{% endcall %}"""
CHOOSER = """{% from "components.html.jinja" import chooser -%}
{% call chooser("pictures", "Pictures", choices, "Animal", "Picture of") %}a caption{% endcall %}"""
PAGE = f"""{{% extends "base.html.jinja" %}}
{{% from "components.html.jinja" import chart, summary %}}
{{% block subtitle %}}{{{{ subtitle }}}}{{% endblock %}}
{{% block content %}}
{{% call summary([("ani<mals", "3", "wild")]) %}}<li>{{{{ note }}}}</li>{{% endcall %}}
{TABLE}
{CHOOSER}
{{% call chart("dots", "Dots", figure) %}}a caption{{% endcall %}}
{{% endblock %}}
"""


def rendered(template: str, **values: Any) -> str:
    return environment().from_string(template).render(values)


@pytest.fixture(scope="module")
def page() -> str:
    return rendered(
        PAGE, title="Animals & <plants>", subtitle="all > none", note="a <note>", figure=dots(1, 2),
        table=ANIMALS, choices=PICTURES,
    )  # fmt: skip


def test_everything_is_in_the_page(page: str, named_sources: Callable[[str], list[str]]) -> None:
    assert named_sources(page) == ["data:,"]
    assert "default-src 'none'" in page
    assert page.count("plotly.js v") == 1
    assert page.endswith("</html>\n")


def test_text_stays_text(page: str) -> None:
    assert "<title>Animals &amp; &lt;plants&gt;</title>" in page
    for text in ("all &gt; none", "ani&lt;mals", "a &lt;note&gt;"):
        assert text in page
    assert "<b>fox" not in page
    assert page.count("</script>") == len(re.findall("<script", page.replace(plotly_script(), "")))


def test_a_table_holds_its_rows(embedded: Callable[[str, str], Any]) -> None:
    held = embedded(rendered(TABLE, table=ANIMALS), "animals")
    assert held["rows"] == [[*ROWS[0]], [ROWS[1][0], "mammal", -8.12346, 0.25], ["eel", "fish", None, 0.5]]
    assert (held["columns"], held["sorted"], held["down"]) == (["animal", "kind", "weight", "chance"], 3, False)
    assert (held["chooser"], held["noun"]) == ("pictures-chooser", "animals")


def test_nothing_to_choose_from_is_nothing() -> None:
    assert rendered(CHOOSER, choices=[]).strip() == ""


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (1234.5, "decimal", "1,234"),
        (-1.005, "decimal", "-1.00"),
        (0.1234, "percent", "12.3 %"),
        (-123.45, "percent", "-12,345.0 %"),
        (1.3e16, "percent", "1.30e+18 %"),
        (-0.00123, "basis_points", "-12.3"),
        (12345, "count", "12,345"),
        (0.12345, "coefficient", "0.123"),
        (float("nan"), "count", "–"),
        (float("-inf"), "percent", "–"),
        (None, "decimal", "–"),
    ],
)
def test_numbers_are_formatted_by_kind(value: float | None, kind: str, text: str) -> None:
    assert formatted(value, kind) == text


def test_a_missing_value_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="'title' is undefined"):
        render("trade_plot", windows=[])


def test_plotly_is_one_script_that_ends_no_element() -> None:
    script = plotly_script()
    assert "plotly.js" in script[:200]
    assert "</script" not in script


def test_a_figure_brings_no_looks() -> None:
    figure = new_figure(height=300, rows=2, cols=1)
    figure.add_scatter(y=[1], row=2, col=1)
    written = json.loads(figure.to_json())["layout"]
    assert (written["height"], written["showlegend"], written["paper_bgcolor"]) == (300, False, "rgba(0,0,0,0)")
    assert set(written["template"]) == {"layout"}
    assert new_figure(height=300, legend=True).layout.showlegend is True
    assert dates(np.array([0, 86_400_000_000_000])).tolist() == ["1970-01-01T00:00:00", "1970-01-02T00:00:00"]


@pytest.mark.slow
def test_a_browser_shows_sorts_filters_and_chooses(
    page: str, tmp_path: Path, open_page: Callable[[Path], Any], requested: Callable[[Any], set[str]]
) -> None:
    path = tmp_path / "page.html"
    path.write_text(page, encoding="utf-8")
    opened = open_page(path)

    def rows() -> list[list[str]]:
        return opened.execute_script(
            "return [...document.querySelectorAll('#animals-table tbody tr')]"
            ".map((row) => [...row.children].map((cell) => cell.textContent))"
        )

    assert rows() == [
        ["blue_whale__male", "mammal", "150000", "< 0.001"],
        ["</script><b>fox", "mammal", "-8.12", "0.250"],
        ["eel", "fish", "–", "0.500"],
    ]
    field = opened.find_element("id", "animals-filter")
    for typed, kept in (("kind=mammal", 2), ("kind!=mammal", 1), ("weight<0", 1), ("WHALE", 1), ("weight>=many", 0)):
        field.clear()
        field.send_keys(typed)
        assert len(rows()) == kept, typed
    field.clear()
    field.send_keys(" ")
    assert opened.find_element("id", "animals-status").text == "3 of 3 animals"
    opened.find_element("css selector", "button[data-column=weight]").click()
    assert [row[2] for row in rows()] == ["150000", "-8.12", "–"], "what is undefined comes last"
    opened.find_element("css selector", "button[data-column=weight]").click()
    assert [row[2] for row in rows()] == ["-8.12", "150000", "–"]
    classes = "return [...document.querySelectorAll('#animals-table td')].map((cell) => cell.className)"
    assert {"words ", "words warning", "negative", "positive"} <= set(opened.execute_script(classes))
    told = "return [document.getElementById('pictures').getAttribute('aria-label'), "
    told += "document.getElementById('pictures-caption').textContent]"
    assert opened.execute_script(told) == ["Picture of blue_whale__male", "number 0"]
    opened.find_element("xpath", "//tbody//button[starts-with(., 'eel')]").click()
    assert opened.execute_script(told) == ["Picture of eel", "number 2"]
    assert opened.get_log("browser") == []
    assert requested(opened) <= {"file", "data", "blob"}


def test_what_stands_between_backticks_is_code() -> None:
    page = environment().from_string("{{ text | with_code }}").render(text="run `tradesieve up <now>` & wait")
    assert page == "run <code>tradesieve up &lt;now&gt;</code> &amp; wait"
