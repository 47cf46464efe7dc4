"""Every shape of file that is read, with a writer for each; the README's table of what is read is made from it."""

from __future__ import annotations

from tests.market.sources.shapes.json_shapes import JSON_SHAPES
from tests.market.sources.shapes.table_shapes import TABLE_SHAPES
from tests.market.sources.shapes.vendor_table_shapes import VENDOR_TABLE_SHAPES

SHAPES = (*JSON_SHAPES, *TABLE_SHAPES, *VENDOR_TABLE_SHAPES)


def shapes_as_markdown() -> str:
    """Write the table of shapes, sorted by vendor."""
    rows = [
        f"| {shape.vendor} | {shape.form} | {shape.stamped} | {shape.recognised_by} |"
        for shape in sorted(SHAPES, key=lambda shape: (shape.vendor.lower(), shape.form))
        if shape.listed
    ]
    return "\n".join(["| written by | form | stamped at | recognised by |", "|---|---|---|---|", *rows])
