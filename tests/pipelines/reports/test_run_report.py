"""tradesieve report, model compare and model code: what a finished run says, against others, and as code."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.pipelines.command_runs import Command, refuses
from tradesieve.market.errors import BadInput
from tradesieve.market.timeframes import DAY
from tradesieve.models.artifact.artifact import Artifact
from tradesieve.models.fitness.measures import measure
from tradesieve.pipelines.reports.run_report import report_html
from tradesieve.pipelines.runs.comparison import compare_runs
from tradesieve.pipelines.runs.finished_runs import FinishedRun, find_run
from tradesieve.pipelines.runs.model_code import write_model_code
from tradesieve.pipelines.settings import Settings
from tradesieve.pipelines.steps.filter_effects import count_mistakes, judge_effects, worst_mistakes
from tradesieve.pipelines.steps.run_records import PartRecord, write_record

SECTIONS = (
    "Asked", "Found, on the hold-out", "Is it luck?", "Which strategies are worth it",
    "Where the filter helps and where it hurts", "What the filter cost when it was wrong", "Which factors matter",
    "In which markets each strategy earns", "What to try next",
)  # fmt: skip

OUTSIDE = """
return [...document.querySelectorAll(".js-plotly-plot text")].filter((text) => {
  const [own, panel] = [text, text.closest("figure")].map((one) => one.getBoundingClientRect());
  return own.width && (own.left < panel.left || own.right > panel.right);
}).map((text) => text.textContent)
"""
"""Texts of figures that reach beyond their panel."""
FAINT = """
const channel = (part) => (part <= 10 ? part / 3294 : ((part / 255 + 0.055) / 1.055) ** 2.4);
const luminance = (colour) => {
  const [red, green, blue] = colour.match(/[\\d.]+/g).map(Number).map(channel);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};
const panel = luminance(getComputedStyle(document.querySelector("section")).backgroundColor);
const contrast = (one) => {
  const style = getComputedStyle(one);
  const own = luminance(one.closest("svg") ? style.fill : style.color);
  return (Math.max(own, panel) + 0.05) / (Math.min(own, panel) + 0.05);
};
return [...document.querySelectorAll("p, li, small, figcaption, dt, dd, th, td, .js-plotly-plot text")]
  .filter((one) => one.textContent.trim() && contrast(one) < 4.5).map((one) => one.textContent.trim())
"""
"""Texts whose contrast with the panel is below that of WCAG 2.1 AA."""


@pytest.fixture(scope="module")
def settings(finished: Any, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A copy of the home in which the small experiment ran, whose run folder may be written to."""
    home = tmp_path_factory.mktemp("reported") / "home"
    shutil.copytree(finished.settings.home, home, ignore=shutil.ignore_patterns("mlflow"))
    return replace(finished.settings, home=home)


@pytest.fixture(scope="module")
def found(settings: Settings) -> FinishedRun:
    return find_run(settings, "last")


def test_the_record_of_a_run_measures_as_the_run_did(finished: Any, found: FinishedRun) -> None:
    assert found.experiment == finished.experiment
    for part, record in found.parts.items():
        for group, sizes in (("baseline", np.ones(len(record.dataset))), ("filtered", record.sizes)):
            assert measure(record.dataset, sizes).as_dict() == finished.result[group][part], (group, part)
        assert set(record.conditions["hours"]) <= {0, 1, 2, 3}
        assert np.isfinite(record.scores).all()


def test_a_run_is_found_by_hash_by_mlflow_and_as_the_last(
    settings: Settings, found: FinishedRun, tmp_path: Path
) -> None:
    for name in (found.result["experiment"], found.result["run_id"], found.result["run_id"][:6]):
        assert find_run(settings, name).path == found.path
    with pytest.raises(BadInput, match="unknown run 'lst': did you mean 'last'"):
        find_run(settings, "lst")
    with pytest.raises(BadInput, match="no run is stored yet"):
        find_run(replace(settings, home=tmp_path), "last")


def test_gain_is_kept_less_all_and_mistakes_add_up(found: FinishedRun) -> None:
    record = found.parts["holdout"]
    for row in judge_effects(record, seed=1)["rows"]:
        if row["gain"] is not None:
            assert row["gain"] == pytest.approx(row["kept_expectancy"] - row["expectancy"], abs=1e-12)
    mistakes = count_mistakes(record)
    assert sum(cell["trades"] for cell in mistakes.values()) == len(record.dataset)
    assert mistakes["losers_refused"]["effect"] <= 0 <= mistakes["winners_refused"]["effect"]
    worst = worst_mistakes(record)
    assert [row["cost"] for row in worst] == sorted((row["cost"] for row in worst), reverse=True)
    assert all((row["net_return"] > 0) == (row["mistake"] == "refused a winner") for row in worst)


