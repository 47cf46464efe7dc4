"""Layout of tables: one line a row where the output is a file, boxes as wide as the terminal otherwise.

On a terminal, columns that do not fit go into a further table below, which repeats the names of the rows. A text is
broken after a space or one of ``, + | (``, never within a number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import JustifyMethod
from rich.table import Table

_NAME_WIDTH = 28
_TEXT_WIDTH = 16
_LONGEST_PERCENT = 1e6
_PIECE = re.compile(r"[^\s,+|(]*[\s,+|(]*")


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Parameters
    ----------
    cells : as text, from the first row to the last.
    is_numeric : its cells are numbers, which are aligned to the right and never broken.
    is_name : it names the rows.
    """

    heading: str
    cells: Sequence[str]
    is_numeric: bool
    is_name: bool = False

    @property
    def longest(self) -> int:
        """The width at which no cell is broken."""
        return max(map(cell_len, [self.heading, *self.cells]))

    @property
    def narrowest(self) -> int:
        """The least width: a number, and a word of the heading, stay whole."""
        longest = max(map(cell_len, self.cells), default=0)
        whole = longest if self.is_numeric else min(longest, _NAME_WIDTH if self.is_name else _TEXT_WIDTH)
        return max([1, whole, *map(cell_len, self.heading.split())])


def in_percent(share: float) -> str:
    """Write a share in percent, without the sign; from a million percent on, which compounding reaches, as 1.23e+06."""
    percent = share * 100
    return f"{percent:,.1f}" if abs(percent) < _LONGEST_PERCENT else f"{percent:.2e}"


def plain_lines(columns: Sequence[Column], *, break_after: int | None = None) -> Iterator[str]:
    """Yield the heading and a line for each row, in columns two spaces apart."""
    widths = [column.longest for column in columns]
    rows = [[column.heading for column in columns], *zip(*(column.cells for column in columns), strict=True)]
    for number, row in enumerate(rows):
        padded = [
            " " * (width - cell_len(cell)) + cell if column.is_numeric else cell + " " * (width - cell_len(cell))
            for column, width, cell in zip(columns, widths, row, strict=True)
        ]
        yield "  ".join(padded).rstrip()
        if number == break_after:
            yield "..."


def boxed_tables(columns: Sequence[Column], *, width: int, break_after: int | None = None) -> Iterator[Table]:
    """Yield tables that fit a terminal.

    Parameters
    ----------
    break_after : draw a line after so many rows, where others are left out.
    """
    for part in _parts(columns, width):
        table = Table(header_style="", pad_edge=False)
        widths = _widths(part, width)
        for column, room in zip(part, widths, strict=True):
            side: JustifyMethod = "right" if column.is_numeric else "left"
            table.add_column(column.heading, justify=side, width=room, overflow="fold")
        cells = [[_broken(cell, room) for cell in column.cells] for column, room in zip(part, widths, strict=True)]
        for number, row in enumerate(zip(*cells, strict=True), start=1):
            table.add_row(*row, end_section=number == break_after)
        yield table


def _parts(columns: Sequence[Column], width: int) -> list[list[Column]]:
    """Part columns among tables that fit, each with the columns that name the rows."""
    names = [column for column in columns if column.is_name]
    parts = [names]
    for column in columns[len(names) :]:
        if _taken([*parts[-1], column]) > width and len(parts[-1]) > len(names):
            parts.append(names)
        parts[-1] = [*parts[-1], column]
    return parts


def _taken(columns: Sequence[Column]) -> int:
    """Return the least width of a table, its borders included."""
    return sum(column.narrowest for column in columns) + _borders(columns)


def _borders(columns: Sequence[Column]) -> int:
    return 3 * len(columns) - 1


def _widths(columns: Sequence[Column], width: int) -> list[int]:
    """Share what is left of the width among the columns that would use it, equally."""
    widths = {id(column): column.narrowest for column in columns}
    spare = max(0, width - _taken(columns))
    growing = sorted(columns, key=lambda column: column.longest - column.narrowest)
    for left, column in zip(range(len(growing), 0, -1), growing, strict=True):
        grown = min(column.longest - column.narrowest, spare // left)
        widths[id(column)] += grown
        spare -= grown
    return [widths[id(column)] for column in columns]


def _broken(text: str, width: int) -> str:
    """Break a text into lines; a piece that is longer than a line is left to the table."""
    lines = [""]
    for piece in filter(None, _PIECE.findall(text)):
        if lines[-1] and cell_len(lines[-1] + piece.rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    return "\n".join(line.rstrip() for line in lines)
