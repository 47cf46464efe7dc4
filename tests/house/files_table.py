"""Rebuild the table of files that are read in docs/bars.md: `.venv/bin/python -m tests.house.files_table`.

The rows are the shapes with which the tests of `market.sources` write bars and import them.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from tests.market.sources.shapes.written_shapes import shapes_as_markdown

PAGE = Path(__file__).resolve().parents[2] / "docs" / "bars.md"
TABLE = re.compile(r"(?<=<!-- made by tests/house/files_table.py -->\n).*?(?=\n<!-- end of the table -->)", re.DOTALL)


if __name__ == "__main__":
    table = shapes_as_markdown()
    PAGE.write_text(TABLE.sub(lambda _: table, PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    sys.stdout.write(table + "\n")
