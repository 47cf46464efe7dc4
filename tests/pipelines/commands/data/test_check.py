"""`tradesieve data check` and `data repair`, as people run them."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from tests.pipelines.command_runs import exit_code
from tradesieve.market.bars import COLUMNS, Bars
from tradesieve.market.errors import BadInput
from tradesieve.market.quality.checks import check_bars
from tradesieve.market.storage.bar_store import BarStore
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.pipelines.commands.data import data
from tradesieve.pipelines.reports.figures.quality_chart import quality_chart

MINUTES = parse_timeframe("5m")
Run = Callable[..., tuple[int, str, str]]


def dirty_bars() -> Bars:
    """Twenty days with one bad print, and an hour that is absent."""
    bars = SyntheticMarket(n_days=20, timeframe=MINUTES).generate("AAA")[0]
    columns = {name: getattr(bars, name).copy() for name in COLUMNS}
    columns["high"][1000] *= 1.5
    there = np.ones(len(bars), np.bool_)
    there[2000:2012] = False
    return Bars("AAA", MINUTES, **{name: values[there] for name, values in columns.items()})


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRADESIEVE_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    BarStore(tmp_path / "home" / "bars").append(dirty_bars())
    return tmp_path / "home"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = exit_code(monkeypatch, "data", *arguments)
        out, err = capsys.readouterr()
        return code, out, err

    return call


def file_of(bars: Bars, path: Path, **changes: np.ndarray) -> Path:
    columns = {"time": bars.open_time // 10**9} | {name: getattr(bars, name) for name in COLUMNS[1:]}
    pd.DataFrame(columns | changes).to_csv(path, index=False)
    return path


def test_findings_are_a_table_and_the_exit_is_0(run: Run, home: Path) -> None:
    code, out, err = run("check")
    assert (code, err) == (0, "")
    assert "AAA 5m: 5,748 bars" in out
    assert "inferred: bars and trading time agree to 99.8% for 'always'" in out
    for text in ("bad_print", "what to do", "longest gaps in trading time", "distribution of the returns"):
        assert text in out
    assert re.search(r"gap +12  missing bars", out)


def test_json_says_everything(run: Run, home: Path) -> None:
    code, out, _ = run("check", "--json")
    found = json.loads(out)
    (row,) = found["bars"]
    kinds = {finding["kind"]: finding for finding in row["findings"]}
    assert (code, found["plot"], set(kinds)) == (0, None, {"bad_print", "gap"})
    assert [kinds["bad_print"]["count"], kinds["bad_print"]["details"][0]["column"]] == [1, "high"]
    assert kinds["gap"]["details"][0]["missing_bars"] == 12
    assert row["distribution"]["n_returns"] == row["bars"] - 1 == 5747


def test_strict_is_for_scripts(run: Run, home: Path, tmp_path: Path) -> None:
    code, out, err = run("check", "--strict", "--json")
    assert (code, len(json.loads(out)["bars"])) == (2, 1)
    assert err == "tradesieve: one kind of defect was found, and --strict allows none\n"
    clean = file_of(dirty_bars()[:900], tmp_path / "clean.csv")
    code, out, err = run("check", clean, "--timeframe", "5m", "--strict")
    assert (code, err) == (0, "")
    assert "no findings" in out


def test_a_file_that_import_refuses_is_told_as_a_whole(run: Run, home: Path, tmp_path: Path) -> None:
    bars = dirty_bars()[:900]
    low, volume = bars.low.copy(), bars.volume.copy()
    low[[5, 6]], volume[[10]] = -1.0, -2.0
    path = file_of(bars, tmp_path / "broken.csv", low=low, volume=volume)
    code, _, err = run("import", path, "--symbol", "B", "--timeframe", "5m")
    assert code == 2
    assert "row 5" in err
    code, out, err = run("check", path, "--timeframe", "5m", "--json")
    (row,) = json.loads(out)["bars"]
    laws = [(finding["count"], finding["details"][0]["row"]) for finding in row["findings"][:2]]
    assert (code, laws, row["bars"]) == (0, [(2, 5), (1, 10)], 897)
    assert row["notes"] == [
        "times are read as the open of a bar; pass --stamp close if they are the close",
        "3 of 900 rows break a law",
    ]


def test_a_file_in_other_words_is_read_as_import_reads_it(run: Run, home: Path, tmp_path: Path) -> None:
    path = file_of(dirty_bars()[:900], tmp_path / "worte.csv")
    path.write_text(path.read_text().replace("close", "schluss", 1))
    code, _, err = run("check", path, "--timeframe", "5m")
    assert (code, "no column close" in err) == (2, True)
    code, out, err = run("check", path, "--timeframe", "5m", "--columns", "close=schluss", "--json")
    assert (code, err, json.loads(out)["bars"][0]["bars"]) == (0, "", 900)


def test_the_page_works_without_a_network(
    run: Run, home: Path, tmp_path: Path, named_sources: Callable[[str], list[str]]
) -> None:
    code, out, _ = run("check", "--plot")
    page = (home / "reports" / "quality.html").read_text(encoding="utf-8")
    assert (code, f"page: {home / 'reports' / 'quality.html'}" in out) == (0, True)
    assert len(page) > 3_000_000, "plotly.js is in it"
    assert named_sources(page) == ["data:,"]
    assert "AAA 5m" in page
    assert run("check", "--plot", tmp_path / "here.html")[0] == 0
    assert (tmp_path / "here.html").is_file()


@pytest.mark.slow
def test_a_browser_draws_every_part_of_the_page(
    run: Run, home: Path, open_page: Callable[[Path], Any], requested: Callable[[Any], set[str]]
) -> None:
    assert run("check", "--plot")[0] == 0
    opened = open_page(home / "reports" / "quality.html")
    (drawn,) = opened.execute_script(
        "return [...document.querySelectorAll('.js-plotly-plot')].map((place) => "
        "[...place.querySelectorAll('.subplot')].map((part) => part.querySelectorAll('.overplot path').length))"
    )
    assert len(drawn) == 3, "prices, returns and hours"
    assert min(drawn) > 0, "each of them has something in it"
    assert opened.get_log("browser") == []
    assert requested(opened) <= {"file", "data", "blob"}


def test_the_figure_marks_what_was_found() -> None:
    bars = dirty_bars()
    figure = quality_chart(check_bars(bars))
    marks = {trace.name: trace for trace in figure.data if trace.type == "scatter" and trace.mode == "markers"}
    (mark,) = marks.values()
    assert list(marks) == ["bad print (1)"]
    assert list(mark.y) == [bars.high[1000]]
    assert len(figure.layout.shapes) == 1, "the gap is shaded"
    drawn = next(trace for trace in figure.data if trace.name == "high")
    assert max(drawn.y) == bars.high.max(), "thinning loses no spike"
    assert len(drawn.y) <= 2000


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("check", "--plot", "bars.csv"), "ends in .html"),
        (("check", "--calendar", "forx"), "unknown calendar 'forx': did you mean 'forex'?"),
        (("check", "--timezone", "UTC"), "--timezone: only allowed with FILES"),
        (("check", "--timeframe", "1d"), "no such bars of 1d are stored"),
        (("check", "missing.csv"), "FILES need --timeframe"),
        (("check", "missing.csv", "--timeframe", "5m", "--config", "a.yaml"), "do not allow --symbols or --config"),
        (("check", "--config", "missing.yaml"), "missing.yaml: cannot be read"),
        (("check", "missing.csv", "--timeframe", "5m"), "file not found"),
        (("repair", "--symbol", "AAB", "--timeframe", "5m", "--undo"), "did you mean 'AAA 5m'?"),
        (("repair", "--symbol", "AAA", "--timeframe", "5m"), "either --fix"),
        (("repair", "--symbol", "AAA", "--timeframe", "5m", "--fix", "gaps"), "unknown repair 'gaps'"),
        (("repair", "--symbol", "AAA", "--timeframe", "5m", "--undo"), "nothing to undo"),
        (("repair", "--symbol", "AAA", "--timeframe", "5m", "--undo", "--dry-run"), "--dry-run needs --fix"),
    ],
)
def test_bad_input_is_one_line(run: Run, home: Path, arguments: tuple[str, ...], said: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out, len(err.splitlines())) == (2, "", 1), err
    assert said in err


def test_a_repair_is_asked_for_said_and_undone(run: Run, home: Path) -> None:
    given = ("--symbol", "AAA", "--timeframe", "5m")
    stored = home / "bars" / "AAA" / "5m.parquet"
    before = stored.read_bytes()
    code, out, _ = run("repair", *given, "--fix", "bad_prints", "--dry-run")
    assert (code, "nothing was changed" in out, stored.read_bytes() == before) == (0, True, True)

    code, out, _ = run("repair", *given, "--fix", "bad_prints,splits", "--json")
    (record,) = json.loads(out)["repairs"]
    assert (code, record["fix"], record["n_changes"]) == (0, "bad_prints", 1)
    (row,) = json.loads(run("check", "--json")[1])["bars"]
    assert [finding["kind"] for finding in row["findings"]] == ["gap"], "no bar is made up"
    assert row["repairs"] == [record]
    assert f"repaired on {record['asked']}: bad_prints, 1 change" in run("check")[1]
    assert json.loads(run("list", "--json")[1])["bars"][0]["repaired"] == "bad_prints"
    assert "nothing to repair" in run("repair", *given, "--fix", "bad_prints")[1]

    code, out, _ = run("repair", *given, "--undo")
    assert (code, "1 repair undone" in out, stored.read_bytes() == before) == (0, True, True)
    assert json.loads(run("list", "--json")[1])["bars"][0]["repaired"] is None


def test_stored_bars_that_overlap_are_found_and_refused_elsewhere(run: Run, home: Path) -> None:
    path = BarStore(home / "bars").path("AAA", MINUTES)
    table = pq.read_table(path)
    later = pc.add(table["close_time"], 60_000_000_000)
    pq.write_table(pa.concat_tables([table, table.set_column(0, "close_time", later)]).sort_by("close_time"), path)
    code, out, err = run("check", "--json")
    assert (code, err) == (0, "")
    (row,) = json.loads(out)["bars"]
    (overlap,) = [finding for finding in row["findings"] if finding["kind"] == "overlap"]
    assert (
        "5m bars that close at 00:00 UTC and every 5m from there, and 5m bars that close at 00:01" in overlap["worst"]
    )
    code, _, err = run("resample", "--symbol", "AAA", "--timeframe", "1h")
    assert code != 0
    assert "data check --symbols AAA --timeframe 5m" in err


# -- trading hours -----------------------------------------------------------------------------------------------------


def hours_of(run: Run, *arguments: object) -> tuple[str, str]:
    (row,) = json.loads(run("check", "--json", *arguments)[1])["bars"]
    return row["calendar"], row["calendar_reason"]


@pytest.mark.parametrize(
    ("terms", "calendar"),
    [({"calendar": "XLON"}, "XLON"), ({"kind": "stock"}, "XNYS"), ({"kind": "perpetual"}, "always")],
)
def test_stored_bars_are_checked_on_the_calendar_of_their_instrument(
    run: Run, home: Path, terms: dict[str, str], calendar: str
) -> None:
    config = home / "experiment.yaml"
    config.write_text(json.dumps({"symbols": ["AAA"], "instruments": {"AAA": terms}}))
    assert hours_of(run, "--config", config) == (calendar, "of its instrument in --config")
    assert hours_of(run, "--config", config, "--calendar", "weekdays") == ("weekdays", "as given")


def test_an_instrument_without_a_calendar_leaves_the_hours_to_the_bars(run: Run, home: Path) -> None:
    config = home / "experiment.yaml"
    config.write_text(json.dumps({"symbols": ["AAA"], "instruments": {"AAA": {"taker_fee": 0.001}}}))
    calendar, reason = hours_of(run, "--config", config)
    assert (calendar, reason.partition(":")[0]) == ("always", "inferred")


def test_bars_within_sessions_are_checked_on_their_own_market(run: Run, home: Path) -> None:
    assert run("resample", "--symbol", "AAA", "--timeframe", "1h", "--sessions", "XNYS")[0] == 0
    assert hours_of(run, "--timeframe", "1h") == ("XNYS", "the sessions of the bars")


# -- files are read as an import reads them ----------------------------------------------------------------------------


def table_of(times: pd.DatetimeIndex, path: Path) -> Path:
    price = 100.0 + np.arange(len(times)) % 7
    prices = dict.fromkeys(("open", "high", "low", "close"), price)
    pd.DataFrame({"time": times.strftime("%Y-%m-%d %H:%M:%S")} | prices | {"volume": 1.0}).to_csv(path, index=False)
    return path


@pytest.mark.parametrize("wrong", ["1m", "4h"])
def test_a_timeframe_that_a_file_does_not_have_is_refused_with_a_command_that_works(
    tmp_path: Path, home: Path, wrong: str
) -> None:
    path = table_of(pd.date_range("2024-01-01", periods=60, freq="h"), tmp_path / "my hours.csv")
    refused = CliRunner().invoke(data, ["check", str(path), "--timeframe", wrong, "--stamp", "open"])
    assert isinstance(refused.exception, BadInput)
    program, group, *proposed = shlex.split(str(refused.exception).partition("check it with: ")[2])
    assert (program, group, proposed[0]) == ("tradesieve", "data", "check")
    shown = CliRunner().invoke(data, [*proposed, "--json"])
    assert shown.exit_code == 0, shown.exception
    assert json.loads(shown.stdout)["bars"][0]["timeframe"] == "1h"


def test_bars_that_have_not_closed_are_left_out_of_a_check(run: Run, tmp_path: Path, home: Path) -> None:
    hours = pd.date_range(pd.Timestamp.now("UTC").floor("h") - pd.Timedelta(hours=30), periods=36, freq="h")
    code, out, _ = run("check", table_of(hours, tmp_path / "live.csv"), "--timeframe", "1h", "--json")
    (row,) = json.loads(out)["bars"]
    assert (code, row["bars"] in (30, 31)) == (0, True), "31 if the hour ended while the test ran"
    assert any(note.startswith(f"left out {36 - row['bars']} bars not closed at ") for note in row["notes"])


def test_two_grids_in_one_file_are_a_defect(run: Run, tmp_path: Path, home: Path) -> None:
    days = pd.date_range("2023-01-02", periods=40, freq="D")
    both = days.append(days + pd.Timedelta(hours=5)).sort_values()
    # If the commonest step were less than a day, the timeframe would be refused.
    few = days.append(both[both.hour == 5][:6]).sort_values()
    code, out, err = run("check", table_of(few, tmp_path / "a.csv"), "--timeframe", "1d", "--strict", "--json")
    assert (code, "--strict allows none" in err) == (2, True)
    (row,) = json.loads(out)["bars"]
    (overlap,) = [finding for finding in row["findings"] if finding["kind"] == "overlap"]
    assert "days that close at 00:00 UTC, and days that close at 05:00 UTC" in overlap["worst"]
    assert row["bars"] == 40


@pytest.mark.parametrize(("timeframe", "frequency"), [("1M", "MS"), ("1w", "W-MON"), ("1d", "D")])
@pytest.mark.parametrize("zone", ["America/New_York", "Australia/Lord_Howe"])
def test_bars_that_end_with_a_day_of_their_zone_are_no_defect(
    run: Run, tmp_path: Path, home: Path, timeframe: str, frequency: str, zone: str
) -> None:
    times = pd.date_range("2021-01-01", "2023-12-31", freq=frequency)
    path = table_of(times, tmp_path / "a.csv")
    code, out, err = run("check", path, "--timeframe", timeframe, "--timezone", zone, "--json")
    assert (code, err) == (0, "")
    (row,) = json.loads(out)["bars"]
    assert row["bars"] == len(times)
    assert not {"overlap", "broken_law"} & {finding["kind"] for finding in row["findings"]}
