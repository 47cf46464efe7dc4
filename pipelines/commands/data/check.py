"""tradesieve data check: find defects of bars, stored or in files."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from tradesieve.market.calendars.exchanges import check_calendar
from tradesieve.market.errors import BadData, BadInput, Refused, WrongTimeframe
from tradesieve.market.quality.checks import CheckResult, check_bars, check_columns
from tradesieve.market.sources.reading import read_columns
from tradesieve.market.sources.vendors.base import ReadOptions
from tradesieve.market.storage.bar_store import BarStore
from tradesieve.market.timeframes import Timeframe, parse_timeframe
from tradesieve.pipelines.commands.data.file_options import FileOptions, file_options
from tradesieve.pipelines.commands.data.stored import find_stored
from tradesieve.pipelines.commands.shared.completion import complete_symbols
from tradesieve.pipelines.commands.shared.options import as_json
from tradesieve.pipelines.commands.shared.proposals import command_with
from tradesieve.pipelines.commands.shared.tables import pluralise
from tradesieve.pipelines.console import Console
from tradesieve.pipelines.experiment_assembly import assemble_experiment, split_commas
from tradesieve.pipelines.help_pages import HelpPage
from tradesieve.pipelines.progress import Progress
from tradesieve.pipelines.settings import Settings, read_settings

_FINDINGS = {
    "bars": "bars of", "kind": "found", "count": "count", "unit": "", "worst": "worst", "first_time": "first at",
    "advice": "what to do",
}  # fmt: skip
_DISTRIBUTION = {
    "bars": "bars of", "n_returns": "returns", "return_mean": "mean", "return_std": "deviation", "return_skew": "skew",
    "return_excess_kurtosis": "excess kurtosis", "lowest": "0.1 % quantile", "middle": "median",
    "highest": "99.9 % quantile", "zero_return_rate": "zero returns", "median_volume": "median volume",
    "hours": "hours with bars, UTC", "weekdays": "days with bars",
}  # fmt: skip
_SHOWN_GAPS = 5
_DEFAULT_PAGE = "reports/quality.html"


@dataclass(frozen=True)
class _Hours:
    """The trading hours of stored bars: those given for all, else those of each symbol's instrument."""

    given: str | None
    by_symbol: Mapping[str, str]

    def of(self, symbol: str) -> dict[str, Any]:
        """Return the calendar of a symbol and its reason, as `market.quality.checks.check_bars` takes them."""
        if self.given is None and symbol in self.by_symbol:
            return {"calendar": self.by_symbol[symbol], "reason": "of its instrument in --config"}
        return {"calendar": self.given, "reason": "as given"}


@click.command(cls=HelpPage)
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option("--symbols", metavar="A,B,...", shell_complete=complete_symbols, help="Stored symbols; all by default.")
@click.option("--timeframe", metavar="1m", help="Of FILES; without FILES: only stored bars of this timeframe.")
@click.option(
    "--calendar",
    metavar="HOURS",
    help="always, weekdays, forex or an exchange such as XNYS.",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="YAML of an experiment, for calendars of instruments.",
)
@click.option("--plot", is_flag=False, flag_value=_DEFAULT_PAGE, metavar="[NAME.html]", help="Also write a page.")
@click.option("--strict", is_flag=True, help="Exit with 2 if a defect is found, for scripts.")
@file_options
@as_json
def check(
    files: tuple[Path, ...], symbols: str | None, timeframe: str | None, calendar: str | None, config: Path | None,
    plot: str | None, strict: bool, as_json: bool, file_options: FileOptions,
) -> None:  # fmt: skip
    """Report defects of stored bars, or of FILES before they are imported. Nothing is changed.

    Defects distort results: impossible rows, bad prints, splits, frozen feeds, times off the grid, gaps of more than
    1 % of the trading time. Facts are smaller gaps, jumps, bars filled in, constant prices, no volume, odd hours.

    \b
        tradesieve data check --symbols BTC-USD --plot
        tradesieve data check btc.csv --timeframe 1m --strict
    """
    settings, console = read_settings(writes=plot == _DEFAULT_PAGE), Console(as_json=as_json)
    if calendar is not None:
        check_calendar(calendar)
    page = _page(settings, plot)
    if file_options.given and not files:
        raise BadInput(f"{', '.join(file_options.given)}: only allowed with FILES, but none is named")
    with console.progress() as progress:
        if files:
            if timeframe is None or symbols is not None or config is not None:
                raise BadInput("FILES need --timeframe, and do not allow --symbols or --config; see --calendar")
            found = list(_check_files(files, timeframe, calendar, file_options, progress))
        else:
            hours = _Hours(calendar, {} if config is None else _own_calendars(settings, config))
            found = list(_check_stored(settings, symbols, timeframe, hours, progress))
        if page is not None:
            from tradesieve.pipelines.reports.quality_report import write_quality_report

            progress("draw", 0, 1, str(page))
            write_quality_report([checked for checked, _ in found], page)
    _show(console, found, page)
    n_defects = sum(checked.n_defects for checked, _ in found)
    if strict and n_defects:
        kinds = "one kind of defect was" if n_defects == 1 else f"{n_defects} kinds of defects were"
        raise Refused(f"{kinds} found, and --strict allows none")


