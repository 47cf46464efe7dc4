"""Recipes for a filter of trades: the default plan, and what its user would do elsewhere, each by its own documents.

A recipe gets the development part of a market and says what it believes of its filter, by its own test. Then the filter
is applied to trades that the recipe has not seen. The recipes of elsewhere get the features that indicators give,
`features.feature_sets.STANDARD`: no document of theirs looks at a factor from the side of the trade.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import StratifiedKFold, cross_val_predict, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tradesieve.market.timeframes import DAY
from tradesieve.models.dataset import Dataset
from tradesieve.models.fitness.measures import Measures, measure
from tradesieve.models.protocol.holdout import open_holdout
from tradesieve.models.protocol.ledger import Ledger
from tradesieve.models.protocol.plan import Plan
from tradesieve.models.protocol.search import search
from tradesieve.pipelines.experiment import Experiment
from tradesieve.strategies.instance import Instance

REPEATABLE: dict[str, Any] = {"n_jobs": 1, "deterministic": True, "force_col_wise": True, "verbose": -1}
"""Parameters of LightGBM that change no model, but make two runs equal; all others are its defaults."""


@dataclass(frozen=True, eq=False)
class Judged:
    """Trades of a period, and the sizes that a filter gives them."""

    dataset: Dataset
    sizes: np.ndarray

    @property
    def filtered(self) -> Measures:
        """What the filter makes of the trades."""
        return measure(self.dataset, self.sizes)

    @property
    def every_trade(self) -> Measures:
        """The same without the filter."""
        return measure(self.dataset, np.ones(len(self.dataset)))

    @property
    def is_profitable(self) -> bool:
        """Whether the filtered trades earn, and have a better Sortino ratio than every trade, or no losing day."""
        filtered, every = self.filtered, self.every_trade
        return bool(filtered.expectancy > 0 and not filtered.sortino <= every.sortino)


@dataclass(frozen=True, eq=False)
class Made:
    """What a recipe makes of a development part.

    Parameters
    ----------
    believed : what its own test judges.
    apply : function (trades, the trades before them or None) -> what its filter makes of these trades.
    opens : function (hold-out) -> its verdict, if it asks for one; None: what it believes is the verdict.
    """

    believed: Judged
    apply: Callable[[Dataset, Dataset | None], Judged]
    opens: Callable[[Dataset], bool] | None = None

    def called_profitable(self, holdout: Dataset) -> bool:
        """Whether its user would trade it."""
        return self.believed.is_profitable if self.opens is None else self.opens(holdout)


@dataclass(frozen=True)
class Recipe:
    """A recipe by its function (development part, seed) -> `Made`, and the features of its dataset."""

    make: Callable[[Dataset, int], Made]
    features: str | tuple[str, ...] = "standard"


def default_plan(development: Dataset, seed: int) -> Made:
    """Search by the default plan; it believes its out-of-fold trades, and its gate decides on the hold-out."""
    plan = Plan(seed=seed)
    result = search(development, plan, n_jobs=1)
    winner = result.winner
    believed = Judged(result.judged, np.zeros(len(result.judged)) if winner is None else winner.sizes)

    def apply(trades: Dataset, before: Dataset | None) -> Judged:
        if result.model is None or result.application is None:
            return Judged(trades, np.zeros(len(trades)))
        return Judged(trades, result.application.sizes(result.model.predict(trades.X), trades.instance))

    def opens(holdout: Dataset) -> bool:
        with tempfile.TemporaryDirectory() as folder:
            opened = open_holdout(
                holdout, result, plan, ledger=Ledger(Path(folder) / "ledger.db"), experiment="recipes",
                symbols=sorted(set(_symbols(holdout))), certificates={"causality": True, "parity": True},
            )  # fmt: skip
        return opened.gate.open

    return Made(believed, apply, opens)


def shuffled_folds(development: Dataset, seed: int) -> Made:
    """Cross-validate as LightGBM does by default, and take what is more likely to win than to lose.

    1. Five stratified, shuffled folds, the defaults of `lightgbm.cv`, of all trades that won or lost.
    2. `LGBMClassifier` with its defaults; its `predict` says "win" from a probability of 0.5.
    3. It believes the trades that the folds take, and deploys the model of all trades.

    Sources: https://lightgbm.readthedocs.io/en/stable/pythonapi/lightgbm.cv.html (nfold=5, stratified=True,
    shuffle=True) and https://lightgbm.readthedocs.io/en/stable/pythonapi/lightgbm.LGBMClassifier.html.
    """
    folds = StratifiedKFold(n_splits=5, shuffle=True, random_state=seed)
    model = LGBMClassifier(random_state=seed, **REPEATABLE)
    won = development.net_return > 0
    taken = cross_val_predict(model, development.X, won, cv=folds)
    model.fit(development.X, won)
    return Made(
        Judged(development, taken.astype(float)),
        lambda trades, before: Judged(trades, np.asarray(model.predict(trades.X), dtype=float)),
    )


TRAINING, STEP = 30 * DAY, 7 * DAY


def sliding_window(development: Dataset, seed: int) -> Made:
    """Retrain on the last 30 days every 7 days, as FreqAI does in its backtests and, as often as it can, live.

    1. One model a pair, of all strategies on it: `LightGBMRegressor`, the one of the quick start, with its defaults,
       since the example's `model_training_parameters` are empty, but 63 bins a feature, which halves the time.
       Scaling to [-1, 1] is left out: trees do not see it.
    2. Its rows are the trades decided and ended within the window, without those that lack a feature; of these the last
       quarter (`test_size: 0.25`) is evaluated and not trained on. Outliers stay, since their removal is off unless
       configured.
    3. The target is the trade's net return, so a trade is entered above 0; the example strategy asks for a change of
       the price of 1 %, before costs. A trade that lacks a feature is not entered (`do_predict`).

    It believes its backtest of the development part, from day 30. It goes on in the hold-out with the past that it has,
    and on a fresh market it learns 30 days before it trades. FreqAI's examples learn from every candle, which trades
    alone are not, so its window teaches less here.

    Sources: https://www.freqtrade.io/en/stable/freqai-running/ (the window), /freqai-configuration/ (its numbers),
    /freqai-feature-engineering/ (the pipeline), `freqtrade/freqai/data_kitchen.py` (`filter_features`,
    `split_timerange`) and `templates/FreqaiExampleStrategy.py`, version 2024.10.
    """

    def apply(trades: Dataset, before: Dataset | None) -> Judged:
        first = trades.period[0] if before is not None else trades.period[0] + TRAINING
        asked = trades.take(trades.decision_time >= first, period=(first, trades.period[1]))
        known = [trades] if before is None else [before, trades]
        return Judged(asked, _sized_by_windows(known, asked, seed))

    return Made(apply(development, None), apply)


def training_windows(period: tuple[int, int]) -> list[tuple[int, int, int]]:
    """List the windows that size a period's trades, as (start of training, end of training, end of use)."""
    return [(time - TRAINING, time, time + STEP) for time in range(period[0], period[1], STEP)]


