"""The command line: help everywhere, one JSON object where asked, one clear line and exit 2 for whatever is wrong."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pandas as pd
import pytest

from tests.pipelines.command_runs import ROOT, Command, State, ended, frame_of, process, refuses
from tradesieve.features.invariants.features import INVARIANTS
from tradesieve.features.user_modules import isolated_modules
from tradesieve.market.bars import Bars
from tradesieve.pipelines.command_line import tradesieve
from tradesieve.pipelines.help_pages import walk_commands
from tradesieve.pipelines.settings import Settings


def commands(group: click.Group) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Go through every command."""
    yield (), group
    yield from walk_commands(group)


# -- help --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [path for path, _ in commands(tradesieve)], ids=" ".join)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help(run: Command, path: tuple[str, ...], flag: str, tmp_path: Path) -> None:
    ended = run(*path, flag)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("Usage: ")
    assert len(ended.out.splitlines()) > 4
    assert not (tmp_path / "home").exists(), "help makes nothing"


@pytest.mark.parametrize(
    "command", [pytest.param(command, id=" ".join(path)) for path, command in commands(tradesieve)]
)
def test_every_command_and_option_is_explained(command: click.Command) -> None:
    assert command.help
    assert len(command.help.split()) >= 4
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{command.name} {parameter.name}"


def test_the_commands_are_those_of_the_design() -> None:
    found = {" ".join(path) for path, command in commands(tradesieve) if not isinstance(command, click.Group)}
    assert found >= {
        "demo", "data import", "data list", "data check", "data repair", "data remove", "trades generate",
        "trades stats", "factors list", "factors compute", "factors check", "model experiment", "model train",
        "model eval", "model export", "model run", "up", "paper",
    }  # fmt: skip


def test_every_command_has_json() -> None:
    for path, command in commands(tradesieve):
        if not isinstance(command, click.Group):
            assert "--json" in [flag for option in command.params for flag in option.opts], path


GROUPS = [path for path, command in commands(tradesieve) if isinstance(command, click.Group)]


@pytest.mark.parametrize("path", GROUPS, ids=" ".join)
def test_a_group_alone_shows_its_help(run: Command, path: tuple[str, ...]) -> None:
    assert run(*path) == run(*path, "--help")


def test_every_help_fits_one_screen() -> None:
    for path, command in commands(tradesieve):
        context = click.Context(command, info_name=" ".join(("tradesieve", *path)), terminal_width=78)
        lines = command.get_help(context).splitlines()
        assert len(lines) <= 40, f"{path}: {len(lines)} lines"
        assert max(map(len, lines)) <= 80, f"{path}: {max(lines, key=len)!r}"


def test_an_option_that_changes_nothing_is_refused_with_the_commands_that_use_it(run: Command) -> None:
    refuses(
        run("trades", "plot", "--candidates", "99"),
        "--candidates changes nothing here",
        "`model experiment`, `model placebo`, `model train`",
    )
    refuses(run("trades", "stats", "--features", "minimal"), "--features changes nothing here", "`factors compute`")
    refuses(run("factors", "check", "--taker", "0.1"), "--taker changes nothing here", "`trades stats`")
    refuses(run("trades", "plot", "--kelly"), "No such option '--kelly'")
    refuses(run("trades", "plot", "--symbol", "AAA"), "Did you mean", "'--symbols'")


def test_options_with_one_help_share_a_line(run: Command) -> None:
    shown = run("trades", "stats", "--help").out
    assert "--maker, --taker, --commission X" in shown
    assert "--timeframes 5m,1h,..." in shown, "of a singular beside its plural, the plural"
    assert shown.index("Options:") < shown.index("Bars:") < shown.index("Strategies:") < shown.index("Costs")


def test_the_version_is_told(run: Command) -> None:
    ended = run("--version")
    assert ended.code == 0
    assert "0.1.0" in ended.out


@pytest.mark.parametrize(
    "arguments", [["dat"], ["data", "imprt"], ["model", "experiment", "--symbol", "AAA"], ["paper"]]
)
def test_a_wrong_call_is_one_line(run: Command, arguments: list[str]) -> None:
    refuses(run(*arguments), "--help")


