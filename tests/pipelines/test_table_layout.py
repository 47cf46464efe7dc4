"""Tables: plain in a pipe; on a terminal no wider than it, with every number whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console as RichConsole

from tradesieve.pipelines.console import Console
from tradesieve.pipelines.table_layout import Column, boxed_tables, plain_lines

NAME = "volatility_breakout(window=20,multiple=1.5,stop_ranges=2,reward=2,max_hold=24)+trailing(ranges=3)"
NUMBERS = st.integers(-(10**12), 10**12).map("{:,}".format)


@st.composite
def columns(draw: st.DrawFn) -> list[Column]:
    """Draw a table whose first column names the rows."""
    n_rows = draw(st.integers(1, 3))
    names = draw(st.lists(st.sampled_from([NAME, "every trade", "AAA"]), min_size=n_rows, max_size=n_rows))
    made = [Column("strategy", names, is_numeric=False, is_name=True)]
    for number in range(draw(st.integers(1, 12))):
        numeric = draw(st.booleans())
        cell = NUMBERS if numeric else st.sampled_from(["a few words", NAME])
        made.append(Column(f"heading {number}", [draw(cell) for _ in range(n_rows)], numeric))
    return made


def printed(made: list[Column], width: int) -> list[str]:
    console = RichConsole(force_terminal=True, width=width, highlight=False, no_color=True)
    with console.capture() as shown:
        for table in boxed_tables(made, width=width):
            console.print(table)
    return shown.get().splitlines()


@given(columns(), st.integers(60, 200))
def test_a_table_fits_the_terminal_and_breaks_no_number(made: list[Column], width: int) -> None:
    lines = printed(made, width)
    assert max(map(len, lines)) <= width
    words = " ".join(lines).replace("│", " ").split()
    for column in made:
        if column.is_numeric:
            for cell in column.cells:
                assert cell in words, f"{cell} is broken"


def test_columns_that_do_not_fit_go_below_with_the_names_of_the_rows() -> None:
    made = [Column("part", ["development"], is_numeric=False, is_name=True)]
    made += [Column(f"measure{number}", ["1,234,567"], is_numeric=True) for number in range(8)]
    lines = printed(made, 80)
    assert sum("development" in line for line in lines) == 2
    assert len(printed(made, 200)) == len(printed(made[:2], 80)), "one table where all fit"


def test_a_text_is_broken_at_its_marks_and_never_within_a_number() -> None:
    lines = printed([Column("strategy", [NAME], is_numeric=False, is_name=True)], 40)
    pieces = [line.strip("│ ") for line in lines if line.startswith("│")]
    assert "".join(pieces) == NAME
    assert all(piece[-1] in ",+(|)" for piece in pieces)


def test_plain_columns_are_aligned_and_take_one_line_a_row() -> None:
    made = [
        Column("part", [NAME, "b"], is_numeric=False, is_name=True),
        Column("trades", ["1,234", "7"], is_numeric=True),
    ]
    assert list(plain_lines(made, break_after=1)) == [
        f"part{' ' * (len(NAME) - 4)}  trades",
        f"{NAME}   1,234",
        "...",
        f"b{' ' * (len(NAME) - 1)}       7",
    ]


def test_a_pipe_gets_no_boxes(capsys: pytest.CaptureFixture[str]) -> None:
    Console(as_json=False).table("Trades", [{"part": "all", "n_trades": 1234, "win_rate": 0.5}])
    assert capsys.readouterr().out == "Trades\npart  n_trades  win_rate\nall      1,234     50.0%\n\n"