def rows_of_window(trades: Dataset, start: int, end: int) -> np.ndarray:
    """Return where trades are decided and ended within a window and lack no feature: bool (n_trades,)."""
    within = (trades.decision_time >= start) & (trades.exit_time < end)
    return within & np.isfinite(trades.X).all(axis=1)


def _sized_by_windows(known: list[Dataset], asked: Dataset, seed: int) -> np.ndarray:
    sizes = np.zeros(len(asked))
    complete, symbols = np.isfinite(asked.X).all(axis=1), _symbols(asked)
    for start, end, used in training_windows(asked.period):
        for symbol in sorted(set(symbols)):
            rows = (symbols == symbol) & complete & (asked.decision_time >= end) & (asked.decision_time < used)
            kept = [rows_of_window(trades, start, end) & (_symbols(trades) == symbol) for trades in known]
            X = np.concatenate([trades.X[own] for trades, own in zip(known, kept, strict=True)])
            y = np.concatenate([trades.net_return[own] for trades, own in zip(known, kept, strict=True)])
            if len(X) < 2 or not rows.any():
                continue
            X, _, y, _ = train_test_split(X, y, test_size=0.25, shuffle=False)
            model = LGBMRegressor(max_bin=63, random_state=seed, **REPEATABLE)
            sizes[rows] = model.fit(X, y).predict(asked.X[rows]) > 0
    return sizes


SWEEP = (0.45, 0.50, 0.55, 0.60, 0.65, 0.70, 0.75, 0.80)
LEAST_COVERAGE = 0.035
N_TREES = 300


