"""The options that describe how a file or table is written, shared by `data import` and `data check`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import click

from tradesieve.market.sources.formats.layout import Layout, parse_columns, parse_names
from tradesieve.market.sources.formats.local_times import REPEATED_HOURS
from tradesieve.market.sources.formats.timestamps import Stamps
from tradesieve.market.sources.formats.written_dates import DATE_ORDERS
from tradesieve.market.sources.vendors.base import ReadOptions
from tradesieve.market.timeframes import Timeframe
from tradesieve.pipelines.help_pages import option_in

_written = option_in("How a file is written, where that is not recognised")
_SIGNS = "Of a CSV: between columns; before decimals."
_OPTIONS = (
    _written(
        "--columns",
        multiple=True,
        metavar="NAMES",
        help="Names, as in time=Datum,open=First,volume=; without a header by position, as in "
        "date,time,open,high,low,close,-,volume.",
    ),
    _written("--stamp", type=click.Choice(["open", "close"]), help="Which end of a bar its time is."),
    _written("--timezone", metavar="ZONE", help="Of times without one, such as Europe/Athens."),
    _written("--time-unit", metavar="s|ms|us|ns", help="Of times that are numbers."),
    _written("--date-order", type=click.Choice(list(DATE_ORDERS)), help="Of dates such as 01/02/2024."),
    _written("--repeated-hour", type=click.Choice(REPEATED_HOURS), help="Of a time that clocks set back show twice."),
    _written("--time-format", metavar="FORMAT", help="Such as '%d.%m.%Y %H:%M'."),
    _written("--separator", metavar="SIGN", help=_SIGNS),
    _written("--decimal", metavar="SIGN", help=_SIGNS),
    _written("--encoding", metavar="NAME", help="Of a CSV, such as gbk."),
    _written("--price-scale", type=float, metavar="X", help="Divide prices, as by 100000 if in points."),
)

_NAMES = (
    "stamp", "time_unit", "timezone", "date_order", "repeated_hour", "time_format", "columns", "separator", "decimal",
    "encoding", "price_scale",
)  # fmt: skip


@dataclass(frozen=True)
class FileOptions:
    """How a file or table is written; the same for all that are named.

    Parameters
    ----------
    given : the options that were given, as they are typed.
    """

    stamps: Stamps
    price_scale: float | None
    layout: Layout
    given: tuple[str, ...]

    def read_options(
        self,
        timeframe: Timeframe,
        *,
        bad_rows: str = "refuse",
        now: int | None = None,
        allow_negative: bool = False,
    ) -> ReadOptions:
        """Complete what is stated about a file by the rest that reading it takes."""
        return ReadOptions(timeframe, self.stamps, self.price_scale, self.layout, bad_rows, now, allow_negative)


def parse_file_options(options: Mapping[str, Any]) -> FileOptions:
    """Parse the options of a command, {parameter: value}; those of no file are ignored.

    Raises
    ------
    BadInput : if one of them is not valid.
    """
    columns = tuple(options["columns"])
    names = parse_names(columns)
    stamps = (options[name] for name in ("stamp", "time_unit", "timezone", "date_order", "repeated_hour"))
    separator, decimal, time_format = options["separator"], options["decimal"], options["time_format"]
    return FileOptions(
        stamps=Stamps(*stamps),
        price_scale=options["price_scale"],
        layout=Layout(
            {} if names else parse_columns(columns), separator, decimal, time_format, names, options["encoding"]
        ),
        given=tuple(f"--{name.replace('_', '-')}" for name in _NAMES if options[name]),
    )


def with_columns(given: tuple[str, ...], proposed: str) -> tuple[str, ...]:
    """Add a value of ``--columns`` to those that were given: it replaces what they say about the same fields."""
    names = parse_names(given)
    if "=" not in proposed:
        return (proposed,)
    pairs = parse_columns([proposed])
    if names:
        fields = {column.lower(): name for name, column in pairs.items()}
        return (",".join(fields.get(name, name) for name in names),)
    return (",".join(f"{name}={column}" for name, column in {**parse_columns(given), **pairs}.items()),)


def file_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options to a command, which receives them as one `FileOptions` named `file_options`."""

    @functools.wraps(command)
    def with_options(*args: Any, **options: Any) -> None:
        others = {name: value for name, value in options.items() if name not in _NAMES}
        command(*args, file_options=parse_file_options(options), **others)

    for option in reversed(_OPTIONS):
        with_options = option(with_options)
    return with_options
