"""What can be known of a market's law: an oracle who sees the regime, and Bayes, who sees the bars.

The oracle knows the regime at each decision, and what trades of each rule earn on average in it. It takes those that
earn. Bayes has the probability of each regime given the bars up to the decision, which is all that bars tell of it:

1. Volatility: the range of a bar follows its volatility, whose logarithm is autoregressive. A Kalman filter with the
   true parameters estimates it (Alizadeh, Brandt and Diebold, 2002, Journal of Finance 57: the logarithm of the range
   is nearly normal).
2. Regime: a forward filter with the true parameters over the trend up, the trend down, and the chops that began at each
   earlier bar, since a chop returns to the price at which it began (Chib, 1998, Journal of Econometrics 86).
3. What a trade is expected to earn, given its rule, these probabilities, the expected way back to the anchor and the
   volatility, is learned from them, with the label of the default plan and sized like its scores.

Both learn on `N_KNOWN` markets of the same law that no plan sees.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
from lightgbm import LGBMRegressor

from tests.studies.market_kinds import KINDS, Kind
from tradesieve.market.bars import Bars
from tradesieve.market.kernel_cache import njit
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.market.timeframes import DAY
from tradesieve.models.applications.positive_score import PositiveScore
from tradesieve.models.dataset import Dataset
from tradesieve.models.protocol.plan import Plan
from tradesieve.strategies.instance import Instance
from tradesieve.strategies.registry import RULES

N_KNOWN = 8
"""Markets on which oracle and Bayes learn what trades earn in each regime."""
_FIRST_KNOWN = 1_000_000
_PERSISTENCE, _SPREAD, _STEPS = 0.995, 0.35, 12
_LONGEST_CHOP = 1000
_KNOWN_AHEAD = ("hours", "volume", "leader")
"""Laws under which the bars up to a decision, or the clock, tell the regime of the bar that follows."""

_HOUR = DAY // 24
_MOST_REGIMES = 24
_RULE = 5
"""Column of the rule among what is knowable."""


def oracle_sizes(kind_name: str, dataset: Dataset, seed: int) -> np.ndarray:
    """Take whole the trades that earn on average in the regime, which the oracle sees: float64 (n_trades,)."""
    kind, earned = KINDS[kind_name], _earned(kind_name)
    return (earned[_rules(dataset), _regimes(kind, dataset, seed), _side(dataset)] > 0).astype(np.float64)


def bayes_sizes(kind_name: str, dataset: Dataset, seed: int) -> np.ndarray:
    """Size trades by what they should earn, given the bars, under the law of the trend: float64 (n_trades,)."""
    scores = _learned(kind_name).predict(_knowable(KINDS[kind_name], dataset, seed))
    return next(PositiveScore.candidates(scores, dataset)).sizes(scores, dataset.instance)


@cache
def _learned(kind_name: str) -> LGBMRegressor:
    kind = KINDS[kind_name]
    known = [(seed, dataset) for seed, dataset in _known(kind_name)]
    X = np.concatenate([_knowable(kind, dataset, seed) for seed, dataset in known])
    y = np.concatenate([dataset.y for _, dataset in known])
    model = LGBMRegressor(
        n_estimators=300, learning_rate=0.05, num_leaves=15, min_child_samples=1000, subsample=0.5, subsample_freq=1,
        random_state=7, n_jobs=1, deterministic=True, force_col_wise=True, verbose=-1,
    )  # fmt: skip
    return model.fit(X, y, categorical_feature=[_RULE])


def _knowable(kind: Kind, dataset: Dataset, seed: int) -> np.ndarray:
    """Return what the bars tell of each trade's regime, from its side, with its rule last: float64 (n_trades, 6)."""
    symbol, sign = _symbols(dataset), 2.0 * _side(dataset) - 1.0
    found = np.empty((len(dataset), 6))
    for name in set(symbol):
        bars, _ = kind.market(seed).generate(name)
        own = symbol == name
        down, chop, up, way_back, volatility = posterior(bars, kind.market(seed))[
            _decided(bars, dataset.decision_time[own])
        ].T
        long = sign[own] > 0
        found[own, :5] = np.column_stack(
            [np.where(long, up, down), np.where(long, down, up), chop, sign[own] * way_back, volatility]
        )
    found[:, _RULE] = _rules(dataset)
    return found


def posterior(bars: Bars, market: SyntheticMarket) -> np.ndarray:
    """Filter the regime and the volatility.

    Returns
    -------
    float64 (n_bars, 5), at each bar's close: the probability of a trend down, of chop and of a trend up, the expected
    way back to the anchor of the chop in standard deviations of a bar, and that deviation.
    """
    per_day = DAY // bars.timeframe.duration
    season = 1.0 + 0.5 * np.cos(2.0 * np.pi * (np.arange(len(bars)) % per_day / per_day - 0.6))
    usual = np.log(market.volatility / np.sqrt(per_day) * season)
    mean, variance = _log_range()
    observed = np.log(np.log(bars.high / bars.low)) - usual - mean
    deviation = np.exp(usual + _filtered_nb(observed, variance, _PERSISTENCE, _SPREAD))
    found = _posterior_nb(
        np.log(bars.open), np.log(bars.close), deviation, market.edge, 1.0 / market.regime_bars,
        1.0 - (1.0 - market.reversion / _STEPS) ** _STEPS, _LONGEST_CHOP,
    )  # fmt: skip
    return np.column_stack([found, deviation])


