"""The experiment report: the capital of every trade and of the filtered trades, on both parts."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tradesieve.market.calendars.trading_days import ALWAYS
from tradesieve.market.timeframes import DAY
from tradesieve.models.dataset import Dataset
from tradesieve.pipelines.reports.experiment_report import experiment_html


def dataset_of(net_return: list[float], *, first_day: int) -> Dataset:
    """Make one trade a day of one instance."""
    n = len(net_return)
    day = (first_day + np.arange(n)) * DAY
    return Dataset(
        X=np.zeros((n, 1)),
        feature_names=("nothing",),
        y=np.zeros(n),
        weight=np.ones(n),
        decision_time=day + 1,
        exit_time=day + 2,
        net_return=np.array(net_return),
        stake=np.ones(n),
        instance=np.zeros(n, dtype=np.int64),
        instance_names=("first()|AAA|1h",),
        period=(int(day[0]), int(day[-1]) + 3),
        calendar=ALWAYS,
    )


@pytest.fixture
def searched() -> Any:
    winner = SimpleNamespace(
        candidate=SimpleNamespace(name="gbdt <net_return>"), application="threshold", sizes=np.array([0.0, 1.0])
    )
    return SimpleNamespace(judged=dataset_of([-0.1, 0.2], first_day=10), winner=winner, trials=[winner] * 12)


@pytest.fixture
def judged() -> Any:
    return SimpleNamespace(dataset=dataset_of([0.1, -0.5, 0.1], first_day=12), sizes=np.array([1.0, 0.0, 0.5]))


def capital_of(trace: Any) -> list[float]:
    """Read an array as plotly writes it."""
    return np.frombuffer(base64.b64decode(trace["y"]["bdata"]), dtype=trace["y"]["dtype"]).tolist()


def test_both_parts_start_at_one(searched: Any, judged: Any, embedded: Callable[[str, str], Any]) -> None:
    page = experiment_html(searched, judged)
    assert "<h1>gbdt &lt;net_return&gt;, threshold</h1>" in page
    assert "The hold-out is shaded" in page
    assert "filtered is the best of 12 trials, which flatters it." in page
    figure = embedded(page, "capital")
    assert [trace["name"] for trace in figure["data"]] == ["every trade", "filtered"] * 2
    assert [capital_of(trace) for trace in figure["data"]] == [
        pytest.approx([0.9, 1.08]), pytest.approx([1.0, 1.2]),
        pytest.approx([1.1, 0.55, 0.605]), pytest.approx([1.1, 1.1, 1.155]),
    ]  # fmt: skip
    assert figure["data"][2]["x"] == ["1970-01-13", "1970-01-14", "1970-01-15"]
    assert [trace["showlegend"] for trace in figure["data"]] == [True, True, False, False]
    assert figure["layout"]["yaxis"]["type"] == "log"


def test_a_sealed_hold_out_is_not_drawn(searched: Any, embedded: Callable[[str, str], Any]) -> None:
    page = experiment_html(searched, None)
    assert "The hold-out is sealed" in page
    assert len(embedded(page, "capital")["data"]) == 2


def test_without_a_winner_nothing_is_traded(searched: Any, embedded: Callable[[str, str], Any]) -> None:
    searched.winner = None
    page = experiment_html(searched, None)
    assert "<h1>No winner</h1>" in page
    assert capital_of(embedded(page, "capital")["data"][1]) == [1.0, 1.0]


@pytest.mark.slow
def test_a_browser_draws_the_capital(
    searched: Any,
    judged: Any,
    tmp_path: Path,
    open_page: Callable[[Path], Any],
    requested: Callable[[Any], set[str]],
) -> None:
    path = tmp_path / "equity.html"
    path.write_text(experiment_html(searched, judged), encoding="utf-8")
    opened = open_page(path)
    assert opened.execute_script("return document.querySelectorAll('.scatterlayer .js-line').length") == 4
    assert opened.get_log("browser") == []
    assert requested(opened) <= {"file", "data", "blob"}
