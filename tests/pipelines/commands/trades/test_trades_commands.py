"""tradesieve trades stats: groupings, filters, sorting and files, with one clear line for whatever is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.pipelines.command_runs import exit_code
from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput, Unknown
from tradesieve.pipelines.commands.shared.row_filters import rows_where
from tradesieve.pipelines.settings import Settings
from tradesieve.strategies.registry import RULES
from tradesieve.strategies.statistics.grouping import GROUPINGS
from tradesieve.strategies.statistics.trade_statistics import MEASURES

GIVEN = ["--num-strategies", "6", "--timeframe", "15m"]
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def home(make_home: Callable[..., Settings], small_bars: Bars) -> Path:
    """A home with bars, in which trades are generated once."""
    return make_home(bars=small_bars[:6000]).home


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """A function that runs a command in this process: exit code, standard output, standard error."""
    monkeypatch.setenv("TRADESIEVE_HOME", str(home))

    def call(*arguments: object) -> tuple[int, str, str]:
        code = exit_code(monkeypatch, "trades", *arguments)
        return code, *capsys.readouterr()

    return call


def found(run: Command, *arguments: object) -> dict[str, Any]:
    code, out, err = run("stats", *GIVEN, *arguments, "--json")
    assert code == 0, err
    return json.loads(out)


def refused(run: Command, *arguments: object) -> str:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    (line,) = (line for line in err.splitlines() if line.startswith("tradesieve: "))
    return line


@pytest.mark.parametrize("by", GROUPINGS)
def test_every_grouping_has_every_measure(run: Command, by: str) -> None:
    result = found(run, "--by", by)
    assert result["by"] == by
    for row in result["groups"]:
        assert list(row) == [by, *MEASURES]
    assert list(result["pooled"]) == [by, *MEASURES]
    if by != "exit_reason":
        assert sum(row["n_trades"] for row in result["groups"]) == result["pooled"]["n_trades"] > 100


def test_groups_are_filtered_sorted_and_cut(run: Command) -> None:
    every = found(run, "--by", "hour")["groups"]
    chosen = found(run, "--by", "hour", "--where", "n_trades>=20", "--where", "win_rate < 0.5", "--sort", "expectancy",
                   "--descending", "--limit", "3")["groups"]  # fmt: skip
    kept = [row for row in every if row["n_trades"] >= 20 and row["win_rate"] < 0.5]
    assert 3 < len(kept) < len(every)
    assert chosen == sorted(kept, key=lambda row: -row["expectancy"])[:3]
    (friday,) = found(run, "--by", "weekday", "--where", "weekday==Friday")["groups"]
    assert friday["weekday"] == "Friday"
    assert found(run, "--by", "instance", "--where", "n_trades>=1000000")["groups"] == []


def test_undefined_values_sort_last_and_meet_no_condition(run: Command) -> None:
    for way in ([], ["--descending"]):
        values = [
            row["r_multiple"] for row in found(run, "--by", "exit_reason", "--sort", "r_multiple", *way)["groups"]
        ]
        known = [value for value in values if value is not None]
        assert values[: len(known)] == sorted(known, reverse=bool(way))
    table = pd.DataFrame({"name": ["a", "b"], "value": [1.0, float("nan")]})
    for condition in ("value>0", "value!=7", "value<2", "value <= 1", "value==1", "value=1"):
        assert rows_where(table, [condition])["name"].tolist() == ["a"], condition
    assert rows_where(table, ["name!=a"])["name"].tolist() == ["b"]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_the_table_is_written_as_it_is_shown(run: Command, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"table{suffix}"
    result = found(run, "--by", "rule", "--sort", "n_trades", "--output", path)
    table = pd.read_csv(path) if suffix == ".csv" else pd.read_parquet(path)
    assert result["output"] == str(path)
    assert table["rule"].tolist() == [row["rule"] for row in result["groups"]]
    assert table["sortino"].tolist() == pytest.approx([row["sortino"] for row in result["groups"]], nan_ok=True)
    assert [file.name for file in tmp_path.iterdir()] == [path.name], "nothing temporary is left"


def test_a_report_is_written_whole(run: Command, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    result = found(run, "--by", "rule", "--html", path)
    assert result["html"] == str(path)
    page = path.read_text()
    assert page.endswith("</html>\n")
    assert f"{result['pooled']['n_trades']:,} closed trades" in page
    assert page.count('<option value="window-') == 6, "the three best and the three worst"
    assert [file.name for file in tmp_path.iterdir()] == [path.name], "nothing temporary is left"


def test_a_rule_is_plotted_at_work(run: Command, tmp_path: Path) -> None:
    path = tmp_path / "plot.html"
    given = ["--strategies", "volatility_breakout,dip_buying", "--num-strategies", "4", "--timeframe", "15m"]
    code, out, err = run("plot", *given, "--bars", "400", "--last-trades", "7", "--output", path, "--json")
    assert code == 0, err
    told = json.loads(out)
    assert (told["output"], told["n_shown"] <= 4 * 7, told["n_trades"] > 28) == (str(path), True, True)
    page = path.read_text()
    assert "<h1>Trades of dip_buying, volatility_breakout</h1>" in page
    assert page.count('<option value="window-') == 4
    said = run("plot", *given, "--output", path)[1]
    assert f"written to {path}" in said


def test_a_strategy_is_optimised_with_its_modifiers(run: Command, tmp_path: Path) -> None:
    path = tmp_path / "walk.html"
    few = ["--timeframe", "15m", "--windows", "2", "--trials", "2", "--min-trades", "5"]
    strategy = "volatility_breakout(multiple=1)+trailing(ranges=2|4)+fixed_fraction"
    code, out, err = run("optimise", strategy, *few, "--html", path, "--json")
    assert code == 0, err
    told = json.loads(out)
    assert told["searched"]["entries"] == ["window 20 to 50"]
    assert told["searched"]["exits"][-1] == "trailing.ranges 2 to 4"
    (walk,) = told["walks"]
    assert set(walk["paths"]) == {"out_of_sample", "in_sample", "default"}
    assert "out of sample beside in sample" in path.read_text()
    said = run("optimise", strategy, *few)[1]
    assert "searched, entries: window 20 to 50; exits: " in said
    assert "; as written: fixed_fraction" in said
    edges = [name for window in walk["windows"] for name in window["at_edge"]]
    assert ("chosen at an end of the searched range" in said) == bool(edges)
    assert "ending in .html" in refused(run, "optimise", strategy, "--html", tmp_path / "walk.pdf")
    assert "leaves nothing to search" in refused(
        run, "optimise", "moving_average_cross(fast=5,slow=9,stop_ranges=1,reward=1)"
    )
    assert "did you mean 'trailing'" in refused(run, "optimise", "dip_buying+trailling")


def test_what_cannot_be_drawn_is_refused(run: Command, home: Path, tmp_path: Path) -> None:
    assert "ending in .html" in refused(run, "plot", "--output", tmp_path / "plot.png")
    every = ["--strategies", "all", "--num-strategies", "30", "--timeframe", "15m"]
    line = refused(run, "plot", *every, "--output", tmp_path / "plot.html")
    assert "30 instances were chosen, but a plot shows at most 24" in line
    none = ["--strategies", "volatility_breakout(multiple=1000)", "--timeframe", "15m"]
    assert "no trade closed" in refused(run, "stats", *none, "--html", tmp_path / "report.html")
    (tmp_path / "file").write_text("")
    blocked = tmp_path / "file" / "report.html"
    assert "cannot be written" in refused(run, "stats", *GIVEN, "--html", blocked)
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def test_people_see_a_table_with_the_column_they_sort_by(run: Command) -> None:
    code, out, _ = run("stats", *GIVEN, "--by", "side", "--sort", "mfe_median")
    assert code == 0
    assert "mfe_median" in out
    assert "long" in out
    assert "all, equal shares" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--sort", "sortno"], "unknown column 'sortno': did you mean 'sortino'"),
        (["--where", "n_trade>=3"], "unknown column 'n_trade': did you mean 'n_trades'"),
        (["--where", "many trades"], "'many trades' cannot be parsed: write column>=number"),
        (["--where", "n_trades>=many"], "n_trades is numeric, but 'many' is not a number"),
        (["--where", "instance>=3"], "instance is text, so compare it with == or !="),
        (["--where", "__import__('os').system('true')"], "cannot be parsed"),
        (["--by", "moon"], "'moon' is not one of"),
        (["--limit", "0"], "--limit"),
        (["--output", "table.xlsx"], ".parquet or .csv"),
        (["--html", "report.pdf"], "ending in .html"),
    ],
)
def test_wrong_options_are_refused_before_the_work(
    run: Command, home: Path, folder_state: Callable[[Path], dict[str, str]], arguments: list[str], said: str
) -> None:
    before = folder_state(home)
    assert said in refused(run, "stats", *GIVEN, *arguments)
    assert folder_state(home) == before


@pytest.mark.parametrize("command", ["generate", "stats", "plot"])
def test_a_limit_is_said_when_it_bites(run: Command, tmp_path: Path, command: str) -> None:
    extra = ["--output", tmp_path / "plot.html"] if command == "plot" else []
    few = ["--strategies", "dip_buying(look_back=3|4|5)", "--timeframe", "15m", *extra]
    said = run(command, *few, "--max", "2")[1]
    assert "limited to 2 of 3 strategies, one of each rule in turn: raise --num-strategies or --max for more" in said
    assert "limited to" not in run(command, *few, "--max", "3")[1]
    told = json.loads(run(command, *few, "--num-strategies", "1", "--json")[1])
    assert told["strategies"] == {"chosen": 1, "available": 3}
    assert "--max is 0" in refused(run, command, *few, "--max", "0")


def test_generate_and_stats_count_alike(run: Command) -> None:
    given = ["--strategies", "volatility_breakout,dip_buying", "--num-strategies", "6", "--timeframe", "15m"]
    given += ["--with-holdout"]  # trades are open at the end of all bars, none at the border
    generated = json.loads(run("generate", *given, "--json")[1])
    measured = json.loads(run("stats", *given, "--json")[1])
    counts = {row["instance"]: row["n_trades"] for row in measured["groups"]}
    assert {row["instance"]: row["n_trades"] for row in generated["instances"]} == counts
    assert generated["n_trades"] == measured["pooled"]["n_trades"] > 0
    assert generated["n_open"] == measured["n_open"] > 0
    for command in ("generate", "stats"):
        assert f"{measured['n_open']} trade" in (said := run(command, *given)[1])
        assert "still open at the end of the data, not counted as closed" in said
    assert (
        "still open at the end of the data, in the group end_of_data" in run("stats", *given, "--by", "exit_reason")[1]
    )


def test_instances_with_the_same_trades_are_said(run: Command) -> None:
    given = ["--strategies", "opening_range_breakout(max_hold=4000|8000|1)", "--timeframe", "15m"]
    line = "same trades as opening_range_breakout(max_hold=4000) AAA 15m: opening_range_breakout(max_hold=8000) AAA 15m"
    for command in ("generate", "stats"):
        assert line in run(command, *given)[1]
    told = json.loads(run("stats", *given, "--json")[1])["same_trades_as"]
    rows = json.loads(run("generate", *given, "--json")[1])["instances"]
    assert told == {row["instance"]: row["same_trades_as"] for row in rows if row["same_trades_as"]} != {}
    assert "same trades" not in run("stats", "--strategies", "dip_buying(look_back=3)", "--timeframe", "15m")[1]


def test_an_output_is_replaced_only_when_told(run: Command, tmp_path: Path) -> None:
    given = ["--strategies", "dip_buying(look_back=3|4)", "--timeframe", "15m", "--output", tmp_path / "trades.csv"]
    made = json.loads(run("generate", *given, "--json")[1])
    count = made["n_trades"] + made["n_open"]
    for command in ("generate", "stats"):
        line = refused(run, command, *given)
        assert f"trades.csv: holds {count:,} trades already; choose another path, or replace it with --replace" in line
    assert len(pd.read_csv(tmp_path / "trades.csv")) == count
    assert run("generate", *given[:1], "dip_buying(look_back=3)", *given[2:], "--replace")[0] == 0
    assert 0 < len(pd.read_csv(tmp_path / "trades.csv")) < count
    assert run("stats", *given, "--replace")[0] == 0
    assert "expectancy" in pd.read_csv(tmp_path / "trades.csv")


def test_all_are_all(run: Command) -> None:
    told = json.loads(run("generate", "--strategies", "all", "--timeframe", "15m", "--max", "28", "--json")[1])
    assert {row["rule"] for row in told["instances"]} == set(RULES)
    assert told["strategies"]["chosen"] == 28 < told["strategies"]["available"]


def test_conditions_name_what_is_wrong() -> None:
    table = pd.DataFrame({"value": [1.0]})
    with pytest.raises(Unknown, match="unknown column 'valeu': did you mean 'value'"):
        rows_where(table, ["valeu>1"])
    with pytest.raises(BadInput, match="cannot be parsed"):
        rows_where(table, ["value"])