def _page(settings: Settings, plot: str | None) -> Path | None:
    if plot is None:
        return None
    if not plot.endswith(".html"):
        raise BadInput(f"--plot {plot}: the name of a page ends in .html; to use the default name, put --plot last")
    return settings.home / plot if plot == _DEFAULT_PAGE else Path(plot)


def _check_files(
    files: tuple[Path, ...], timeframe: str, calendar: str | None, options: FileOptions, progress: Progress
) -> Iterator[tuple[CheckResult, dict[str, Any]]]:
    parsed = parse_timeframe(timeframe)
    read_options = options.read_options(parsed, now=time.time_ns())
    for done, path in enumerate(files):
        progress("check", done, len(files), str(path))
        columns, sessions, notes = _read_columns(path, read_options)
        checked = check_columns(columns, symbol=path.name, timeframe=parsed, calendar=calendar, sessions=sessions)
        n_rows = len(columns["close_time"])
        n_broken = n_rows - len(checked.bars)
        broken = [f"{n_broken:,} of {n_rows:,} rows break a law"] if n_broken else []
        yield checked, {"file": str(path), "notes": [*notes, *broken], "repairs": []}


def _read_columns(path: Path, options: ReadOptions) -> tuple[dict[str, np.ndarray], str | None, tuple[str, ...]]:
    try:
        return read_columns(path, options)
    except WrongTimeframe as error:
        if error.timeframe is None:
            raise
        raise BadInput(f"{error.found}; check it with: {command_with(timeframe=error.timeframe)}") from error


def _check_stored(
    settings: Settings, symbols: str | None, timeframe: str | None, hours: _Hours, progress: Progress
) -> Iterator[tuple[CheckResult, dict[str, Any]]]:
    stored = settings.bars.list()
    wanted_symbols = {find_stored(settings, symbol) for symbol in split_commas(symbols or "")}
    wanted = parse_timeframe(timeframe) if timeframe else None
    chosen = [
        (symbol, stored_timeframe)
        for symbol, stored_timeframe in stored
        if (not symbols or symbol in wanted_symbols) and wanted in (None, stored_timeframe)
    ]
    if not chosen and wanted is not None:
        raise BadInput(f"no such bars of {wanted} are stored; see `tradesieve data list`")
    for done, (symbol, stored_timeframe) in enumerate(chosen):
        progress("check", done, len(chosen), f"{symbol} {stored_timeframe}")
        checked = _check_series(settings.bars, symbol, stored_timeframe, hours)
        yield checked, {"file": None, "notes": [], "repairs": list(settings.bars.repairs(symbol, stored_timeframe))}


def _own_calendars(settings: Settings, config: Path) -> dict[str, str]:
    """Return the calendar of each symbol whose instrument has one, or a kind from which it follows."""
    experiment = assemble_experiment(settings, config=config)
    described = [symbol for symbol, terms in experiment.instruments.items() if terms.keys() & {"calendar", "kind"}]
    return {symbol: experiment.instrument(symbol).calendar for symbol in described}


def _check_series(store: BarStore, symbol: str, timeframe: Timeframe, hours: _Hours) -> CheckResult:
    try:
        return check_bars(store.stored_bars(symbol, timeframe), **hours.of(symbol))
    except BadData:  # stored by an earlier version
        columns = store.columns(symbol, timeframe)
    return check_columns(
        columns, symbol=symbol, timeframe=timeframe,
        allow_negative=store.allows_negative(symbol, timeframe), **hours.of(symbol),
    )  # fmt: skip


def _show(console: Console, found: list[tuple[CheckResult, dict[str, Any]]], page: Path | None) -> None:
    rows = [checked.as_dict() | source for checked, source in found]
    console.json({"bars": rows, "plot": str(page) if page else None})
    if not rows:
        console.say("no bars are stored; see `tradesieve data import --help`")
        return
    findings = [{"bars": _name(row)} | finding for row in rows for finding in row["findings"]]
    for row in rows:
        console.say(
            f"{_name(row)}: {row['bars']:,} bars that closed from {row['first_close']} to {row['last_close']}; "
            f"trading hours {row['calendar']} ({row['calendar_reason']}); "
            f"{row['missing_rate']:.2%} of {row['expected_bars']:,} expected bars missing"
        )
        pauses = (f"regular pause: {pause}" for pause in row["pauses"])
        for line in (*row["notes"], *pauses, *_repairs(row)):
            console.say(f"  {line}")
    console.table("findings, defects first", findings, _FINDINGS) if findings else console.say("no findings")
    longest = [
        {"bars": _name(row)} | gap
        for row in rows
        for finding in row["findings"]
        if finding["kind"] == "gap"
        for gap in finding["details"][:_SHOWN_GAPS]
    ]
    if longest:
        console.table("longest gaps in trading time", longest)
    console.table("distribution of the returns of one bar", [_spread(row) for row in rows], _DISTRIBUTION)
    if page is not None:
        console.say(f"page: {page}")


def _name(row: dict[str, Any]) -> str:
    return f"{row['symbol']} {row['timeframe']}"


def _repairs(row: dict[str, Any]) -> list[str]:
    return [
        f"repaired on {record['asked']}: {record['fix']}, {pluralise(record['n_changes'], 'change')}"
        for record in row["repairs"]
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
