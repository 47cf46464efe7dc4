"""Markets of a study: what is planted in them, and the trades and features that an experiment makes of them.

The trades are those of every rule, one strategy of each with the first parameters of its grid, on two symbols at 15m
and at the costs of a perpetual: what a user gets who asks for all rules. It is also the set that agrees with the study
which set the goals, where knowing the regime takes a Sortino ratio of 27 to 46 at an edge of 0.1, and weighing what
rules earn in each regime by its probability 12.9, and 33.4 at 0.15: here 29 to 40, 12.7 and 32.5 (four seeds). Of six
instances of three rules, with which this study began, even one who knows the regime takes only 12.7 and 34.

The other laws have the middle one of the edges of the trend, but for that of the leader: half of the trades are the
leader's own, and the other symbol follows in a third of its bars, so that its edge is 0.25.
"""

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
from tradesieve.strategies.registry import RULES

SYMBOLS = ("AAA", "BBB")
N_DAYS = 540
TIMEFRAME = parse_timeframe("15m")
REVERSION = 0.06
FREE = {"maker_fee": 0.0, "taker_fee": 0.0, "half_spread": 0.0, "slippage": 0.0}

TREND, OTHER, DEAD, NULL = "trend", "other", "dead", "null"
"""Groups of kinds: the goals of the study differ by them."""


@dataclass(frozen=True)
class Kind:
    """A kind of market.

    Parameters
    ----------
    group : one of `TREND`, `OTHER`, `DEAD` and `NULL`.
    edge, law : of `SyntheticMarket`; an edge of 0 is a random walk.
    terms : of the instruments; empty: the usual costs.
    changed : what is done to a dataset afterwards, with the seed; None: nothing.
    n_days : of bars.
    """

    group: str
    edge: float
    law: str = "trend"
    terms: tuple[tuple[str, float], ...] = ()
    changed: Callable[[Dataset, int], Dataset] | None = None
    n_days: int = N_DAYS

    @property
    def has_edge(self) -> bool:
        """Whether there is something to find that lasts."""
        return self.group in (TREND, OTHER)

    def market(self, seed: int) -> SyntheticMarket:
        """Return the generator of the bars."""
        return SyntheticMarket(
            edge=self.edge, law=self.law, reversion=REVERSION, n_days=self.n_days, timeframe=TIMEFRAME, seed=seed
        )

    def dataset(self, seed: int, home: Path, plan: Plan, features: str | tuple[str, ...]) -> Dataset:
        """Generate bars, trades and features as an experiment does, in a state folder of its own."""
        settings = Settings(home, "", "study", "study", "127.0.0.1", 5000)
        for symbol in SYMBOLS:
            settings.bars.append(self.market(seed).generate(symbol)[0])
        experiment = Experiment(
            symbols=SYMBOLS,
            timeframes=(str(TIMEFRAME),),
            num_strategies=len(RULES),
            features=features,
            instruments={symbol: dict(self.terms) for symbol in SYMBOLS},
            plan=plan,
        )
        dataset = build_dataset(experiment, load_chunks(experiment, settings), settings)
        return dataset if self.changed is None else self.changed(dataset, seed)


def _shuffled_winners(dataset: Dataset, seed: int) -> Dataset:
    """Deal the outcomes out anew, and raise them until every rule makes money: there is nothing to tell apart."""
    dealt = np.random.default_rng(seed).permutation(len(dataset))
    return replace(dataset, net_return=dataset.net_return[dealt] + 0.002, y=dataset.y[dealt])


KINDS = {
    "trend 0.1": Kind(TREND, 0.1),
    "trend 0.15": Kind(TREND, 0.15),
    "trend 0.2": Kind(TREND, 0.2),
    "volatility": Kind(OTHER, 0.15, "volatility"),
    "hours": Kind(OTHER, 0.15, "hours"),
    "one side only": Kind(OTHER, 0.15, "one_side"),
    "volume": Kind(OTHER, 0.15, "volume"),
    "trend with jumps": Kind(OTHER, 0.15, "jumps"),
    "another symbol leads": Kind(OTHER, 0.25, "leader"),
    "an edge that dies half way": Kind(DEAD, 0.15, "dying"),
    "random walk": Kind(NULL, 0.0),
    "random walk without costs": Kind(NULL, 0.0, terms=tuple(FREE.items())),
    "shuffled outcomes of rules that earn": Kind(NULL, 0.2, changed=_shuffled_winners),
}
