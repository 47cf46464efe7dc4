"""The feature report holds what was found, stays small, and a real browser shows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.pipelines.planted_features import NAMES, planted_dataset
from tradesieve.market.timeframes import DAY
from tradesieve.pipelines.reports.feature_report import feature_html
from tradesieve.pipelines.steps.feature_profile import FeatureProfile, profile_features


@pytest.fixture(scope="module")
def described() -> FeatureProfile:
    return profile_features(planted_dataset())


@pytest.fixture(scope="module")
def page(described: FeatureProfile) -> str:
    return feature_html(described)


def test_the_page_holds_what_was_found(
    page: str,
    described: FeatureProfile,
    named_sources: Callable[[str], list[str]],
    embedded: Callable[[str, str], Any],
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
    page = feature_html(profile_features(wide))
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


@pytest.mark.parametrize("n", [30, 200])
def test_a_short_time_is_described_too(n: int) -> None:
    """One day, or a few trades: nothing fails, and what cannot be said is not said."""
    dataset = planted_dataset()
    short = dataset.take(np.arange(n), period=(20_000 * DAY, 20_020 * DAY))
    description = profile_features(short)
    page = feature_html(description)
    assert page.endswith("</html>\n")
    one_day = replace(short, decision_time=np.sort(short.decision_time % DAY), exit_time=np.full(n, 2 * DAY))
    description = profile_features(one_day)
    assert (description.n_judged, description.later, set(description.table["drift"])) == (0, (), {"unknown"})
    assert feature_html(description).endswith("</html>\n")
