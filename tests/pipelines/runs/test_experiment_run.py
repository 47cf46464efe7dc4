"""A run goes on after a crash as if there had been none, is not run twice, and keeps the hold-out sealed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.pipelines.tracked_runs import finished_runs
from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput
from tradesieve.models.artifact.artifact import load_artifact, verify
from tradesieve.models.tracking.runs import champion
from tradesieve.pipelines.experiment import Experiment
from tradesieve.pipelines.runs.experiment_run import run_experiment
from tradesieve.pipelines.settings import Settings
from tradesieve.pipelines.steps import trade_batches
from tradesieve.pipelines.steps.chunk_trades import generate_trades
from tradesieve.pipelines.steps.chunks import load_chunks
from tradesieve.pipelines.table_cache import TableCache

MakeHome = Callable[..., Settings]
ROOT = Path(__file__).resolve().parents[3]
OF_THE_RUN = ("run_id", "seconds", "reused", "artifact")
"""What differs between two runs of the same experiment."""

KILLED = """
    import os, signal, sys, threading, time
    from pathlib import Path
    from tradesieve.pipelines.experiment_files import experiment_from_yaml
    from tradesieve.pipelines.runs.experiment_run import run_experiment
    from tradesieve.pipelines.settings import read_settings

    stage, after = sys.argv[2], int(sys.argv[3])

    def die():
        os.kill(os.getpid(), signal.SIGKILL)

    def watch(folder):
        while not list(folder.rglob("result.json")):
            time.sleep(0.005)
        die()

    def report(now, done, total, detail):
        if now == stage and done >= after:
            if stage == "track":
                threading.Thread(target=watch, args=(settings.home / "mlflow",), daemon=True).start()
            else:
                die()

    settings = read_settings()
    run_experiment(experiment_from_yaml(Path(sys.argv[1])), settings, progress=report)
