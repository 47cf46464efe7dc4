"""The audit: a bot's week over a real service; of one thing that is changed then, it names the cause and the time."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.pipelines.command_runs import Command
from tests.pipelines.conftest import Finished, settings_in
from tradesieve.features.factor import FACTORS
from tradesieve.market.bars import COLUMNS, format_time
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.models.artifact.artifact import Artifact, release
from tradesieve.pipelines.runs.decision_audit import Audit, audit_decisions
from tradesieve.pipelines.runs.export_record import record_export
from tradesieve.pipelines.runs.paper_replay import PaperResult, replay
from tradesieve.pipelines.settings import Settings
from tradesieve.serving.decision_store import open_store
from tradesieve.serving.export import point_to

pytestmark = pytest.mark.slow

DAY = 86_400_000_000_000


@dataclass(frozen=True)
class Week:
    """A home in which a bot traded for a week, and what it met."""

    settings: Settings
    artifact: Artifact
    result: PaperResult

    def audit(self, settings: Settings, **options: Any) -> Audit:
        store = open_store(f"sqlite:///{settings.home / 'decisions.db'}", create=False)
        try:
            return audit_decisions(settings, store, **options)
        finally:
            store.close()


@pytest.fixture(scope="module")
def week(finished: Finished, trained: Artifact, tmp_path_factory: pytest.TempPathFactory) -> Week:
    home = tmp_path_factory.mktemp("week") / "home"
    shutil.copytree(finished.settings.home, home)
    settings = settings_in(home)
    artifact = release(trained, home / "released" / "one", run_id=finished.result["run_id"], override="a test")
    point_to(settings.champion, artifact.folder)
    record_export(settings, artifact)
    end = int(settings.bars.load("AAA", parse_timeframe("15m")).close_time[-1])
    result = replay(artifact.folder, settings, symbol="AAA", timeframe="15m", start_time=end - 7 * DAY, end_time=end)
    assert result.n_asked > 20
    return Week(settings, artifact, result)


@pytest.fixture
def copy(week: Week, tmp_path: Path) -> Settings:
    """A home of its own, to change."""
    shutil.copytree(week.settings.home, tmp_path / "home", symlinks=True)
    return settings_in(tmp_path / "home")


def test_an_untouched_week_differs_in_nothing(week: Week) -> None:
    found = week.audit(week.settings)
    assert (found.findings, dict(found.skipped)) == ([], {})
    assert found.n_decisions == found.n_replayed == week.result.n_asked
    assert found.n_trades == len(week.result.trades)
    assert dict(found.models) == {week.artifact.fingerprint: week.result.n_asked}


def alter_bar(week: Week, home: Settings) -> int:
    """Double the volume of a bar at which the bot decided; return its time."""
    bars = home.bars.load("AAA", parse_timeframe("15m"))
    decided = int(week.result.trades["decision_time"].iloc[5])
    row = int(np.searchsorted(bars.close_time, decided))
    columns = {name: getattr(bars, name).copy() for name in COLUMNS}
    columns["volume"][row] *= 2
    home.bars.append(bars.with_columns(columns), replace=True)
    return decided


def changed_nb(values, parameters):
    """Stand for the code of a factor after somebody changed it."""
    return values[-1] / values[0] - 0.5


def change_factor(week: Week, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Change the code of a factor; return the features that read it."""
    feature = next(each for each in week.artifact.features if each.factor.kind == "series")
    own = feature.factor.name
    monkeypatch.setitem(FACTORS, own, replace(feature.factor, kernel=changed_nb))
    return {each.name for each in week.artifact.features if each.factor.name == own}


def swap_artifact(week: Week, home: Settings, finished: Finished) -> str:
    """Export another model before the week, and yet the one of before answers; return its fingerprint."""
    run_id = finished.result["run_id"]
    other = release(week.artifact, home.home / "released" / "two", run_id=run_id, override="else")
    path = home.champion.with_name("exports.jsonl")
    entry = json.loads(path.read_text())
    path.write_text(json.dumps({"time": entry["time"] - DAY, "model": other.fingerprint}) + "\n")
    return other.fingerprint


def decision_times(week: Week) -> list[int]:
    return [entry["time"] for entry in entries(week.result.journal) if entry["event"] == "decision"]


def test_one_altered_bar_is_the_data(week: Week, copy: Settings) -> None:
    decided = alter_bar(week, copy)
    (found,) = week.audit(copy).findings
    assert (found.cause, found.subject, found.first_time, found.n) == ("data", "AAA 15m", decided, 1)
    assert f"closes at {format_time(decided)}: the volume of AAA 15m was " in found.first


