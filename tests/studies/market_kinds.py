"""Markets of a study: what is planted in them, and what a filter that knew it would take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.models.dataset import Dataset
from tradesieve.models.protocol.plan import Plan
from tradesieve.pipelines.experiment import Experiment
from tradesieve.pipelines.settings import Settings
from tradesieve.pipelines.steps.chunks import load_chunks
from tradesieve.pipelines.steps.dataset import build_dataset
from tradesieve.strategies.instance import Instance

SYMBOLS = ("AAA", "BBB")
RULES = ("volatility_breakout", "opening_range_breakout", "dip_buying")
N_INSTANCES = 6
N_DAYS = 540
TIMEFRAME = parse_timeframe("15m")
FREE = {"maker_fee": 0.0, "taker_fee": 0.0, "half_spread": 0.0, "slippage": 0.0}


@dataclass(frozen=True)
class Kind:
    """A kind of market.

    Parameters
    ----------
    edge : of `SyntheticMarket`; 0: a random walk.
    terms : of the instruments; empty: the usual costs.
    changed : what is done to a dataset afterwards, with the seed; None: nothing.
    """

    edge: float
    terms: dict[str, float]
    changed: Callable[[Dataset, int], Dataset] | None = None

    @property
    def has_edge(self) -> bool:
        """Whether there is something to find."""
        return self.edge > 0 and self.changed is None

    def market(self, seed: int) -> SyntheticMarket:
        """Return the generator of the bars."""
        return SyntheticMarket(edge=self.edge, reversion=0.06, n_days=N_DAYS, timeframe=TIMEFRAME, seed=seed)

    def dataset(self, seed: int, home: Path, plan: Plan, features: str) -> Dataset:
        """Generate bars, trades and features as an experiment does, in a state folder of its own."""
        settings = Settings(home, "", "study", "study", "127.0.0.1", 5000)
        for symbol in SYMBOLS:
            settings.bars.append(self.market(seed).generate(symbol)[0])
        experiment = Experiment(
            symbols=SYMBOLS,
            timeframes=(str(TIMEFRAME),),
            strategies=RULES,
            num_strategies=N_INSTANCES,
            features=features,
            instruments=dict.fromkeys(SYMBOLS, self.terms),
            plan=plan,
        )
        dataset = build_dataset(experiment, load_chunks(experiment, settings), settings)
        return dataset if self.changed is None else self.changed(dataset, seed)

    def with_the_trend(self, dataset: Dataset, seed: int) -> np.ndarray:
        """Return the sizes of the oracle, who sees the regime: 1 for trades with the trend, else 0."""
        symbol = np.array([Instance.parse(name).symbol for name in dataset.instance_names])[dataset.instance]
        side = dataset.X[:, dataset.feature_names.index("trade__side")]
        sizes = np.zeros(len(dataset))
        for name in SYMBOLS:
            bars, regime = self.market(seed).generate(name)
            own = symbol == name
            seen = regime[np.searchsorted(bars.close_time, dataset.decision_time[own])]
            sizes[own] = seen * side[own] > 0
        return sizes


def _shuffled_winners(dataset: Dataset, seed: int) -> Dataset:
    """Deal the outcomes out anew, and raise them until every rule makes money: there is nothing to tell apart."""
    dealt = np.random.default_rng(seed).permutation(len(dataset))
    return replace(dataset, net_return=dataset.net_return[dealt] + 0.002, y=dataset.y[dealt])


KINDS = {
    "trend 0.1": Kind(0.1, {}),
    "trend 0.15": Kind(0.15, {}),
    "trend 0.2": Kind(0.2, {}),
    "random walk": Kind(0.0, {}),
    "random walk without costs": Kind(0.0, FREE),
    "shuffled outcomes of rules that earn": Kind(0.2, {}, _shuffled_winners),
}
