"""A shape of file: who writes it, how it is stamped, what has to be stated about it, and a writer of bars in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.market.sources.shapes.seeded_bars import minutes
from tradesieve.market.bars import VALUES, Bars


@dataclass(frozen=True)
class Shape:
    """One shape in which bars are published.

    Parameters
    ----------
    written_by : who writes it, as the README names it.
    form : what is written, in a few words, such as ``JSON, newest row first``.
    stamped : which end of a bar the time is, as the README states it: ``open`` or ``close``.
    write : bars -> the file.
    file_name : of the file; nothing but its ending may matter.
    carries : the columns of bars that it holds to the bit, beside the times; a volume that is missing is read as 0.
    names_symbol : whether the file names its market, so that no ``--symbol`` is needed.
    options : of the import command that the shape needs, such as ``("--timezone", "America/New_York")``.
    listed : whether it has a row of its own in the README's table; each JSON is also read with one response a line and
        with several in a list, which have none.
    bars : which it is tried with. Where the shape loses digits, they have none that it loses.
    symbols : of a file of several; the bars of each are `of_symbol`.
    """

    written_by: str
    form: str
    stamped: str
    write: Callable[[Bars], bytes]
    file_name: str = "bars.csv"
    carries: tuple[str, ...] = VALUES
    names_symbol: bool = False
    options: tuple[str, ...] = ()
    listed: bool = True
    bars: Bars = field(default_factory=minutes)
    symbols: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.written_by}: {self.form}"
