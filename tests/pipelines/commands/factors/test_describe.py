"""tradesieve factors describe, as people run it: the table, the files, and that the hold-out is never looked at."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.pipelines.command_runs import exit_code
from tradesieve.features.feature_sets import MINIMAL
from tradesieve.market.bars import Bars
from tradesieve.market.timeframes import DAY
from tradesieve.pipelines.settings import Settings
from tradesieve.pipelines.steps.feature_profile import COLUMNS

GIVEN = ["--num-strategies", "6", "--timeframe", "15m", "--features", "minimal"]
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def home(make_home: Callable[..., Settings], small_bars: Bars) -> Path:
    """A home with bars, in which trades and features are computed once."""
    return make_home(bars=small_bars[:6000]).home


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """A function that runs a command in this process, by default in the home: exit code, standard output and error."""

    def call(*arguments: object, at: Path = home) -> tuple[int, str, str]:
        monkeypatch.setenv("TRADESIEVE_HOME", str(at))
        code = exit_code(monkeypatch, "factors", *arguments)
        return code, *capsys.readouterr()

    return call


def found(run: Command, *arguments: object, **where: Path) -> dict[str, Any]:
    code, out, err = run("describe", *GIVEN, *arguments, "--json", **where)
    assert code == 0, err
    return json.loads(out)


def refused(run: Command, *arguments: object) -> str:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    (line,) = (line for line in err.splitlines() if line.startswith("tradesieve: "))
    return line


def test_json_says_everything(run: Command) -> None:
    told = found(run)
    assert [row["feature"] for row in told["features"]] == list(MINIMAL)
    for row in told["features"]:
        assert list(row) == ["feature", *COLUMNS, "psi_by_period", "ic_by_period"]
        assert row["n_known"] <= told["n_trades"]
    periods = list(told["features"][0]["ic_by_period"])
    assert periods == told["reference"] + list(told["features"][0]["psi_by_period"])
    assert (told["per"], told["against"], told["n_judged"]) == ("week", "net_return", len(MINIMAL))
    assert told["development"][1] < told["sealed_from"]
    assert told["n_expected_by_luck"] == pytest.approx(0.05 * len(MINIMAL))
    volatility = {row["feature"]: row for row in told["features"]}["close__slope__window_20"]
    assert volatility["nan_rate"] == pytest.approx(1 - volatility["n_known"] / told["n_trades"])


def test_the_sealed_part_changes_nothing(run: Command, make_home: Callable[..., Settings], small_bars: Bars) -> None:
    """Other prices after the border change no letter of the output; other prices before it do."""
    bars = small_bars[:6000]
    told = found(run)
    border = int(np.datetime64(told["sealed_from"].rstrip("Z"), "ns").astype(np.int64))
    assert border % DAY == 0
    random = np.random.default_rng(2)
    outputs = []
    for changed in (bars.close_time > border, bars.close_time < border - 30 * DAY):
        factor = np.where(changed, np.exp(np.cumsum(random.normal(size=len(bars)) * 0.003)), 1.0)
        prices = {name: getattr(bars, name) * factor for name in ("open", "high", "low", "close")}
        other = make_home(bars=replace(bars, volume=bars.volume * np.where(changed, 7.0, 1.0), **prices)).home
        outputs.append(found(run, at=other))
    assert outputs[0] == told
    assert outputs[1] != told
    assert outputs[1]["sealed_from"] == told["sealed_from"]


def test_features_are_filtered_sorted_and_cut(run: Command) -> None:
    every = found(run)["features"]
    chosen = found(run, "--where", "nan_rate<0.5", "--where", "drift!=unknown", "--sort", "ic_t", "--descending",
                   "--limit", "3")["features"]  # fmt: skip
    assert chosen == sorted(every, key=lambda row: -row["ic_t"])[:3]
    assert found(run, "--where", "n_known>=1000000")["features"] == []


def test_periods_threshold_and_result_are_options(run: Command) -> None:
    told = found(run, "--per", "month", "--threshold", "0.2", "--against", "label")
    assert (told["per"], told["against"]) == ("month", "label")
    assert all(len(name) == 7 for name in told["features"][0]["ic_by_period"])
    assert len(told["clusters"]) > 0
    for cluster in told["clusters"]:
        assert list(cluster) == ["cluster", "representative", "others", "weakest"]
        assert cluster["weakest"] >= 0.2
    assert told["features"][0]["ic"] != found(run, "--per", "month")["features"][0]["ic"]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_the_table_is_written_as_it_is_shown(run: Command, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"table{suffix}"
    told = found(run, "--sort", "psi", "--output", path)
    table = pd.read_csv(path) if suffix == ".csv" else pd.read_parquet(path)
    assert told["output"] == str(path)
    assert list(table.columns) == ["feature", *COLUMNS]
    assert table["feature"].tolist() == [row["feature"] for row in told["features"]]
    assert table["ic"].tolist() == pytest.approx([row["ic"] for row in told["features"]])
    assert [file.name for file in tmp_path.iterdir()] == [path.name], "nothing temporary is left"


def test_people_see_the_table_and_what_is_sealed(run: Command, tmp_path: Path) -> None:
    path = tmp_path / "features.html"
    code, out, _ = run("describe", *GIVEN, "--sort", "skewness", "--html", path)
    assert code == 0
    for text in ("is sealed, and nothing of it is looked at", "adjusted p", "skewness", "expected by luck",
                 "close__trendiness__window_20", "below 0.1 nothing has moved", f"written to {path}"):  # fmt: skip
        assert text in out, text
    assert not set("│┏") & set(out), "in a pipe, tables are plain"
    page = path.read_text()
    assert page.endswith("</html>\n")
    assert page.count('<option value="feature-') == len(MINIMAL)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--sort", "skewnes"], "unknown column 'skewnes': did you mean 'skewness'"),
        (["--where", "drift>=3"], "drift is text, so compare it with == or !="),
        (["--where", "psi>=high"], "psi is numeric, but 'high' is not a number"),
        (["--per", "decade"], "'decade' is not one of"),
        (["--threshold", "1.5"], "1.5 is not in the range"),
        (["--against", "luck"], "'luck' is not one of"),
        (["--output", "table.xlsx"], ".parquet or .csv"),
        (["--html", "report.pdf"], "ending in .html"),
        (["--features", "close__slope__window_1"], "window is a whole number of at least 2 bars"),
    ],
)
def test_wrong_options_are_refused_before_the_work(
    run: Command, home: Path, folder_state: Callable[[Path], dict[str, str]], arguments: list[str], said: str
) -> None:
    before = folder_state(home)
    assert said in refused(run, "describe", *GIVEN, *arguments)
    assert folder_state(home) == before


def test_too_few_trades_are_refused(run: Command, tmp_path: Path) -> None:
    few = ["--strategies", "time_of_day", "--num-strategies", "1", "--timeframe", "15m", "--to", "2023-01-12"]
    assert "trades before the hold-out are too few to profile features with" in refused(run, "describe", *few)
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert "cannot be written" in refused(run, "describe", *GIVEN, "--html", blocked / "page.html")
