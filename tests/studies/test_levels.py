"""The study of the levels: its trades are what it says, and its tables hold every condition."""

from __future__ import annotations

import numpy as np
import pytest

from tests.studies.levels import PARTS
from tests.studies.levels_table import levels_table, share
from tests.studies.trade_laws import COVERAGES, sample, skilled


def test_trades_of_a_family_are_shared_and_know_nothing_of_the_filters():
    drawn = [sample(seed, n_instances=6, n_days=200) for seed in range(8)]
    one = drawn[0].dataset
    copies = [np.flatnonzero(one.instance == instance) for instance in (0, 3)]
    np.testing.assert_array_equal(*(one.decision_time[rows] for rows in copies))
    assert 0.3 < len(np.unique(drawn[0].event)) / len(one) < 0.7
    assert np.mean(one.exit_time[:-1] > one.decision_time[1:]) > 0.5, "they overlap"
    for coverage in COVERAGES:
        for kind in ("independent", "in stretches", "by volatility"):
            kept = [one.sizes[kind, coverage] for one in drawn]
            assert np.mean([sizes.mean() for sizes in kept]) == pytest.approx(coverage, abs=0.12)
    kept = drawn[0].sizes["independent", 0.6] > 0
    better = skilled(one, kept.astype(float), 0.004).net_return - one.net_return
    assert better[kept][0] - better[~kept][0] == pytest.approx(0.004)
    assert better.mean() == pytest.approx(0.0, abs=1e-12)


def test_the_tables_hold_every_condition():
    rows = [
        {"task": [part, 1, 40, 0], "n": 2, "passed": judge(1, 40, range(2))}
        for part, judge in PARTS.items()
        if part != "ledger"
    ]
    text = levels_table([*rows, {"task": ["ledger", 1, 80, 0], "n": 2, "passed": {"any": 1}}], "99 rotations")
    assert "nan" not in text
    assert "| 1 | 40 | in stretches, 10% |" in text
    assert text.count("| 1 | 160 |") == 1
    assert share(9, 100, level=0.02) == "**9.0 (4.2–16.4)**"
    assert share(9, 100, level=0.05) == "9.0 (4.2–16.4)"
