"""tradesieve data check: what is wrong with bars, stored or in files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from tradesieve.market.calendars.trading_hours import check_hours
from tradesieve.market.errors import BadInput, Refused, Unknown
from tradesieve.market.quality.checks import CheckResult, check_bars, check_columns
from tradesieve.market.sources.formats.frames import Stamps
from tradesieve.market.sources.formats.layout import Layout, columns_from
from tradesieve.market.sources.reading import read_columns
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.pipelines.commands.shared.options import as_json
from tradesieve.pipelines.commands.shared.tables import pluralise
from tradesieve.pipelines.console import Console
from tradesieve.pipelines.experiment_assembly import split_commas
from tradesieve.pipelines.progress import Progress
from tradesieve.pipelines.settings import Settings, read_settings

_FINDINGS = {
    "bars": "bars of", "kind": "found", "count": "count", "unit": "", "worst": "worst", "first": "first",
    "advice": "what to do",
}  # fmt: skip
_DISTRIBUTION = {
    "bars": "bars of", "n_returns": "returns", "return_mean": "mean", "return_std": "deviation", "return_skew": "skew",
    "return_excess_kurtosis": "excess kurtosis", "lowest": "0.1 % quantile", "middle": "median",
    "highest": "99.9 % quantile", "zero_return_rate": "zero returns", "median_volume": "median volume",
    "hours": "hours with bars, UTC", "weekdays": "days with bars",
}  # fmt: skip
_SHOWN_GAPS = 5
_HERE = "reports/quality.html"


def _reading_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of `data import` that say how files are read."""
    told = "As for `data import`, of FILES."
    for option in (
        click.option("--price-scale", type=float, help=told),
        click.option("--decimal", help=told),
        click.option("--separator", help=told),
        click.option("--columns", multiple=True, help=told),
        click.option("--time-format", help=told),
        click.option("--timezone", help=told),
        click.option("--time-unit", help=told),
        click.option("--stamp", type=click.Choice(["open", "close"]), help=told),
    ):
        command = option(command)
    return command


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option("--symbols", help="Stored symbols, separated by commas; every one by default.")
@click.option("--timeframe", help="What the FILES hold, such as 1m; without FILES: only stored bars of this timeframe.")
@click.option(
    "--calendar",
    help="Trading hours: always, weekdays, forex, or an exchange such as XNYS; guessed from the bars by default.",
)
@click.option(
    "--plot", is_flag=False, flag_value=_HERE, help="Also write a page: NAME.html, or the state folder's own."
)
@click.option("--strict", is_flag=True, help="Exit with 2 when a defect is found, for scripts.")
@_reading_options
@as_json
def check(
    files: tuple[Path, ...], symbols: str | None, timeframe: str | None, calendar: str | None, plot: str | None,
    strict: bool, as_json: bool, **reading: Any,
) -> None:  # fmt: skip
    """Report what is wrong with stored bars, or with FILES before they are imported. Nothing is changed.

    Defects, which harm what is made of the bars: rows that break the laws of bars, bad prints, splits, frozen feeds,
    times off the grid, and gaps of more than 1 % of the trading time. Facts: smaller gaps, jumps, bars that a vendor
    filled in, constant prices, no volume, bars outside of trading hours.

    A report exits with 0 whatever it finds; with --strict, with 2 when it finds a defect.

    \b
        tradesieve data check --symbols BTC-USD --plot
        tradesieve data check btc.csv --timeframe 1m --strict
    """
    settings, console = read_settings(), Console(as_json=as_json)
    if calendar is not None:
        check_hours(calendar)
    page = _page(settings, plot)
    given = [f"--{name.replace('_', '-')}" for name, value in reading.items() if value]
    if given and not files:
        raise BadInput(f"{', '.join(given)}: this says how FILES are read, but none is named")
    with console.progress() as progress:
        if files:
            if timeframe is None or symbols is not None:
                raise BadInput("with FILES, --timeframe says what they hold, and --symbols is left out")
            found = list(_check_files(files, timeframe, calendar, reading, progress))
        else:
            found = list(_check_stored(settings, symbols, timeframe, calendar, progress))
        if page is not None:
            from tradesieve.pipelines.reports.quality_report import write_quality_report

            progress("draw", 0, 1, str(page))
            write_quality_report([checked for checked, _ in found], page)
    _show(console, found, page)
    n_defects = sum(checked.n_defects for checked, _ in found)
    if strict and n_defects:
        kinds = "one kind of defect was" if n_defects == 1 else f"{n_defects} kinds of defects were"
        raise Refused(f"{kinds} found, and --strict asks for none")