def test_one_factors_changed_code_is_the_factor(week: Week, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = change_factor(week, monkeypatch)
    found = week.audit(week.settings).findings
    assert {one.subject for one in found} == reads
    assert {one.cause for one in found} == {"factor"}
    assert {one.first_time for one in found} == {min(decision_times(week))}


def test_a_swapped_artifact_is_the_model(week: Week, copy: Settings, finished: Finished) -> None:
    other = swap_artifact(week, copy, finished)
    (found,) = week.audit(copy).findings
    assert (found.cause, found.subject, found.n) == ("model", week.artifact.fingerprint, week.result.n_asked)
    assert f"but {other} was exported" in found.first


def test_three_causes_at_once_are_told_apart(
    week: Week, copy: Settings, finished: Finished, run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    decided = alter_bar(week, copy)
    swap_artifact(week, copy, finished)
    reads = change_factor(week, monkeypatch)
    ended = run("model", "audit", "--json", home=copy.home)
    assert ended.code == 2
    first = min(decision_times(week))
    assert decided > first
    found = {(one["cause"], one["subject"]): one["first_time_ns"] for one in json.loads(ended.out)["findings"]}
    assert found == {
        ("data", "AAA 15m"): decided,
        **{("factor", name): first for name in reads},
        ("model", week.artifact.fingerprint): first,
    }


def test_a_model_that_is_gone_is_said(week: Week, copy: Settings) -> None:
    shutil.rmtree(copy.home / "released")
    found = week.audit(copy)
    assert found.n_replayed == 0
    assert dict(found.skipped) == {
        f"model {week.artifact.fingerprint} is not among the released ones": week.result.n_asked
    }


def test_another_exit_is_the_fill(week: Week, copy: Settings, run: Command) -> None:
    journal = copy.home / "journal" / week.result.journal.name
    lines = journal.read_text().splitlines()
    place = next(i for i, line in enumerate(lines) if '"event": "closed"' in line)
    trade = json.loads(lines[place])
    lines[place] = json.dumps({**trade, "exit_price": trade["exit_price"] * 1.001})
    journal.write_text("\n".join(lines) + "\n")
    ended = run("model", "audit", "--json", home=copy.home)
    assert ended.code == 2
    said = json.loads(ended.out)
    (found,) = said["findings"]
    assert (found["cause"], found["n"], found["first_time_ns"]) == ("fill", 1, trade["entry_time"])
    assert "exit_price was" in found["first"]
    shown = run("model", "audit", home=copy.home)
    assert "live and research differ: fill" in shown.err
    assert "trades of AAA 15m" in shown.out


def test_a_part_of_the_time_is_audited(week: Week, run: Command) -> None:
    times = decision_times(week)
    found = week.audit(week.settings, since=times[10], until=times[19])
    assert found.n_decisions == sum(times[10] <= time <= times[19] for time in times)
    assert run("model", "audit", "--since", "2100-01-01", home=week.settings.home).code == 2


def entries(journal: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in journal.read_text().splitlines()]


def test_the_monitor_holds_the_week_against_what_was_expected(week: Week, run: Command, tmp_path: Path) -> None:
    ended = run("model", "monitor", "--json", "--html", tmp_path / "page.html", home=week.settings.home)
    said = json.loads(ended.out)
    assert ended.code == (2 if said["alarms"] else 0), ended.err
    trades = week.result.trades
    taken = trades[trades["size"] > 0]
    assert (said["model"], said["n_decisions"]) == (week.artifact.fingerprint, week.result.n_asked)
    assert said["n_outcomes"] == len(trades)
    measures = {each["measure"]: each for each in said["measures"]}
    assert measures["win rate"]["live"] == pytest.approx(float((taken["net_return"] > 0).mean()))
    assert measures["mean net return"]["live"] == pytest.approx(float(taken["net_return"].mean()))
    assert sum(each["n_live"] for each in said["calibration"]) == len(trades)
    assert sum(each["n_expected"] for each in said["calibration"]) == said["n_expected"]
    assert {each["factor"] for each in said["drift"]} == {each.name for each in week.artifact.features}
    assert week.artifact.fingerprint in (tmp_path / "page.html").read_text()


def test_losses_and_factors_that_moved_are_alarms(week: Week, copy: Settings, run: Command) -> None:
    """The outcomes are reported again, each as a loss; the week's factors are those of another market."""
    store = open_store(f"sqlite:///{copy.home / 'decisions.db'}", create=False)
    store.write_outcomes([{**each, "net_return": -0.05, "size": 1.0} for each in store.outcomes()])
    with store.engine.begin() as connection:
        for row in list(store.decisions()):
            moved = (row["features"] + 100.0).tobytes()
            connection.exec_driver_sql("UPDATE decisions SET features = ? WHERE id = ?", (moved, row["id"]))
    store.close()
    ended = run("model", "monitor", home=copy.home)
    assert ended.code == 2
    assert "win rate is 0 live" in ended.err
    assert "mean net return is -0.05 live" in ended.err
    assert "factors have shifted" in ended.err