@pytest.fixture(scope="module")
def page(found: FinishedRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report as the command writes it."""
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(report_html(found.result, found.parts, found.evidence), encoding="utf-8")
    return path


def test_the_page_answers_what_a_trader_asks(
    page: Path, found: FinishedRun, embedded: Callable[[str, str], Any], named_sources: Callable[[str], list[str]]
) -> None:
    text = page.read_text(encoding="utf-8")
    for section in SECTIONS:
        assert section in text, section
    assert named_sources(text) == ["data:,"]
    assert found.result["gate"]["conditions"][0]["reason"].split("&")[0][:30] in text
    verdicts = {row["name"]: row["verdict"] for row in found.result["verdicts"]["holdout"]["rows"]}
    table = embedded(text, "strategies")
    assert {row[0]: row[1] for row in table["rows"]} == verdicts
    factors = embedded(text, "factors")
    stored = json.loads((found.folder / "evidence.json").read_text())["importance"]
    assert [row[0] for row in factors["rows"]] == [row["name"] for row in stored["features"]]
    assert len(stored["features"]) > 3


@pytest.mark.slow
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_a_browser_shows_it_at_desktop_and_phone_width(
    page: Path, open_page: Callable[[Path], Any], requested: Callable[[Any], set[str]], width: int, scheme: str
) -> None:
    opened = open_page(page)
    sizes = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", sizes)
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    try:
        opened.get(page.as_uri())
        assert opened.execute_script("return document.documentElement.scrollWidth") <= width
        assert opened.execute_script("return document.querySelectorAll('.main-svg').length") >= 4
        assert opened.execute_script(OUTSIDE) == [], "nothing of a figure is cut"
        first = opened.execute_script("return document.querySelector('#strategies-table th').offsetWidth")
        assert first < 0.4 * width, "the name of a row leaves room for its numbers"
        for own in (scheme, "dark" if scheme == "light" else "light"):
            media = {"features": [{"name": "prefers-color-scheme", "value": own}]}
            opened.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
            colour = opened.execute_script("return getComputedStyle(document.body).backgroundColor")
            assert (sum(map(int, colour[4:-1].split(","))) > 384) == (own == "light")
            assert opened.execute_script(FAINT) == [], own
        assert opened.get_log("browser") == []
        assert requested(opened) <= {"file", "data", "blob"}
    finally:
        opened.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_the_command_writes_the_page_into_the_folder_of_the_run(
    run: Command, settings: Settings, found: FinishedRun, page: Path, tmp_path: Path
) -> None:
    """What the search found is read from the run's folder; a run of an earlier version lacks it, and says so."""
    done = run("report", found.result["experiment"][:5], "--json", home=settings.home).json()
    assert Path(done["report"]).parent == found.folder
    assert done["notes"] == []
    assert "Which factors matter" in Path(done["report"]).read_text(encoding="utf-8")
    evidence = (found.folder / "evidence.json").rename(tmp_path / "evidence.json")
    without = run("report", "last", "--output", tmp_path / "page.html", "--json", home=settings.home).json()
    evidence.rename(found.folder / "evidence.json")
    assert "Factors, scores and trials are not shown" in without["notes"][0]
    text = Path(without["report"]).read_text(encoding="utf-8")
    assert without["notes"][0][:40] in text
    assert "Which factors matter" not in text
    refuses(run("report", "--output", tmp_path / "page.pdf", home=settings.home), "ending in .html")
    refuses(run("report", "nothing", home=settings.home), "unknown run 'nothing'")


# -- comparison --------------------------------------------------------------------------------------------------------


def altered(
    found: FinishedRun, folder: Path, *, name: str, sizes: np.ndarray | None = None, days: int = 0
) -> FinishedRun:
    """Copy a run with other sizes on the hold-out, or with a hold-out that lies days later."""
    part = found.parts["holdout"]
    dataset = part.dataset
    if days:
        start, end = (time + days * DAY for time in dataset.period)
        dataset = replace(dataset, decision_time=dataset.decision_time + days * DAY,
                          exit_time=dataset.exit_time + days * DAY, period=(start, end))  # fmt: skip
    own = PartRecord(dataset, part.sizes if sizes is None else sizes, part.scores, part.conditions)
    folder.mkdir()
    write_record(folder / "record.npz", {"development": found.parts["development"], "holdout": own})
    return FinishedRun(folder / "result.json", found.result | {"experiment": name})


def test_runs_are_compared_on_the_same_days(found: FinishedRun, tmp_path: Path) -> None:
    dataset = found.parts["holdout"].dataset
    best = altered(found, tmp_path / "best", name="best", sizes=(dataset.net_return > 0) * 1.0)
    same = altered(found, tmp_path / "same", name="same")
    compared = compare_runs([found, best, same])
    better, equal = compared["differences"]
    assert better["verdict"] == f"earns more than {found.name}, by more than luck"
    assert better["low"] > 0
    assert equal["verdict"].startswith("cannot be told: its days are those of")
    means = [row["daily_return"] for row in compared["runs"]]
    assert better["difference"] == pytest.approx(means[1] - means[0])
    worse = compare_runs([best, found])["differences"][0]
    assert worse["verdict"] == "earns less than best, by more than luck"
    random = np.random.default_rng(0).permutation(found.parts["holdout"].sizes)
    luck = compare_runs([found, altered(found, tmp_path / "luck", name="luck", sizes=random)])["differences"][0]
    assert luck["low"] < luck["difference"] < luck["high"]


def test_runs_without_shared_days_are_refused_by_name(
    run: Command, settings: Settings, found: FinishedRun, tmp_path: Path
) -> None:
    later = altered(found, tmp_path / "later", name="later", days=400)
    with pytest.raises(BadInput, match=r"share 0 days of trading, but need 10: .*; later from 2024-05-\d\d to"):
        compare_runs([found, later])
    with pytest.raises(BadInput, match="given twice"):
        compare_runs([found, found])
    sealed = FinishedRun(found.folder / "sealed.json", found.result | {"gate": None})
    write_record(found.folder / "sealed-record.npz", {"development": found.parts["development"]})
    with pytest.raises(BadInput, match=r"the hold-out of \w+ \(sealed\) is sealed"):
        compare_runs([found, sealed])
    refuses(run("model", "compare", "last", home=settings.home), "at least two runs")


# -- code --------------------------------------------------------------------------------------------------------------


def test_the_code_of_a_winner_scores_as_its_artifact_does(
    run: Command, settings: Settings, found: FinishedRun, trained: Artifact, tmp_path: Path
) -> None:
    """In a process of its own that cannot import this project; on rows that it was not trained on too."""
    path = tmp_path / "winner.py"
    given = ("model", "code", "last", "--output", path)
    written = run(*given, "--json", home=settings.home).json()
    table = pd.read_csv(written["table"])
    other = pd.DataFrame({name: np.random.default_rng(1).permutation(table[name])[:50] for name in written["columns"]})
    both = pd.concat([table[written["columns"]], other], ignore_index=True)
    both.to_csv(tmp_path / "both.csv", index=False)
    text = path.read_text(encoding="utf-8")
    imported = {line.split()[1].split(".")[0] for line in text.splitlines() if line.startswith(("import ", "from "))}
    assert imported == {"lightgbm", "numpy", "pandas", "pathlib", "sys"}
    names = [feature.name for feature in trained.features]
    command = [sys.executable, "-I", path.name, "both.csv"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=300)
    scores = pd.read_csv(tmp_path / "winner_scores.csv")["score"].to_numpy()
    X = np.full((len(both), len(names)), np.nan)
    for name in written["columns"]:
        X[:, names.index(name)] = both[name]
    np.testing.assert_allclose(scores, trained.model.predict(X), rtol=1e-9, atol=1e-12)
    assert len(table) == written["n_rows"] > 300
    refuses(run(*given, home=settings.home), "exists already")
    refuses(run("model", "code", "last", "--output", tmp_path / "winner.txt", home=settings.home), "ending in .py")


def test_the_code_of_what_has_changed_is_refused(settings: Settings, found: FinishedRun, tmp_path: Path) -> None:
    elsewhere = FinishedRun(found.folder.with_name("other") / "result.json", found.result)
    elsewhere.folder.mkdir()
    shutil.copy(found.folder / "experiment.yaml", elsewhere.folder)
    with pytest.raises(BadInput, match="bars or code have changed since run"):
        write_model_code(elsewhere, settings, tmp_path / "winner.py")
    with pytest.raises(BadInput, match="has no winner"):
        write_model_code(FinishedRun(found.path, found.result | {"winner": None}), settings, tmp_path / "winner.py")
    other = found.result["winner"] | {
        "candidate": found.result["winner"]["candidate"] | {"engine": "sklearn", "estimator": "forest"}
    }
    with pytest.raises(BadInput, match="code is written for LightGBM only; load its artifact instead"):
        write_model_code(FinishedRun(found.path, found.result | {"winner": other}), settings, tmp_path / "winner.py")
    assert list(tmp_path.iterdir()) == []