"""


def comparable(result: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in result.items() if key not in OF_THE_RUN}


def test_the_result_has_what_people_ask_for(finished: Any) -> None:
    result = finished.result
    assert result == json.loads(json.dumps(result, allow_nan=False)), "plain values"
    assert result["experiment"] == finished.experiment.hash
    for group in ("baseline", "filtered"):
        for part in ("development", "holdout"):
            assert {"sortino", "n_trades", "win_rate", "expectancy", "max_drawdown"} <= set(result[group][part])
    assert len(result["leaderboard"]) == result["n_trials"] == 4
    for trial in result["leaderboard"]:
        assert {"engine", "application", "parameters", "fitness"} <= set(trial)
    for condition in result["gate"]["conditions"]:
        assert set(condition) == {"name", "value", "threshold", "passed", "reason"}
    assert result["gate"]["open"] == all(condition["passed"] for condition in result["gate"]["conditions"])
    assert result["coverage"] == result["filtered"]["holdout"]["coverage"]
    assert result["certificates"] == {"causality": True, "parity": True}
    assert result["holdout_opening"] == 1
    assert 0 < result["filtered"]["holdout"]["n_trades"] < result["baseline"]["holdout"]["n_trades"]


def test_the_ledger_knows_the_trials_and_the_opening(finished: Any) -> None:
    ledger = finished.settings.ledger
    assert ledger.count_trials(["AAA"]) == 4
    (opening,) = ledger.holdout_openings(["AAA"])
    assert opening["experiment"] == finished.experiment.hash
    assert finished.result["winner"]["name"] in opening["reason"]


def test_a_second_run_is_read(finished: Any, folder_state: Callable[[Path], dict[str, str]]) -> None:
    before = folder_state(finished.settings.home)
    steps: list[Any] = []
    again = run_experiment(finished.experiment, finished.settings, progress=lambda *step: steps.append(step))
    assert again == finished.result | {"reused": True}
    assert steps == []
    assert folder_state(finished.settings.home) == before


def test_another_home_gives_the_same_result(finished: Any, make_home: MakeHome) -> None:
    again = run_experiment(finished.experiment, make_home())
    assert comparable(again) == comparable(finished.result)
    assert again["reused"] is False
    first, second = (load_artifact(Path(result["artifact"])) for result in (finished.result, again))
    assert (first.folder / "model" / "model.txt").read_bytes() == (second.folder / "model" / "model.txt").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize(("stage", "after"), [("trades", 1), ("search", 8), ("judge", 0), ("track", 0)])
def test_a_killed_run_goes_on_as_if_nothing_had_been(
    finished: Any, make_home: MakeHome, tmp_path: Path, stage: str, after: int
) -> None:
    """Killed while it simulates, searches, has just opened the hold-out, or is in the middle of writing to MLflow."""
    settings = make_home()
    (tmp_path / "experiment.yaml").write_text(finished.experiment.to_yaml())
    killed = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED), str(tmp_path / "experiment.yaml"), stage, str(after)],
        env=os.environ | {"TRADESIEVE_HOME": str(settings.home), "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    scores = {path: path.stat().st_mtime_ns for path in settings.home.rglob("scores/**/*.npz")}
    assert len(scores) == {"trades": 0, "search": 2, "judge": 4, "track": 4}[stage]
    openings = len(settings.ledger.holdout_openings(["AAA"]))
    assert openings == (1 if stage == "track" else 0)

    steps: list[tuple[str, int, int, str]] = []
    result = run_experiment(finished.experiment, settings, progress=lambda *step: steps.append(step))
    assert comparable(result) == comparable(finished.result)
    fits = [done for name, done, _, _ in steps if name == "search"]
    assert fits == list(range(3 * len(scores) + 1, 13)), "finished candidates are not fitted again"
    assert {path: path.stat().st_mtime_ns for path in scores} == scores
    assert settings.ledger.count_trials(["AAA"]) == 4
    assert len(settings.ledger.holdout_openings(["AAA"])) == 1, "one look at one winner is one opening"
    assert finished_runs(settings.tracking, finished.experiment.hash) == [result["run_id"]]
    left = [path for path in settings.home.rglob(".*") if path.is_file() and not path.name.endswith(".lock")]
    assert [path for path in left if "mlflow" not in path.parts] == []


def test_a_failed_tracking_is_no_second_opening(
    small_experiment: Experiment, make_home: MakeHome, finished: Any
) -> None:
    settings = make_home()
    elsewhere = replace(settings, tracking_uri="http://127.0.0.1:9")
    with pytest.raises(Exception, match=r"127\.0\.0\.1"):
        run_experiment(small_experiment, elsewhere)
    result = run_experiment(small_experiment, settings)
    assert comparable(result) == comparable(finished.result)


def test_a_damaged_result_or_score_is_made_again(finished: Any, make_home: MakeHome) -> None:
    settings = make_home()
    run_experiment(finished.experiment, settings)
    (kept,) = settings.home.rglob("experiments/**/result.json")
    for damage in (b'{"experiment": "', b"[]"):
        kept.write_bytes(damage)
        for number, path in enumerate(sorted(settings.home.rglob("scores/**/*.npz"))):
            path.write_bytes((b"", path.read_bytes()[:300], b"hello", path.read_bytes())[number])
        again = run_experiment(finished.experiment, settings)
        assert comparable(again) == comparable(finished.result)
        assert json.loads(kept.read_text()) == again


def test_a_sealed_run_leaves_the_holdout_closed(
    small_experiment: Experiment, make_home: MakeHome, finished: Any
) -> None:
    settings = make_home()
    sealed = run_experiment(small_experiment, settings, seal=True)
    assert sealed["gate"] is None
    assert sealed["holdout_opening"] is None
    for group in ("baseline", "filtered", "random", "by_instance"):
        assert sealed[group]["holdout"] is None
        assert sealed[group]["development"] == finished.result[group]["development"]
    assert settings.ledger.holdout_openings(["AAA"]) == []
    assert settings.ledger.count_trials(["AAA"]) == 4
    assert champion(settings.tracking) is None
    assert run_experiment(small_experiment, settings, seal=True)["reused"] is True

    steps: list[Any] = []
    opened = run_experiment(small_experiment, settings, progress=lambda *step: steps.append(step))
    assert [step for step in steps if step[0] == "search"] == [], "the search is not done again"
    assert comparable(opened) == comparable(finished.result)
    assert settings.ledger.count_trials(["AAA"]) == 4


def test_a_sealed_run_does_not_depend_on_the_holdout(
    small_experiment: Experiment, make_home: MakeHome, small_bars: Bars
) -> None:
    """Other prices after the border change nothing that a sealed run says."""
    results = []
    factors = np.ones(len(small_bars))
    factors[-len(small_bars) // 6 :] = 3.0  # well within the last fifth
    changed = replace(
        small_bars, **{name: getattr(small_bars, name) * factors for name in ("open", "high", "low", "close")}
    )
    for bars in (small_bars, changed):
        result = comparable(run_experiment(small_experiment, make_home(bars=bars), seal=True))
        result["data"].pop("n_bars")
        results.append(result)
    assert results[0] == results[1]


def test_the_ledger_counts_over_experiments(finished: Any, make_home: MakeHome, small_bars: Bars) -> None:
    """Trials on the same symbol add up, and every further winner on the same hold-out is a further opening."""
    settings = make_home()
    settings.bars.append(replace(small_bars, symbol="BBB"))
    first = run_experiment(finished.experiment, settings)
    assert (first["n_trials"], first["holdout_opening"]) == (4, 1)
    other = replace(finished.experiment, plan=replace(finished.experiment.plan, seed=8))
    second = run_experiment(other, settings)
    assert (second["n_trials"], second["holdout_opening"]) == (8, 2)
    elsewhere = run_experiment(replace(finished.experiment, symbols=("BBB",)), settings)
    assert (elsewhere["n_trials"], elsewhere["holdout_opening"]) == (4, 1)
    assert load_artifact(Path(second["artifact"])).manifest["n_trials"] == 8


def test_a_run_reads_each_trades_table_once(
    finished: Any, make_home: MakeHome, small_bars: Bars, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With warm caches, for dataset, certificates and golden vectors together."""
    settings = make_home()
    settings.bars.append(replace(small_bars[:5000], symbol="BBB"))
    both = replace(finished.experiment, symbols=("AAA", "BBB"), timeframes=("15m", "1h"))
    for chunk in load_chunks(both, settings):
        generate_trades(chunk, settings)
    n_reads: Counter[str] = Counter()
    read = TableCache.read

    def counting(cache: TableCache, name: str, columns: Iterable[str]) -> Any:
        n_reads[name] += 1
        return read(cache, name, columns)

    monkeypatch.setattr(TableCache, "read", counting)
    monkeypatch.setattr(trade_batches, "simulate", None)
    result = run_experiment(both, settings, seal=True)
    assert result["artifact"] is not None
    assert verify(load_artifact(Path(result["artifact"]))) == 6
    assert len(n_reads) == 4
    assert set(n_reads.values()) == {1}