def threshold_sweep(development: Dataset, seed: int) -> Made:
    """Train on the first 80 % and sweep the threshold on the rest, as Jesse's `train_model` does.

    1. One model a strategy and symbol, "only valid for the specific primary signal it was trained on", of trades that
       won or lost (`record_label("profitable", closed_trade.pnl > 0)`), without those that lack a feature.
    2. `StandardScaler`, then gradient boosting, "the recommended starting point", calibrated by isotonic regression
       in 3 folds: 300 trees of depth 3, learning rate 0.05, `subsample=0.8`. LightGBM stands in for scikit-learn's,
       which takes eleven times as long, with leaves of 5 trades, since it fails on single ones now and then. On one
       market scikit-learn's gained 13.8 bp, and LightGBM's, there still with leaves of one, 7.7, 13.0 and 14.7 by seed.
    3. The threshold with the highest precision above the base rate among those of its report that let at least 3.5 %
       through: "a threshold that produces 73% precision at 3.5% coverage is far better than 51% at 100%". Without one,
       the strategy does not trade.
    4. It believes a backtest of the last 20 %, on which the threshold was chosen: in the documents' example the model
       is trained up to 2024-05-25 and deployed "out-of-sample" from 2024-06-01. It deploys that model.

    Left out, in its favour: the meta-labelling page's search over 54 settings, of which the one with the best area
    under the curve on that same last part is deployed.

    Sources: https://docs.jesse.trade/docs/research/ml/binary, /gathering-data, /meta-labeling, /regression and
    /deploying, and `jesse/research/ml.py` (`train_model`, `_print_threshold_sweep`), read in August 2026.
    """
    won = development.net_return > 0
    points: dict[str, Callable[[np.ndarray], np.ndarray]] = {}
    starts = [development.period[0]]
    for index, name in enumerate(development.instance_names):
        complete = np.isfinite(development.X).all(axis=1)
        rows = np.flatnonzero((development.instance == index) & complete)
        train, test = rows[: int(0.8 * len(rows))], rows[int(0.8 * len(rows)) :]
        if not len(test) or min(won[train].sum(), (~won[train]).sum()) < 3:
            continue
        starts.append(int(development.decision_time[test[0]]))
        model = _calibrated_boosting(seed).fit(development.X[train], won[train])
        threshold = operating_point(won[test], model.predict_proba(development.X[test])[:, 1])
        if threshold is not None:
            points[name] = _taken_above(model, threshold)

    def apply(trades: Dataset, before: Dataset | None) -> Judged:
        sizes = np.zeros(len(trades))
        complete = np.isfinite(trades.X).all(axis=1)
        for index, name in enumerate(trades.instance_names):
            rows = np.flatnonzero((trades.instance == index) & complete)
            take = points.get(development.same_trades_as.get(name, name))
            if take is not None and len(rows):
                sizes[rows] = take(trades.X[rows])
        return Judged(trades, sizes)

    # The last part of every strategy begins within hours of the others'.
    tested = development.take(development.decision_time >= max(starts), period=(max(starts), development.period[1]))
    return Made(apply(tested, None), apply)


def _calibrated_boosting(seed: int) -> Any:
    boosting = LGBMClassifier(
        n_estimators=N_TREES, max_depth=3, num_leaves=8, learning_rate=0.05, subsample=0.8, subsample_freq=1,
        min_child_samples=5, random_state=seed, **REPEATABLE,
    )  # fmt: skip
    return make_pipeline(StandardScaler(), CalibratedClassifierCV(boosting, method="isotonic", cv=3))


def _taken_above(model: Any, threshold: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda X: (model.predict_proba(X)[:, 1] >= threshold).astype(float)


def operating_point(won: np.ndarray, probability: np.ndarray) -> float | None:
    """Choose a threshold of the sweep by the win rate of what it lets through; None if none beats the base rate."""
    best, chosen = float(np.mean(won)), None
    for threshold in SWEEP:
        allowed = probability >= threshold
        if allowed.mean() >= LEAST_COVERAGE and (precision := float(np.mean(won[allowed]))) > best:
            best, chosen = precision, threshold
    return chosen


def _symbols(trades: Dataset) -> np.ndarray:
    return np.array([Instance.parse(name).symbol for name in trades.instance_names])[trades.instance]


OURS = Experiment(symbols=("AAA",)).features

ELSEWHERE = {
    "shuffled folds": Recipe(shuffled_folds),
    "FreqAI's window": Recipe(sliding_window),
    "Jesse's sweep": Recipe(threshold_sweep),
}
WITH_OURS = {f"{name}, our features": replace(recipe, features=OURS) for name, recipe in ELSEWHERE.items()}
RECIPES = {"default plan": Recipe(default_plan, OURS)} | ELSEWHERE | WITH_OURS