@cache
def _log_range() -> tuple[float, float]:
    """Return mean and variance of the logarithm of a bar's range over its volatility."""
    steps = np.random.default_rng(0).standard_normal((100_000, _STEPS)) / np.sqrt(_STEPS)
    path = np.cumsum(steps, axis=1)
    spread = np.log(np.maximum(path.max(axis=1), 0.0) - np.minimum(path.min(axis=1), 0.0))
    return float(spread.mean()), float(spread.var())


@njit(cache=True)
def _filtered_nb(observed: np.ndarray, variance: float, persistence: float, spread: float) -> np.ndarray:
    """Estimate an AR(1) state from observations with noise (Kalman, 1960): float64 (n,)."""
    state, uncertainty, shock = 0.0, spread**2, spread**2 * (1.0 - persistence**2)
    found = np.empty(len(observed))
    for bar in range(len(observed)):
        state *= persistence
        uncertainty = persistence**2 * uncertainty + shock
        gain = uncertainty / (uncertainty + variance)
        state += gain * (observed[bar] - state)
        uncertainty *= 1.0 - gain
        found[bar] = state
    return found


@njit(cache=True)
def _posterior_nb(
    first: np.ndarray, last: np.ndarray, deviation: np.ndarray, edge: float, ends: float, returned: float, n_chops: int
) -> np.ndarray:
    """Filter the regime forward; chops that began more than `n_chops` bars ago are forgotten."""
    n = len(last)
    found = np.empty((n, 4))
    down, up = 0.5, 0.5
    chop, anchor, newest = np.zeros(n_chops), np.zeros(n_chops), 0
    for bar in range(n):
        if bar > 0:
            began, ended = ends * (down + up), ends * chop.sum() / 2.0
            down, up = (1.0 - ends) * down + ended, (1.0 - ends) * up + ended
            chop *= 1.0 - ends
            newest = (newest + 1) % n_chops
            chop[newest], anchor[newest] = began, first[bar]
        one = deviation[bar]
        move = last[bar] - first[bar] + 0.5 * one * one
        down *= np.exp(-0.5 * (move / one + edge) ** 2)
        up *= np.exp(-0.5 * (move / one - edge) ** 2)
        chop *= np.exp(-0.5 * ((move + returned * (first[bar] - anchor)) / one) ** 2)
        total = down + up + chop.sum()
        down, up = down / total, up / total
        chop /= total
        found[bar] = down, chop.sum(), up, np.sum(chop * (anchor - last[bar])) / one
    return found


@cache
def _earned(kind_name: str) -> np.ndarray:
    """Average what trades earn: float64 (n_rules, n_regimes, 2), -1 where there were none."""
    kind = KINDS[kind_name]
    total, count = np.zeros((2, len(RULES), _MOST_REGIMES, 2))
    for seed, dataset in _known(kind_name):
        cells = (_rules(dataset), _regimes(kind, dataset, seed), _side(dataset))
        np.add.at(total, cells, dataset.net_return)
        np.add.at(count, cells, 1.0)
    return np.where(count > 0, total / np.maximum(count, 1.0), -1.0)


def _known(kind_name: str) -> Iterator[tuple[int, Dataset]]:
    """Make the trades of the markets to learn on."""
    for seed in range(_FIRST_KNOWN, _FIRST_KNOWN + N_KNOWN):
        with tempfile.TemporaryDirectory() as folder:
            yield seed, KINDS[kind_name].dataset(seed, Path(folder), Plan(), ("trade__side",))


def _regimes(kind: Kind, dataset: Dataset, seed: int) -> np.ndarray:
    """Number what the oracle sees at each decision: int64 (n_trades,).

    Trend down, none and trend up are 0, 1 and 2; under the law of the hours it is the hour.
    """
    if kind.law == "hours":
        return dataset.decision_time // _HOUR % 24
    symbol = _symbols(dataset)
    seen = np.empty(len(dataset), np.int64)
    for name in set(symbol):
        bars, regime = kind.market(seed).generate(name)
        own = symbol == name
        at = _decided(bars, dataset.decision_time[own]) + (kind.law in _KNOWN_AHEAD)
        seen[own] = regime[np.minimum(at, len(regime) - 1)] + 1
        if kind.law == "leader" and name == kind.market(seed).leader:
            seen[own] = 3
    return seen


def _decided(bars: Bars, decision_time: np.ndarray) -> np.ndarray:
    return np.searchsorted(bars.close_time, decision_time)


def _symbols(dataset: Dataset) -> np.ndarray:
    return np.array([Instance.parse(name).symbol for name in dataset.instance_names])[dataset.instance]


def _rules(dataset: Dataset) -> np.ndarray:
    """Number the rule of each trade, the same on all markets of a kind."""
    number = {name: position for position, name in enumerate(RULES)}
    return np.array([number[Instance.parse(name).rule] for name in dataset.instance_names])[dataset.instance]


def _side(dataset: Dataset) -> np.ndarray:
    """Return 0 for shorts and 1 for longs: int64 (n_trades,)."""
    return (dataset.X[:, dataset.feature_names.index("trade__side")] > 0).astype(np.int64)