def _page(settings: Settings, plot: str | None) -> Path | None:
    if plot is None:
        return None
    if not plot.endswith(".html"):
        raise BadInput(f"--plot {plot}: a page is written to a name that ends in .html; without a name, write it last")
    return settings.home / plot if plot == _HERE else Path(plot)


def _check_files(
    files: tuple[Path, ...], timeframe: str, calendar: str | None, reading: dict[str, Any], progress: Progress
) -> Iterator[tuple[CheckResult, dict[str, Any]]]:
    kept = parse_timeframe(timeframe)
    stamps = Stamps(reading["stamp"], reading["time_unit"], reading["timezone"])
    names = columns_from(reading["columns"])
    layout = Layout(names, reading["separator"], reading["decimal"], reading["time_format"])
    for done, path in enumerate(files):
        progress("check", done, len(files), str(path))
        columns, notes = read_columns(
            path, timeframe=kept, stamps=stamps, price_scale=reading["price_scale"], layout=layout
        )
        checked = check_columns(columns, symbol=path.name, timeframe=kept, calendar=calendar)
        rows = len(columns["close_time"])
        lost = [f"{rows - len(checked.bars):,} of {rows:,} rows break a law"] if rows > len(checked.bars) else []
        yield checked, {"file": str(path), "notes": [*notes, *lost], "repairs": []}


def _check_stored(
    settings: Settings, symbols: str | None, timeframe: str | None, calendar: str | None, progress: Progress
) -> Iterator[tuple[CheckResult, dict[str, Any]]]:
    stored = settings.bars.list()
    for symbol in split_commas(symbols) if symbols else ():
        if symbol not in {name for name, _ in stored}:
            raise Unknown("stored symbol", symbol, [name for name, _ in stored])
    only = parse_timeframe(timeframe) if timeframe else None
    wanted = [
        (symbol, kept)
        for symbol, kept in stored
        if (not symbols or symbol in split_commas(symbols)) and (only is None or kept == only)
    ]
    if not wanted and only is not None:
        raise BadInput(f"no such bars of {only} are stored; see `tradesieve data list`")
    for done, (symbol, kept) in enumerate(wanted):
        progress("check", done, len(wanted), f"{symbol} {kept}")
        checked = check_bars(settings.bars.load(symbol, kept), calendar=calendar)
        yield checked, {"file": None, "notes": [], "repairs": list(settings.bars.repairs(symbol, kept))}


def _show(console: Console, found: list[tuple[CheckResult, dict[str, Any]]], page: Path | None) -> None:
    told = [checked.as_dict() | about for checked, about in found]
    console.json({"bars": told, "plot": str(page) if page else None})
    if not told:
        console.say("no bars are stored; see `tradesieve data import --help`")
        return
    findings = [{"bars": _name(row)} | finding for row in told for finding in row["findings"]]
    for row in told:
        console.say(
            f"{_name(row)}: {row['bars']:,} bars, {row['first']} to {row['last']}; trading hours {row['calendar']} "
            f"({row['calendar_reason']}); {row['missing_rate']:.2%} of {row['expected_bars']:,} expected bars missing"
        )
        for said in (*row["notes"], *(f"no bars regularly {pause}" for pause in row["pauses"]), *_repaired(row)):
            console.say(f"  {said}")
    console.table("findings, defects first", findings, _FINDINGS) if findings else console.say("nothing was found")
    longest = [
        {"bars": _name(row)} | gap
        for row in told
        for finding in row["findings"]
        if finding["kind"] == "gap"
        for gap in finding["details"][:_SHOWN_GAPS]
    ]
    if longest:
        console.table("the longest gaps in trading time", longest)
    console.table("distribution of the returns of one bar", [_spread(row) for row in told], _DISTRIBUTION)
    if page is not None:
        console.say(f"drawn in {page}")


def _name(row: dict[str, Any]) -> str:
    return f"{row['symbol']} {row['timeframe']}"


def _repaired(row: dict[str, Any]) -> list[str]:
    return [
        f"repaired on {made['asked']}: {made['fix']}, {pluralise(made['n_changes'], 'change')}"
        for made in row["repairs"]
    ]


def _spread(row: dict[str, Any]) -> dict[str, Any]:
    spread = row["distribution"]
    quantiles = spread["return_quantiles"]
    return spread | {
        "bars": _name(row),
        "lowest": quantiles.get("0.001"),
        "middle": quantiles.get("0.5"),
        "highest": quantiles.get("0.999"),
        "median_volume": spread["volume_quantiles"].get("0.5"),
        "hours": sum(count > 0 for count in spread["bars_by_hour"].values()),
        "weekdays": " ".join(day for day, count in spread["bars_by_weekday"].items() if count),
    }
