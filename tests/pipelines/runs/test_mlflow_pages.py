"""MLflow's own pages in a real browser: an experiment, its runs by fitness, two of them compared, a report opened."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests.conftest import Server, free_port
from tradesieve.models.tracking.connection import connect, runs_page
from tradesieve.pipelines.runs.experiment_run import run_experiment
from tradesieve.pipelines.settings import Settings
from tradesieve.pipelines.stack.configuration import Stack, environment_of, mlflow_command
from tradesieve.pipelines.stack.ports import Ports

pytestmark = pytest.mark.slow
PATIENCE = 180.0
ROWS = """
return [...document.querySelectorAll(".ag-row a")]
  .filter((link) => link.href.includes("/runs/"))
  .map((link) => [Number(link.closest(".ag-row").getAttribute("row-index")), link.href.split("/").pop()])
"""
TICK = "document.querySelector(`.ag-row[row-index='${arguments[0]}'] input.ag-checkbox-input`).click()"
"""The real checkbox is invisible below its picture, so a click of the mouse misses it."""


@dataclass(frozen=True)
class Tracked:
    """Two experiments in one store, and the MLflow server of `tradesieve up` on it."""

    settings: Settings
    url: str
    results: list[dict[str, Any]]


@pytest.fixture(scope="module")
def tracked(
    finished: Any, make_home: Callable[..., Settings], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Tracked]:
    """The small experiment, resumed from its checkpoints, and one with a single candidate."""
    settings, port = make_home(), free_port()
    stack = Stack(settings.home, Ports(mlflow=port), None, tmp_path_factory.mktemp("project"))
    server = Server(
        mlflow_command(stack), port=port, log=settings.home / "mlflow.log",
        environment=environment_of(stack, stack_id="pages"), folder=settings.home,
    )  # fmt: skip
    try:
        for folder in ("experiments", "trades", "factors"):
            shutil.copytree(finished.settings.home / folder, settings.home / folder, dirs_exist_ok=True)
        (stored,) = settings.home.glob("experiments/*/*/result.json")
        stored.unlink()
        single = replace(finished.experiment, plan=replace(finished.experiment.plan, engines={"lightgbm": 1}))
        results = [run_experiment(each, settings) for each in (finished.experiment, single)]
        server.wait_ready(PATIENCE, path="health")
        yield Tracked(settings, server.url, results)
    finally:
        server.stop()


@pytest.fixture
def until(browser: Any) -> Callable[[Callable[[Any], Any]], Any]:
    """A function that waits until a condition holds, and says what the page shows if it never does."""
    from selenium.common.exceptions import StaleElementReferenceException, TimeoutException
    from selenium.webdriver.support.ui import WebDriverWait

    wait = WebDriverWait(browser, PATIENCE, 0.2, ignored_exceptions=(StaleElementReferenceException,))

    def waited(condition: Callable[[Any], Any]) -> Any:
        try:
            return wait.until(condition)
        except TimeoutException:
            pytest.fail(f"{browser.current_url} shows:\n{text_of(browser)[:2000]}")

    return waited


def text_of(browser: Any) -> str:
    return browser.execute_script("return document.body.innerText")


def shown(path: str) -> Callable[[Any], Any]:
    """A condition: the first element of an XPath that can be seen."""
    return lambda browser: next((one for one in browser.find_elements("xpath", path) if one.is_displayed()), False)


def runs_in_order(browser: Any) -> list[str]:
    """The ids of the runs in the order of the list."""
    return [run_id for _, run_id in sorted(map(tuple, browser.execute_script(ROWS)))]


def test_runs_are_sorted_by_fitness_and_two_compared(
    tracked: Tracked, browser: Any, until: Callable[[Callable[[Any], Any]], Any]
) -> None:
    first = tracked.results[0]
    experiment = first["mlflow_experiment"]
    browser.get(runs_page(tracked.url, experiment))
    until(lambda page: {one["run_id"] for one in tracked.results} <= set(runs_in_order(page)))
    assert "Evaluation runs" not in text_of(browser), "it opens in the mode for models, not for language models"

    until(shown("//button[contains(., 'Sort: Created')]")).click()
    until(shown("//*[starts-with(@role, 'menuitem')][normalize-space(.)='fitness']")).click()
    found = connect(tracked.settings.tracking).search_runs([experiment])
    fitness = {run.info.run_id: run.data.metrics["fitness"] for run in found}
    assert len(set(fitness.values())) > 2
    ranked = sorted(fitness.values(), reverse=True)
    until(lambda page: [fitness[run_id] for run_id in runs_in_order(page)] == ranked)

    order = runs_in_order(browser)
    for result in tracked.results:
        browser.execute_script(TICK, order.index(result["run_id"]))
    until(shown("//*[self::button or self::a][normalize-space(.)='Compare']")).click()
    until(lambda page: "Comparing 2 Runs from 1 Experiment" in text_of(page))
    # Which is better, and is it luck: above the fold of the table of metrics, without a click.
    told = ("fitness", "gate_failed", "gate_open", "holdout.added_sharpe_lower")
    until(lambda page: all(name in text_of(page) for name in told))
    page = text_of(browser)
    for result in tracked.results:
        assert f"{result['leaderboard'][0]['fitness']:.4g}" in page
        assert result["experiment"] in page


def test_the_report_is_drawn_in_its_frame(
    tracked: Tracked, browser: Any, until: Callable[[Callable[[Any], Any]], Any]
) -> None:
    result = tracked.results[0]
    page = runs_page(tracked.url, result["mlflow_experiment"], result["run_id"])
    browser.get(page.replace("?", "/artifacts/report.html?"))
    browser.switch_to.frame(until(shown("//iframe")))
    until(lambda frame: len(frame.find_elements("css selector", ".js-plotly-plot .main-svg")) > 10)
    assert "Is it luck?" in text_of(browser)
    assert browser.execute_script("return document.querySelectorAll('#strategies-table tbody tr').length") == 3
    assert browser.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
    browser.switch_to.default_content()
