"""Checks of factors on bars: for `tradesieve factors check`, and for your own factors before an experiment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tradesieve.features.decisions import Decisions
from tradesieve.features.factor import Feature
from tradesieve.features.feature_names import parse_features
from tradesieve.features.invariants.features import Violation, check_features
from tradesieve.features.requirements import requirements_of
from tradesieve.market.bars import Bars
from tradesieve.market.errors import Refused
from tradesieve.pipelines.experiment import Experiment
from tradesieve.pipelines.progress import Progress, silent
from tradesieve.pipelines.steps.chunk_features import features_of
from tradesieve.pipelines.steps.chunks import Chunk
from tradesieve.pipelines.steps.sealing import holdout_border

_MOST_BARS = 20_000
"""Bars on which features are checked; a violation shows in fewer."""


def check_on(
    bars: Bars, features: Sequence[str | Feature], *, others: Mapping[str, Bars], times: int, seed: int
) -> list[Violation]:
    """Check the invariants of features at random closes of the last bars.

    See `features.invariants.features.check_features`.

    Parameters
    ----------
    others : bars of other symbols, by symbol.
    times : number of closes, each a decision.
    seed : draws them.
    """
    required = requirements_of(parse_features(features), bars.timeframe)
    bars = bars[-max(_MOST_BARS, 3 * required.bars) :]
    decisions = invented_decisions(bars, times, seed=seed)
    return check_features(bars, decisions, features, others=others, n_samples=times, seed=seed)


def invented_decisions(bars: Bars, n: int, *, seed: int) -> Decisions:
    """Return decisions at random closes, with all terms and results that a factor may require."""
    random = np.random.default_rng(seed)
    rows = np.sort(random.choice(len(bars), size=min(n, len(bars)), replace=False))
    side = random.choice([-1.0, 1.0], size=len(rows))
    price, away = bars.close[rows], random.uniform(0.002, 0.02, size=len(rows))
    results = random.normal(0.0, 0.01, size=500)
    end = np.sort(random.integers(0, len(results) + 1, size=len(rows)))
    return Decisions(
        bars.close_time[rows],
        side=side,
        stop=price * (1.0 - side * away),
        target=price * (1.0 + side * 2.0 * away),
        agreeing=random.random(len(rows)),
        results=results,
        first_result=np.zeros(len(rows), dtype=np.int64),
        end_result=end,
    )


def require_invariants(
    experiment: Experiment,
    chunks: Sequence[Chunk],
    *,
    times: int = 16,
    progress: Progress = silent,
) -> None:
    """Check the invariants of the features from the experiment's modules, before a model learns from them.

    Only bars before the hold-out are read.

    Raises
    ------
    Refused : at the first violation; names the feature, the invariant and the first time.
    """
    features = parse_features(features_of(experiment, chunks).names)
    own = [feature for feature in features if feature.factor.module is not None]
    if not own:
        return
    end_time = holdout_border(experiment, chunks) - 1
    for done, chunk in enumerate(chunks):
        progress("invariants", done, len(chunks), f"{chunk.name}: {len(own)} factors of your own")
        bars = chunk.bars.between(None, end_time)
        if len(bars) == 0:
            continue
        others = {symbol: other.between(None, end_time) for symbol, other in chunk.others.items()}
        found = check_on(bars, own, others=others, times=times, seed=experiment.plan.seed)
        if found:
            raise Refused(f"{chunk.name}: {found[0]}; `tradesieve factors check --module FILE` checks every invariant")
    progress("invariants", 1, 1, f"{len(own)} factors of your own hold theirs")
