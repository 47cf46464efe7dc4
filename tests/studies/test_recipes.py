"""The recipes of elsewhere do what their documents say, faults included, and a run can be repeated."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from tests.studies import recipes
from tests.studies.recipe_study import ROOT, TABLE, summary
from tests.studies.recipes import Judged, Made, operating_point, shuffled_folds, sliding_window, threshold_sweep
from tradesieve.market.calendars.trading_days import ALWAYS
from tradesieve.market.timeframes import DAY
from tradesieve.models.dataset import Dataset

HOUR = DAY // 24
START = 20_000 * DAY


def _trades(X: np.ndarray, net_return: np.ndarray, *, hours_apart: int = 6) -> Dataset:
    """Make trades of an hour each, in turn of two symbols."""
    n = len(X)
    decision_time = START + hours_apart * HOUR * np.arange(n)
    return Dataset(
        X=np.ascontiguousarray(X),
        feature_names=tuple(f"feature_{column}" for column in range(X.shape[1])),
        y=(net_return > 0).astype(float),
        weight=np.ones(n),
        decision_time=decision_time,
        exit_time=decision_time + HOUR,
        net_return=net_return,
        stake=np.ones(n),
        instance=np.arange(n) % 2,
        instance_names=("rule|AAA|1h", "rule|BBB|1h"),
        period=(START, int(decision_time[-1]) + DAY),
        calendar=ALWAYS,
    )


def _noise(seed: int, n: int = 800) -> Dataset:
    generator = np.random.default_rng(seed)
    return _trades(generator.normal(size=(n, 3)), 0.01 * generator.normal(size=n))


def _telling(seed: int, n: int = 800) -> Dataset:
    """Make trades whose first feature tells, mostly, whether they win."""
    generator = np.random.default_rng(seed)
    X = generator.normal(size=(n, 3))
    return _trades(X, 0.01 * (X[:, 0] + 0.5 * generator.normal(size=n)))


def _same_in_all(made: Made, other: Made, later: Dataset) -> bool:
    pairs = ((made.believed, other.believed), (made.apply(later, None), other.apply(later, None)))
    return all(np.array_equal(one.sizes, two.sizes) for one, two in pairs)


@pytest.fixture
def simple_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the sweep learn by a model that is fitted in no time; what it learns from and tests on is its own."""
    monkeypatch.setattr(recipes, "_calibrated_boosting", lambda seed: LogisticRegression())


@pytest.mark.parametrize("make", [shuffled_folds, sliding_window, threshold_sweep])
def test_a_recipe_repeats_itself_and_finds_what_is_plain(
    make: Callable[[Dataset, int], Made], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipes, "N_TREES", 30)
    trades, later = _telling(0, 500), _telling(1, 300)
    made = make(trades, 3)
    assert _same_in_all(made, make(trades, 3), later)
    assert made.called_profitable(later)
    assert made.apply(later, None).is_profitable


def test_shuffled_folds_learn_from_the_neighbours_of_what_they_test() -> None:
    # Forty trades in a row share their outcome, and only a clock tells them apart, which says nothing elsewhere.
    def market(seed: int) -> Dataset:
        outcomes = np.repeat(np.random.default_rng(seed).permutation(np.repeat([-0.01, 0.01], 10)), 40)
        return _trades(np.arange(800.0)[:, None], outcomes + 1e-4 * np.cos(np.arange(800)))

    made = shuffled_folds(market(0), 0)
    assert made.believed.filtered.win_rate > 0.9
    assert made.called_profitable(market(1))
    later = [made.apply(market(seed), None).filtered.win_rate for seed in range(1, 9)]
    assert np.mean(later) == pytest.approx(0.5, abs=0.1)


def test_a_window_learns_from_its_own_past_alone() -> None:
    trades = _telling(0, 400)
    made = sliding_window(trades, 0)
    border = START + 50 * DAY
    turned = np.where(trades.exit_time >= border, -trades.net_return, trades.net_return)
    later = sliding_window(replace(trades, net_return=turned), 0)
    decided = made.believed.dataset.decision_time
    changed = made.believed.sizes != later.believed.sizes
    assert not changed[decided < border].any()
    assert changed[decided >= border + 14 * DAY].any()
    turned = np.where(trades.decision_time < border, -trades.net_return, trades.net_return)
    earlier = sliding_window(replace(trades, net_return=turned), 0)
    changed = made.believed.sizes != earlier.believed.sizes
    assert not changed[decided >= border + 37 * DAY].any()
    assert changed[decided < border].any()


def test_windows_are_of_30_days_every_7_and_their_trades_have_ended() -> None:
    windows = recipes.training_windows((START, START + 50 * DAY))
    assert [(end - start, used - end) for start, end, used in windows] == [(30 * DAY, 7 * DAY)] * 8
    assert all(one[2] == two[1] for one, two in pairwise(windows))
    trades = _noise(0)
    trades.X[5, 1] = np.nan
    rows = np.flatnonzero(recipes.rows_of_window(trades, START + 6 * HOUR, START + 55 * HOUR))
    assert rows.tolist() == [1, 2, 3, 4, 6, 7, 8]