# -- bad names and numbers ---------------------------------------------------------------------------------------------

AAA = ("--symbols", "AAA", "--timeframe", "15m")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--strategies", "volatility_brekout"], "did you mean 'volatility_breakout'?"),
        (["--strategies", "dip_buying(look_bak=3)"], "did you mean 'look_back'?"),
        (["--strategies", "dip_buying(look_back=x)"], "not a number"),
        (["--num-strategies", "0"], "the number of strategies is 0"),
        (["--num-strategies", "many"], "many"),
        (["--symbols", "AAB"], "no bars of AAB"),
        (["--symbols", "AAA,AAA"], "named twice"),
        (["--symbols", ","], "symbol"),
        (["--symbols", "../x"], "symbol '../x'"),
        (["--timeframe", "5x"], "timeframe '5x'"),
        (["--timeframe", "1m"], "no bars of AAA that make up 1m"),
        (["--from", "yesterday"], "is 'yesterday'"),
        (["--from", "2023-02-01", "--to", "2023-01-01"], "is not before"),
        (["--from", "2030-01-01"], "no bars of AAA lie after 2030-01-01"),
        (["--seed", "-1"], "seed is -1"),
        (["--config", "none.yaml"], "none.yaml: cannot be read"),
    ],
)
@pytest.mark.parametrize("command", [("trades", "generate"), ("model", "experiment")], ids=" ".join)
def test_a_wrong_experiment_is_refused(
    run: Command, home: Path, folder_state: State, command: tuple[str, str], arguments: list[str], said: str
) -> None:
    before = folder_state(home)
    refuses(run(*command, *AAA, *arguments, home=home), said)
    assert folder_state(home) == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--features", "standart"], "did you mean 'standard'?"),
        (["--features", "close__slop__window_20"], "did you mean 'slope'?"),
        (["--fitness", "sortinoo"], "did you mean 'sortino'?"),
        (["--applications", "treshold"], "did you mean 'threshold'?"),
        (["--candidates", "0"], "at least one"),
        (["--candidates", "-1"], "-1"),
    ],
)
def test_a_wrong_search_is_refused(
    run: Command, home: Path, folder_state: State, arguments: list[str], said: str
) -> None:
    before = folder_state(home)
    refuses(run("model", "experiment", *AAA, *arguments, home=home), said)
    assert folder_state(home) == before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("symbols: [AAA]\nsymbls: 1\n", "unknown key in the experiment: 'symbls': did you mean 'symbols'?"),
        ("symbols: [AAA]\nplan: {n_fold: 3}\n", "unknown key in plan: 'n_fold': did you mean 'n_folds'?"),
        ("symbols: [AAA]\nplan: {gate: {x: 3}}\n", "unknown key in gate: 'x'"),
        ("symbols: [AAA]\nplan: {seed: soon}\n", "plan.seed: should be a valid integer"),
        ("symbols: [AAA\n", "is not valid YAML"),
        ("", "expected the keys of an experiment"),
    ],
)
def test_a_wrong_yaml_is_refused(
    run: Command, home: Path, folder_state: State, tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    before = folder_state(home)
    for command in (("model", "experiment"), ("model", "train"), ("trades", "stats"), ("factors", "check")):
        refuses(run(*command, "--config", path, home=home), said)
    assert folder_state(home) == before


def test_an_output_that_cannot_be_is_refused_before_the_work(
    run: Command, home: Path, folder_state: State, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    before = folder_state(home)
    for command in (("trades", "generate"), ("factors", "compute")):
        refuses(run(*command, *AAA, "--output", tmp_path / "out.xlsx", home=home), "out.xlsx", ".parquet or .csv")
        assert folder_state(home) == before, "nothing is computed for an output that cannot be written"
        ended = run(*command, *AAA, "--output", tmp_path / "file" / "out.csv", home=home)
        refuses(ended, "out.csv", "cannot be written")
        # What was computed on the way is kept, as after any run, and takes nothing away.
        assert before.items() <= folder_state(home).items()
        for cache in ("trades", "factors"):
            shutil.rmtree(home / cache, ignore_errors=True)


def test_without_bars_it_says_how_to_get_some(run: Command, tmp_path: Path) -> None:
    for command in (("model", "experiment"), ("trades", "generate"), ("factors", "compute", "--output", "f.csv")):
        where = f"no bars are stored in {tmp_path / 'home' / 'bars'}: import some with `tradesieve data import"
        refuses(run(*command), where)
    ended = run("data", "list")
    assert ended.code == 0
    assert f"no bars are stored in {tmp_path / 'home' / 'bars'}" in ended.out
    assert not (tmp_path / "home").exists(), "nothing is made"


def test_without_a_champion_it_says_so(run: Command, home: Path, folder_state: State) -> None:
    before = folder_state(home)
    refuses(run("model", "export", home=home), "there is no champion yet", "--override")
    refuses(run("model", "eval", home=home), "there is no champion yet")
    refuses(run("model", "run", home=home), "no model is exported yet: run `tradesieve model export` first")
    refuses(run("paper", "--symbol", "AAA", home=home), "no model is exported yet")
    for command in ("export", "eval"):
        refuses(run("model", command, "--run", "f" * 32, home=home), "unknown run")
        refuses(run("model", command, "--run", "../../etc", home=home), "unknown run")
    assert folder_state(home) == before


def test_an_unknown_symbol_of_a_check_is_named(run: Command, home: Path) -> None:
    refuses(run("data", "check", "--symbols", "AAB", home=home), "unknown stored symbol 'AAB': did you mean 'AAA'?")


# -- ports -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


def test_a_port_in_use_is_refused(run: Command, finished: Any, folder_state: State, taken: int, tmp_path: Path) -> None:
    from tradesieve.models.artifact.artifact import load_artifact, release
    from tradesieve.serving.export import point_to

    home = tmp_path / "served"
    artifact = load_artifact(Path(finished.result["artifact"]))
    released = release(artifact, home / "released" / "one", run_id="r", override="a test")
    point_to(home / "serving" / "champion", released.folder)
    before = folder_state(home)
    refuses(run("model", "run", "--port", taken, home=home), f"port {taken}", "--port")
    refuses(run("model", "run", "--host", "192.0.2.1", home=home), "192.0.2.1")
    refuses(run("model", "run", "--port", 99999, home=home), "99999")
    for flag in ("--prefect-port", "--mlflow-port", "--service-port"):
        ended = run("up", flag, taken, home=home)
        assert ended.code == 2
        assert f"port {taken} is in use" in ended.err
        assert len(ended.err.splitlines()) == 1
    assert folder_state(home) == before


# -- JSON --------------------------------------------------------------------------------------------------------------


def test_json_of_the_data(run: Command, tmp_path: Path, small_bars: Bars) -> None:
    path = tmp_path / "bars.csv"
    frame_of(small_bars[:200]).to_csv(path, index=False)
    found = run("data", "import", path, "--symbol", "NEW", "--timeframe", "15m", "--json").json()
    assert (found["symbol"], found["timeframe"], found["files"][0]["new"]) == ("NEW", "15m", 200)
    (row,) = run("data", "list", "--json").json()["bars"]
    assert (row["symbol"], row["bars"]) == ("NEW", 200)
    (row,) = run("data", "check", "--json").json()["bars"]
    assert (row["findings"], row["missing_rate"], row["expected_bars"]) == ([], 0.0, 200)


def test_json_of_trades_and_factors(run: Command, make_home: Callable[..., Settings], tmp_path: Path) -> None:
    bars, features = [*AAA, "--to", "2023-02-01"], ["--features", "minimal"]
    given = [*bars, "--num-strategies", "2"]
    home = make_home().home
    made = run("trades", "generate", *given, "--output", tmp_path / "t.parquet", "--json", home=home).json()
    assert made["n_trades"] + made["n_open"] == len(pd.read_parquet(tmp_path / "t.parquet")) > 0
    assert [row["instance"].partition("(")[0] for row in made["instances"]][:2] == [
        "volatility_breakout",
        "opening_range_breakout",
    ]
    for by in ("instance", "strategy", "symbol", "side", "exit_reason", "hour", "weekday"):
        found = run("trades", "stats", *given, "--by", by, "--json").json()
        assert found["by"] == by
        assert found["groups"]
    listed = run("factors", "list", "slope", "--json").json()
    assert [row["factor"] for row in listed["factors"]].count("slope") == 1
    (wilder,) = run("factors", "list", "RSI_wilder", "--timeframe", "1h", "--json").json()["factors"]
    assert (wilder["feature"], wilder["lookback"], wilder["source"]) == (
        "close__rsi_wilder__window_20",
        80,
        "Wilder (1978)",
    )
    computed = run("factors", "compute", *given, *features, "--output", tmp_path / "f.csv", "--json").json()
    table = pd.read_csv(tmp_path / "f.csv")
    assert computed["n_trades"] == len(table) == made["n_trades"] + made["n_open"]
    assert set(computed["features"]) <= set(table.columns)
    checked = run("factors", "check", *bars, *features, "--json").json()
    assert checked["passed"] is True
    assert checked["passed"]
    assert {row[law] for row in checked["features"] for law in INVARIANTS} == {"holds"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["data", "lst"],
        ["trades", "plot", "--candidates", "9"],
        ["model", "compare", "none"],
        ["paper"],
    ],
    ids=" ".join,
)
def test_an_error_is_json_too(run: Command, arguments: list[str]) -> None:
    plain, found = run(*arguments), run(*arguments, "--json")
    assert (found.code, found.err) == (2, "")
    assert json.loads(found.out) == {
        "error": plain.err.removeprefix("tradesieve: ").removesuffix("\n"), "exit_code": 2,
    }  # fmt: skip


def test_a_refusal_after_a_result_leaves_the_one_object(run: Command, tmp_path: Path) -> None:
    (tmp_path / "ahead.py").write_text(
        "from tradesieve import factor\n\n@factor(of='frame')\ndef ahead(frame, window=5):\n"
        '    """Look one bar ahead."""\n    return frame["close"].shift(-1) / frame["close"]\n'
    )
    with isolated_modules():
        found = run("factors", "check", "--module", tmp_path / "ahead.py", "--times", "4", "--json")
    assert found.code == 2
    assert json.loads(found.out)["passed"] is False
    assert found.err.startswith("tradesieve: 1 of 1 features break an invariant")


# -- signals and pipes -------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_an_interruption_is_one_line(make_home: Callable[..., Settings], config: Path, tmp_path: Path) -> None:
    home = make_home().home
    running = process(
        "model", "experiment", "--config", config, "--candidates", "40", home=home, start_new_session=True,
        # Tests that run as a shell's background job have inherited that Ctrl-C is to be ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    end = time.monotonic() + 60
    while time.monotonic() < end and not list(home.rglob("*.npz")):
        time.sleep(0.05)
    os.kill(running.pid, signal.SIGINT)
    found = ended(running)
    assert found.code == 130
    assert found.err.splitlines()[-1] == "tradesieve: interrupted"
    assert "Traceback" not in found.err


def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    running = process("factors", "list", "--json", home=tmp_path / "home")
    assert running.stdout is not None
    running.stdout.close()
    assert running.stderr is not None
    said = running.stderr.read()
    running.stderr.close()
    assert running.wait(60) == 0
    assert "Traceback" not in said


def test_help_is_quick_and_reads_no_heavy_library() -> None:
    script = (
        "import sys\n"
        "from tradesieve.pipelines.command_line import main\n"
        "sys.argv = ['tradesieve', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'pandas', 'numpy', 'mlflow', 'prefect', 'bentoml', 'sklearn', 'lightgbm'} & set(sys.modules)\n"
        "print(sorted(heavy), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
