"""Sharpe ratio statistics and overfitting against the worked examples that their authors printed."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from scipy.special import ndtri

from tradesieve.models.significance.deflated_sharpe import (
    deflated_sharpe_of_moments,
    expected_best_sharpe,
    minimum_track_record_length,
)
from tradesieve.models.significance.overfitting import probability_of_loss, probability_of_overfitting

HEDGE_FUND = {"skewness": -2.448, "kurtosis": 10.164}
NORMAL = {"skewness": 0.0, "kurtosis": 3.0}


def probabilistic(ratio: float, *, n_days: int, **moments: float) -> float:
    """The probability that the true ratio is above zero: the deflated ratio of a single trial."""
    return deflated_sharpe_of_moments(ratio, n_days=n_days, n_trials=1, sharpe_variance=math.nan, **moments)


def test_the_probabilistic_sharpe_ratio_of_the_paper():
    """Bailey and Lopez de Prado (2012), The Sharpe Ratio Efficient Frontier, section 3: two years of monthly returns.

    An annual ratio of 1.585 convinces at 95 % if the returns were normal, and does not with their skewness.
    """
    monthly = 1.585 / math.sqrt(12)
    assert probabilistic(monthly, n_days=24, **NORMAL) == pytest.approx(0.982, abs=5e-4)
    assert probabilistic(monthly, n_days=24, **HEDGE_FUND) == pytest.approx(0.913, abs=5e-4)


def test_the_deflated_sharpe_ratio_of_the_paper():
    """Bailey and Lopez de Prado (2014), The Deflated Sharpe Ratio, section "A numerical example"."""
    moments = {"n_days": 1250, "skewness": -3.0, "kurtosis": 10.0, "sharpe_variance": 0.5 / 250}
    assert expected_best_sharpe(n_trials=100, sharpe_variance=0.5) == pytest.approx(1.7894, abs=1e-3)
    found = [deflated_sharpe_of_moments(2.5 / math.sqrt(250), n_trials=n, **moments) for n in (46, 88, 100)]
    assert found[2] == pytest.approx(0.9004, abs=5e-5)
    assert found[0] > 0.95 > found[1] > found[2]


@pytest.mark.parametrize(
    ("per_year", "skewness", "kurtosis", "years"),
    [(252, 0.0, 3.0, 2.73), (52, 0.0, 3.0, 2.83), (12, 0.0, 3.0, 3.24), (12, -0.72, 5.78, 4.99)],
)
def test_the_minimum_track_record_length_of_the_paper(per_year, skewness, kurtosis, years):
    """Bailey and Lopez de Prado (2012), section 4: from when an annual ratio of 2 surely exceeds 1.

    Normal daily, weekly and monthly returns, and monthly ones of the shape of a hedge fund index.
    """
    ratio, benchmark = 2 / math.sqrt(per_year), 1 / math.sqrt(per_year)
    found = minimum_track_record_length(ratio, skewness=skewness, kurtosis=kurtosis, benchmark=benchmark)
    assert found / per_year == pytest.approx(years, abs=0.005)


def test_at_the_minimum_track_record_length_the_probabilistic_ratio_is_the_confidence():
    for moments in (NORMAL, HEDGE_FUND):
        length = minimum_track_record_length(0.2, confidence=0.9, **moments)
        assert probabilistic(0.2, n_days=length, **moments) == pytest.approx(0.9)
    assert minimum_track_record_length(0.0, **NORMAL) == math.inf


# -- the probability of backtest overfitting: the vignette of the R package pbo ----------------------------------------


def r_normals(seed: int, n: int) -> np.ndarray:
    """Draw what R's ``set.seed(seed); rnorm(n)`` draws: the Mersenne Twister with R's seeding, by inversion.

    R scrambles the seed by 50 steps of a congruential generator and fills the twister's state with the following ones;
    a normal takes two uniform numbers for 53 bits (R, src/main/RNG.c and src/nmath/snorm.c).
    """
    state, scrambled = [], seed
    for step in range(50 + 625):
        if step >= 50:
            state.append(scrambled := (69069 * scrambled + 1) % 2**32)
        else:
            scrambled = (69069 * scrambled + 1) % 2**32
    twister = np.random.RandomState()
    twister.set_state(("MT19937", np.array(state[1:], dtype=np.uint32), 624))
    uniform = twister.randint(0, 2**32, 2 * n, dtype=np.uint32) * 2.3283064365386963e-10
    big = 134217728
    return ndtri((np.floor(big * uniform[0::2]) + uniform[1::2]) / big)


def test_normals_are_those_of_r():
    """``set.seed(42); rnorm(3)`` as R prints it in countless texts."""
    assert r_normals(42, 3) == pytest.approx([1.37095845, -0.56469817, 0.36312841], abs=5e-9)


@pytest.fixture(scope="module")
def vignette() -> np.ndarray:
    """A hundred strategies of 2400 days whose returns are moved to a mean of exactly zero, less the risk-free rate.

    Source: the vignette of pbo on CRAN (Barry, "Using the PBO package"), seed 765.
    """
    returns = r_normals(765, 100 * 2400).reshape(100, 2400).T
    returns = returns / math.sqrt(252) / returns.std(axis=0, ddof=1)
    return returns - returns.mean(axis=0) - 0.03 / 252


def test_the_example_data_are_those_of_the_vignette(vignette):
    """It prints -0.0030456, the intercept of the winners' ratios on the chosen halves over those on the others."""
    blocks = np.split(np.arange(2400), 8)
    inside, outside = [], []
    for chosen in combinations(range(8), 4):
        selected = np.concatenate([blocks[block] for block in chosen])
        halves = vignette[selected], vignette[np.setdiff1d(np.arange(2400), selected)]
        ratios = [half.mean(axis=0) / half.std(axis=0, ddof=1) for half in halves]
        winner = int(np.argmax(ratios[0]))
        inside.append(ratios[0][winner])
        outside.append(ratios[1][winner])
    assert np.polyfit(outside, inside, 1)[1] == pytest.approx(-0.0030456, abs=5e-8)
    assert np.corrcoef(inside, outside)[0, 1] ** 2 == pytest.approx(0.97, abs=5e-3)


def test_overfitting_of_the_vignette_is_certain(vignette):
    """It prints p_bo = 1 and p_loss = 1: with equal means, what wins on one half loses on the other."""
    assert probability_of_overfitting(vignette, n_blocks=8, ranked_by="sharpe") == 1.0
    assert probability_of_loss(vignette, n_blocks=8) == 1.0
