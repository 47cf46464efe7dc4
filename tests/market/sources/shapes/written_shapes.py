"""Every shape of file that is read, with a writer for each; the README's table of what is read is made from it."""

from __future__ import annotations

import shlex

from tests.market.sources.shapes.json_shapes import JSON_SHAPES
from tests.market.sources.shapes.local_time_shapes import LOCAL_TIME_SHAPES
from tests.market.sources.shapes.plain_shapes import PLAIN, PLAIN_SHAPES
from tests.market.sources.shapes.program_shapes import PROGRAM_SHAPES
from tests.market.sources.shapes.vendor_table_shapes import VENDOR_TABLE_SHAPES

SHAPES = (*JSON_SHAPES, *PROGRAM_SHAPES, *VENDOR_TABLE_SHAPES, *PLAIN_SHAPES, *LOCAL_TIME_SHAPES)


def shapes_as_markdown() -> str:
    """Write the table of the shapes that are listed: a row for each writer, stamp and set of options."""
    forms: dict[tuple[str, str, str], list[str]] = {}
    for shape in sorted(SHAPES, key=lambda shape: (shape.written_by.startswith(PLAIN), shape.written_by.lower())):
        options = f"`{shlex.join(shape.options)}`" if shape.options else ""
        if shape.listed:
            forms.setdefault((shape.written_by, shape.stamped, options), []).append(shape.form)
    rows = [f"| {by} | {'; '.join(form)} | {stamped} | {options} |" for (by, stamped, options), form in forms.items()]
    return "\n".join(["| written by | form | stamped at | options |", "|---|---|---|---|", *rows])
