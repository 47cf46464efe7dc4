"""The options that describe how a file or table is written, shared by `data import` and `data check`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from tradesieve.market.sources.formats.layout import FIELDS, Layout, parse_columns, parse_names
from tradesieve.market.sources.formats.local_times import REPEATED_HOURS
from tradesieve.market.sources.formats.timestamps import Stamps
from tradesieve.market.sources.formats.written_dates import DATE_ORDERS

_OPTIONS = (
    click.option(
        "--stamp",
        type=click.Choice(["open", "close"]),
        help="Which end of a bar its time is; the open by default, the close for a column close_time.",
    ),
    click.option("--time-unit", help="s, ms, us or ns, where times are numbers; recognised by their size."),
    click.option(
        "--timezone", help="Zone of times that are written without one; the vendor's where it is known, else UTC."
    ),
    click.option(
        "--date-order",
        type=click.Choice(list(DATE_ORDERS)),
        help="The order of day, month and year in dates such as 01/02/2024; settled by the rows where they can.",
    ),
    click.option(
        "--repeated-hour",
        type=click.Choice(REPEATED_HOURS),
        help="Which one a time is that comes twice when clocks are set back, where the order of rows does not tell.",
    ),
    click.option("--time-format", help="How times are written, such as '%d.%m.%Y %H:%M'."),
    click.option(
        "--columns",
        multiple=True,
        help=f"Names of columns, as in time=Datum,open=First; of {', '.join(FIELDS)}. volume= means there is none. "
        "Without a header: names by position, as in date,time,open,high,low,close,volume; - ignores a column.",
    ),
    click.option("--separator", help="The separator of a CSV: ',', ';', '|' or tab; recognised from its header."),
    click.option("--decimal", help="The decimal sign of a CSV, '.' or ','; recognised from its first rows."),
    click.option("--encoding", help="The encoding of a CSV, such as gbk; UTF-8, or UTF-16 with its mark, by default."),
    click.option("--price-scale", type=float, help="Divide every price by this, such as 100000 for prices in points."),
)


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


def file_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options to a command, which receives them as one `FileOptions` named `file_options`."""

    @functools.wraps(command)
    def with_options(
        *args: Any, stamp: str | None, time_unit: str | None, timezone: str | None, date_order: str | None,
        repeated_hour: str | None, time_format: str | None, columns: tuple[str, ...], separator: str | None,
        decimal: str | None, encoding: str | None, price_scale: float | None, **others: Any,
    ) -> None:  # fmt: skip
        values = {
            "--stamp": stamp, "--time-unit": time_unit, "--timezone": timezone, "--date-order": date_order,
            "--repeated-hour": repeated_hour, "--time-format": time_format,
            "--columns": columns, "--separator": separator, "--decimal": decimal, "--encoding": encoding,
            "--price-scale": price_scale,
        }  # fmt: skip
        names = parse_names(columns)
        options = FileOptions(
            stamps=Stamps(stamp, time_unit, timezone, date_order, repeated_hour),
            price_scale=price_scale,
            layout=Layout({} if names else parse_columns(columns), separator, decimal, time_format, names, encoding),
            given=tuple(name for name, value in values.items() if value),
        )
        command(*args, file_options=options, **others)

    for option in reversed(_OPTIONS):
        with_options = option(with_options)
    return with_options
