"""A shape of file: who writes it, how it is stamped and recognised, and a writer of bars in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tradesieve.market.bars import VALUES, Bars


@dataclass(frozen=True)
class Shape:
    """One shape in which bars are published.

    Parameters
    ----------
    vendor : who writes it, as the README names it.
    form : what is written, in a few words, such as ``JSON, newest row first``.
    stamped : which end of a bar the time is, as the README states it: ``open`` or ``close``.
    recognised_by : what in the content tells it from every other shape.
    write : bars -> the file.
    file_name : of the file; nothing but its ending may matter.
    carries : the columns of bars that it holds to the bit, beside the times; a volume that is missing is read as 0.
    names_symbol : whether the file names its market, so that no ``--symbol`` is needed.
    options : of the import command that the shape needs, such as ``("--timezone", "America/New_York")``.
    listed : whether it has a row of its own in the README's table; each JSON is also read with one response a line and
        with several in a list, which have none.
    """

    vendor: str
    form: str
    stamped: str
    recognised_by: str
    write: Callable[[Bars], bytes]
    file_name: str = "bars.csv"
    carries: tuple[str, ...] = VALUES
    names_symbol: bool = False
    options: tuple[str, ...] = ()
    listed: bool = True

    def __str__(self) -> str:
        return f"{self.vendor}: {self.form}"