def test_a_window_goes_on_in_the_hold_out_and_begins_anew_on_a_fresh_market() -> None:
    trades = _telling(0, 400)
    border = START + 50 * DAY
    before = trades.take(trades.exit_time < border, period=(START, border - 1))
    after = trades.take(trades.decision_time >= border, period=(border, trades.period[1]))
    made = sliding_window(before, 0)
    known, fresh = made.apply(after, before), made.apply(after, None)
    assert known.dataset.period[0] == border
    assert known.sizes[:28].any()
    assert fresh.dataset.period[0] == border + 30 * DAY


def test_a_sweep_takes_the_best_win_rate_that_is_above_the_base_rate() -> None:
    probability = np.repeat([0.40, 0.52, 0.58, 0.90], [40, 40, 18, 2])
    won = np.concatenate([np.zeros(40), np.tile([0.0, 1.0], 20), np.tile([0.0, 1.0, 1.0], 6), np.ones(2)])
    # Two of a hundred are fewer than are needed; of the others, from 0.55 on 70 % win.
    assert operating_point(won, probability) == 0.55
    assert operating_point(1 - won, probability) is None


@pytest.mark.usefixtures("simple_model")
def test_a_sweep_chooses_on_the_part_that_it_believes_and_deploys_the_model_of_the_rest() -> None:
    trades = _telling(0)
    made = threshold_sweep(trades, 0)
    # The last fifth of the second instance's 400 trades begins with row 641.
    assert made.believed.dataset.decision_time[0] == trades.decision_time[641]
    # Where the last part contradicts the first, no threshold is above the base rate, so nothing is traded.
    last = np.arange(800) >= 640
    contrary = replace(trades, net_return=np.where(last, -trades.net_return, trades.net_return))
    assert not threshold_sweep(contrary, 0).believed.sizes.any()
    # The model does not learn the last part: what it takes above the chosen threshold hangs on the first part alone.
    alike = replace(trades, net_return=np.where(last, 2 * trades.net_return, trades.net_return))
    assert _same_in_all(made, threshold_sweep(alike, 0), _telling(1))


@pytest.mark.usefixtures("simple_model")
def test_a_sweep_knows_an_instance_by_the_one_that_has_its_trades() -> None:
    trades = _telling(0)
    made = threshold_sweep(replace(trades, same_trades_as={"twin|BBB|1h": "rule|BBB|1h"}), 0)
    later = _telling(1)
    renamed = replace(later, instance_names=("rule|AAA|1h", "twin|BBB|1h"))
    assert np.array_equal(made.apply(renamed, None).sizes, made.apply(later, None).sizes)
    unknown = replace(later, instance_names=("rule|AAA|1h", "other|BBB|1h"))
    assert not made.apply(unknown, None).sizes[later.instance == 1].any()


def test_a_filter_that_earns_less_smoothly_than_every_trade_is_not_profitable() -> None:
    trades = replace(_noise(0), net_return=_noise(0).net_return + 0.005)
    assert not Judged(trades, (np.arange(800) % 20 == 0).astype(float)).is_profitable
    assert not Judged(trades, np.zeros(800)).is_profitable
    losing = replace(trades, net_return=trades.net_return - 0.02)
    assert not Judged(losing, (losing.net_return > -0.01).astype(float)).is_profitable


def test_the_default_plan_believes_its_folds_and_asks_the_gate() -> None:
    made = recipes.default_plan(_noise(0, 400), 7)
    assert len(made.believed.dataset) == 400
    assert made.opens is not None
    assert not made.called_profitable(_noise(1, 200))


def test_the_summary_counts_what_is_found_and_what_is_not_there() -> None:
    rows = [
        {"recipe": "a", "is_planted": planted, "called_profitable": called, "fresh_is_profitable": is_profitable,
         "believed_gain": 10.0, "fresh_gain": float(number)}
        for number, (planted, called, is_profitable) in enumerate(
            [(True, True, True), (True, True, False), (True, False, True), (False, True, True), (False, False, False)]
        )
    ]  # fmt: skip
    table = pd.DataFrame(rows)
    cells = [cell.strip() for cell in summary(table).splitlines()[2].split("|")[1:-1]]
    assert cells == ["a", "2 of 3", "1 of 2", "10.0 ± 0.0 → 1.0 ± 0.6", "1 of 2", "10.0 ± 0.0 → 3.5 ± 0.5"]


def test_the_readme_shows_the_summary_of_the_study() -> None:
    first, *_ = re.findall(r"(?:^\|.*\n)+", TABLE.read_text(encoding="utf-8"), re.MULTILINE)
    assert first in (ROOT / "README.md").read_text(encoding="utf-8")
    shown = [line.split("|")[1].strip() for line in first.splitlines()[2:]]
    assert shown == [name for name in recipes.RECIPES if name not in recipes.WITH_OURS]
