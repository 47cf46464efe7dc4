"""The hold-out: every trial and every opening is counted, and each opening lowers what the gate allows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tradesieve.market.timeframes import DAY
from tradesieve.models.dataset import Dataset
from tradesieve.models.engines.lightgbm import LightGBMEngine
from tradesieve.models.protocol.holdout import HoldoutResult, open_holdout, record_trials
from tradesieve.models.protocol.ledger import Ledger
from tradesieve.models.protocol.plan import Plan
from tradesieve.models.protocol.search import SearchResult, search
from tradesieve.models.splits import split_holdout

PLAN = Plan(label="won", engines={"lightgbm": 2}, n_folds=2)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.db")


@pytest.fixture(scope="module")
def parts(trades) -> tuple[SearchResult, Dataset]:
    """A search on a development part, and the hold-out behind it."""
    dataset, _ = trades(600, edge=0.05)
    development, holdout = split_holdout(dataset, fraction=PLAN.holdout_fraction)
    return search(development, PLAN), holdout


def opened(parts: tuple[SearchResult, Dataset], ledger: Ledger, experiment: str) -> HoldoutResult:
    return open_holdout(
        parts[1],
        parts[0],
        PLAN,
        ledger=ledger,
        experiment=experiment,
        symbols=["S0"],
        certificates={"causality": True, "parity": True},
    )


def test_what_fits_try_by_themselves_counts_and_is_deflated_for(trades, ledger, monkeypatch):
    development, holdout = split_holdout(trades(600, edge=0.01)[0], fraction=PLAN.holdout_fraction)
    parts = search(development, PLAN), holdout
    without = opened(parts, Ledger(ledger.path.with_name("without.db")), "first")
    assert without.n_trials == parts[0].n_trials == 2
    monkeypatch.setattr(LightGBMEngine, "n_inner_trials", lambda self, candidate: 40)
    found = opened(parts, ledger, "first")
    assert found.n_trials == parts[0].n_trials == 2 + 2 * 40
    assert ledger.count_trials(["S0"]) == 82
    assert opened(parts, ledger, "first").n_trials == 82, "a rerun adds none"
    before, after = (
        next(each.value for each in one.gate.conditions if each.name == "deflated_sharpe") for one in (without, found)
    )
    assert after < before


def limit(result: HoldoutResult) -> float:
    return next(each.threshold for each in result.gate.conditions if each.name == "beats_random_filter")


def test_a_look_lowers_the_limits_of_the_next_experiment(parts, ledger):
    holdout = parts[1].period
    ledger.open_once("a look", ["S0"], (holdout[0] - 40 * DAY, holdout[0] - 1), "of another time", look=True)
    ledger.open_once("a look", ["S1"], holdout, "of another symbol", look=True)
    first = opened(parts, ledger, "first")
    assert (first.opening, first.n_looks, limit(first)) == (1, 0, 0.05)
    ledger.open_once("a look", ["S0"], holdout, "trades stats by rule", look=True)
    again = opened(parts, ledger, "first")
    assert (again.opening, again.n_looks, limit(again)) == (1, 0, 0.05), "what was judged before the look stays"
    second = opened(parts, ledger, "second")
    assert (second.opening, second.n_looks) == (3, 1)
    assert limit(second) == pytest.approx(0.05 / 9)


def test_reruns_on_growing_bars_are_as_many_sets_of_trials(trades, parts, ledger):
    dataset, _ = trades(900, n_days=400)
    start, end = dataset.period
    found = parts[0]
    for rerun in (*range(30), 29):
        until = end - 2 * (29 - rerun) * DAY
        grown = dataset.take(dataset.exit_time <= until, period=(start, until))
        # The same trials stand for those of a search on the bars of that day: what counts is that they count anew.
        searched = replace(found, dataset=split_holdout(grown)[0])
        record_trials(searched, ledger=ledger, experiment="nightly", symbols=["S0"])
    assert ledger.count_trials(["S0"]) == 30 * len(found.trials), "the last rerun was on the same bars"
