"""Descriptions of planted features, their page, and that a real browser shows it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tradesieve.features.profiling.summary import summarise_features
from tradesieve.market.calendars.trading_days import ALWAYS
from tradesieve.market.errors import BadInput, Unknown
from tradesieve.market.timeframes import DAY
from tradesieve.models.dataset import Dataset
from tradesieve.pipelines.reports.feature_report import feature_html
from tradesieve.pipelines.steps.feature_profile import COLUMNS, Description, describe_factors

HOUR = DAY // 24
NOISE = tuple(f"noise_{number}" for number in range(20))
NAMES = ("signal", "copy", "drifting", "vanishing", "sides", "constant", *NOISE)


def planted_dataset(n: int = 8000, n_days: int = 300, seed: int = 3) -> Dataset:
    """Two strategies decide at the same closes; one feature foretells, one is its copy, one drifts, one vanishes."""
    random = np.random.default_rng(seed)
    decision = np.repeat(np.sort(random.choice(n_days * 24, n // 2, replace=False)) * HOUR, 2) + 20_000 * DAY
    at_close = {name: np.repeat(random.normal(size=n // 2), 2) for name in NAMES}
    age = (decision - decision[0]) / (n_days * DAY)
    at_close["copy"] = -np.exp(at_close["signal"])
    at_close["drifting"] += 3 * age
    at_close["vanishing"] = np.where(np.repeat(random.random(n // 2), 2) < age, np.nan, at_close["vanishing"])
    at_close["sides"] = np.sign(at_close["sides"])
    at_close["constant"] = np.ones(n)
    net_return = 0.002 * (0.2 * at_close["signal"] + random.normal(size=n))
    return Dataset(
        X=np.column_stack([at_close[name] for name in NAMES]),
        feature_names=NAMES,
        y=(net_return > 0).astype(np.float64),
        weight=np.ones(n),
        decision_time=decision,
        exit_time=decision + random.integers(1, 9, n) * HOUR,
        net_return=net_return,
        stake=np.ones(n),
        instance=np.tile([0, 1], n // 2),
        instance_names=("first()|AAA|1h", "second()|AAA|1h"),
        period=(20_000 * DAY, (20_000 + n_days) * DAY),
        calendar=ALWAYS,
    )


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return planted_dataset()


@pytest.fixture(scope="module")
def described(dataset: Dataset) -> Description:
    return describe_factors(dataset)


def row(description: Description, name: str) -> dict[str, Any]:
    return description.table.set_index("feature").loc[name].to_dict()


def test_the_table_has_every_column_that_is_explained(described: Description, dataset: Dataset) -> None:
    assert list(described.table.columns) == ["feature", *COLUMNS]
    assert described.table["feature"].tolist() == list(NAMES)
    summary = summarise_features(dataset.X, NAMES)
    assert described.table[list(summary.columns)].equals(summary)
    assert (described.periods.per, len(described.periods.names)) == ("month", 10)
    assert described.reference + described.later == described.periods.names
    assert described.stability.index.shape == (len(described.later), len(NAMES))


def test_what_drifts_is_flagged_and_nothing_else(described: Description) -> None:
    assert row(described, "drifting")["drift"] == "shifted"
    assert row(described, "vanishing")["drift"] == "shifted"
    assert row(described, "drifting")["psi"] == described.stability.index[:, 2].max()
    assert row(described, "drifting")["psi_last"] == described.stability.index[-1, 2]
    for name in ("signal", "sides", "constant", *NOISE):
        assert row(described, name)["drift"] == "stable", name


def test_luck_counts_a_close_once(described: Description, dataset: Dataset) -> None:
    """Two strategies at one close are one value of a feature."""
    later = described.periods.code >= len(described.reference)
    closes = [len(np.unique(dataset.decision_time[rows])) for rows in (~later, described.periods.code == 9)]
    expected = 16.919 * (1 / closes[0] + 1 / closes[1])
    assert described.stability.by_luck[-1, 0] == pytest.approx(expected, rel=1e-4)


def test_a_copy_lands_in_its_cluster(described: Description) -> None:
    (alike,) = described.alike
    assert (alike.cluster, alike.representative, alike.others) == (1, "signal", ("copy",))
    assert alike.weakest == pytest.approx(1.0)
    assert row(described, "copy")["representative"] == "signal"
    assert row(described, "sides")["representative"] == "sides"


def test_what_foretells_is_found_and_noise_is_not(described: Description) -> None:
    assert described.n_judged == len(NAMES) - 1, "a constant cannot be judged"
    assert described.n_telling == 2
    assert row(described, "signal")["ic"] > 0.1
    assert row(described, "copy")["ic"] == pytest.approx(-row(described, "signal")["ic"], abs=1e-12)
    for name in NOISE:
        assert row(described, name)["ic_p_adjusted"] > 0.05, name
    assert np.isnan(row(described, "constant")["ic"])


def test_the_label_can_be_asked_for(dataset: Dataset, described: Description) -> None:
    against = describe_factors(dataset, against="label")
    assert against.against == "label"
    assert row(against, "signal")["ic_p_adjusted"] < 0.001
    assert row(against, "signal")["ic"] != row(described, "signal")["ic"]
    flipped = describe_factors(replace(dataset, y=1 - dataset.y), against="label")
    assert row(flipped, "signal")["ic"] == pytest.approx(-row(against, "signal")["ic"])


def test_too_few_trades_are_refused(dataset: Dataset) -> None:
    with pytest.raises(BadInput, match="29 trades before the hold-out are too few to describe features with"):
        describe_factors(dataset.take(np.arange(29)))
    with pytest.raises(BadInput, match="threshold is 2"):
        describe_factors(dataset, threshold=2)
    with pytest.raises(Unknown, match="unknown result 'return': did you mean 'net_return'"):
        describe_factors(dataset, against="return")


@pytest.mark.parametrize("n", [30, 200])
def test_a_short_time_is_described_too(n: int) -> None:
    """One day, or a few trades: nothing fails, and what cannot be said is not said."""
    dataset = planted_dataset()
    short = dataset.take(np.arange(n), period=(20_000 * DAY, 20_020 * DAY))
    description = describe_factors(short)
    page = feature_html(description)
    assert page.endswith("</html>\n")
    one_day = replace(short, decision_time=np.sort(short.decision_time % DAY), exit_time=np.full(n, 2 * DAY))
    description = describe_factors(one_day)
    assert (description.n_judged, description.later, set(description.table["drift"])) == (0, (), {"unknown"})
    assert feature_html(description).endswith("</html>\n")


# -- the page ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def page(described: Description) -> str:
    return feature_html(described)


def embedded(page: str, name: str) -> Any:
    match = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', page, re.DOTALL)
    assert match is not None, name
    return json.loads(match[1])


def test_the_page_holds_what_was_found(
    page: str, described: Description, named_sources: Callable[[str], list[str]]
) -> None:
    assert named_sources(page) == ["data:,"]
    assert "the hold-out after that is sealed" in page
    held = embedded(page, "features")
    assert [line[0] for line in held["rows"]] == list(NAMES)
    place = held["columns"].index("ic")
    np.testing.assert_allclose(
        [line[place] if line[place] is not None else np.nan for line in held["rows"]], described.table["ic"], rtol=1e-5
    )
    first = embedded(page, "feature-0")
    assert first["data"][0]["name"] == "2024-10 to 2024-12"
    for trace in first["data"][:-1]:
        assert sum(trace["y"]) == pytest.approx(100, abs=0.1)
    assert first["data"][-1]["y"] == pytest.approx(described.information.by_period[:, 0], abs=1e-4)
    assert page.count('<option value="feature-') == len(NAMES)


def test_a_wide_page_stays_bounded() -> None:
    dataset = planted_dataset()
    X = np.tile(dataset.X, (1, 6))
    wide = replace(dataset, X=X, feature_names=tuple(f"feature_{number}" for number in range(X.shape[1])))
    page = feature_html(describe_factors(wide))
    assert X.shape[1] == 156
    assert "40 of 156 features" in page
    assert len(page.encode()) < 7_500_000


@pytest.mark.slow
def test_a_browser_shows_it(
    page: str, tmp_path: Path, open_page: Callable[[Path], Any], requested: Callable[[Any], set[str]]
) -> None:
    path = tmp_path / "features.html"
    path.write_text(page, encoding="utf-8")
    opened = open_page(path)
    drawn = opened.execute_script(
        "return [...document.querySelectorAll('.js-plotly-plot')]"
        ".map((place) => place.querySelectorAll('.cartesianlayer .trace path, .cartesianlayer image').length)"
    )
    assert len(drawn) == 4, "one feature, what features tell, stability, correlation"
    assert min(drawn) > 0
    told = "return [document.getElementById('feature').getAttribute('aria-label'), "
    told += "document.getElementById('feature')._fullData.map((trace) => trace.type)]"
    label, kinds = opened.execute_script(told)
    assert label in ("Distribution and IC of signal", "Distribution and IC of copy"), "the strongest is shown first"
    assert kinds[0] == "scatter"
    opened.find_element("id", "features-filter").send_keys("drift=shifted")
    names = "return [...document.querySelectorAll('#features-table tbody th')].map((cell) => cell.textContent)"
    assert sorted(opened.execute_script(names)) == ["drifting", "vanishing"]
    opened.find_element("id", "features-filter").clear()
    opened.find_element("id", "features-filter").send_keys("sides")
    opened.find_element("xpath", "//tbody//button[. = 'sides']").click()
    label, kinds = opened.execute_script(told)
    assert (label, set(kinds)) == ("Distribution and IC of sides", {"bar"})
    assert opened.get_log("browser") == []
    assert requested(opened) <= {"file", "data", "blob"}