def test_longer_bars_are_another_state(finished: Any, make_home: MakeHome, small_bars: Bars) -> None:
    settings = make_home(bars=small_bars[:-500])
    short = run_experiment(finished.experiment, settings)
    settings.bars.append(small_bars)
    whole = run_experiment(finished.experiment, settings)
    assert short["reused"] is whole["reused"] is False
    assert whole["data"]["n_bars"] == short["data"]["n_bars"] + 500
    assert whole["holdout_opening"] == 2, "another border is another opening"


def test_without_a_winner_the_gate_says_so(finished: Any, make_home: MakeHome) -> None:
    """No trial keeps so many trades."""
    settings = make_home()
    result = run_experiment(
        replace(finished.experiment, plan=replace(finished.experiment.plan, minimum_trades=10**6)), settings
    )
    assert result["winner"] is None
    assert result["artifact"] is None
    assert result["gate"]["open"] is False
    assert result["gate"]["conditions"][0]["name"] == "winner"
    assert all(trial["error"] for trial in result["leaderboard"])
    assert settings.ledger.count_trials(["AAA"]) == 4, "failed trials are trials"


def test_too_few_bars_are_said(finished: Any, make_home: MakeHome, small_bars: Bars) -> None:
    for n_bars in (5, 60, 150):
        with pytest.raises(BadInput) as caught:
            run_experiment(finished.experiment, make_home(bars=small_bars[:n_bars]))
        assert "\n" not in str(caught.value)
