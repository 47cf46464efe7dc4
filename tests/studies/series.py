"""Series of a study: twenty different experiments in a row on the hold-out of one random walk, in one ledger.

The experiments differ as those of a user who looks for something that works: in rules, features, label, aim, number of
candidates and seed. Every one opens the same hold-out.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tests.studies.market_kinds import KINDS
from tests.studies.plans import EVERY_FEATURE, FEATURES, SHORT, STANDARD, WITHOUT_SIDES
from tests.studies.runs import open_for_study
from tradesieve.models.dataset import Dataset
from tradesieve.models.protocol.ledger import Ledger
from tradesieve.models.protocol.plan import Plan
from tradesieve.models.protocol.search import search
from tradesieve.models.splits import split_holdout
from tradesieve.strategies.instance import Instance
from tradesieve.strategies.registry import RULES

N_EXPERIMENTS = 20
_FEATURES = (FEATURES, STANDARD, SHORT, WITHOUT_SIDES)
_FIRST_SEED = 500_000


def run_series(kind_name: str, seed: int) -> dict[str, Any]:
    """Run the experiments of a series one after the other, and count the openings of the gate."""
    generator = np.random.default_rng((_FIRST_SEED, seed))
    opened, failed = [], []
    with tempfile.TemporaryDirectory() as folder:
        made = KINDS[kind_name].dataset(_FIRST_SEED + seed, Path(folder), Plan(), EVERY_FEATURE)
        ledger = Ledger(Path(folder) / "ledger.db")
        for number in range(N_EXPERIMENTS):
            plan, dataset = _drawn(made, generator)
            development, holdout = split_holdout(dataset, fraction=plan.holdout_fraction)
            result = search(development, plan, n_jobs=1)
            gate = open_for_study(holdout, result, plan, ledger, experiment=f"experiment {number}").gate
            opened.append(gate.open)
            failed.append([condition.name for condition in gate.conditions if not condition.passed])
    return {"kind": kind_name, "seed": seed, "opened": int(np.sum(opened)), "failed": failed}


def _drawn(made: Dataset, generator: np.random.Generator) -> tuple[Plan, Dataset]:
    """Draw an experiment: two to four rules, and a plan."""
    rules = generator.choice(list(RULES), size=int(generator.integers(2, 5)), replace=False)
    features = _FEATURES[int(generator.integers(len(_FEATURES)))]
    label = str(generator.choice(["scaled_return", "won"]))
    plan = Plan(
        aim=str(generator.choice(["smooth", "money"])),
        label=label,
        engines={"lightgbm": int(generator.integers(1, 3))},
        seed=int(generator.integers(1_000_000)),
    )
    columns = [made.feature_names.index(name) for name in features]
    y = (made.net_return > 0.0).astype(np.float64) if label == "won" else made.y
    dataset = replace(made, X=np.ascontiguousarray(made.X[:, columns]), feature_names=features, y=y)
    return plan, _of_rules(dataset, set(rules))


def _of_rules(dataset: Dataset, rules: set[str]) -> Dataset:
    """Keep the instances of some rules, who then share the capital."""
    kept = np.array([Instance.parse(name).rule in rules for name in dataset.instance_names])
    own = dataset.take(kept[dataset.instance])
    names = tuple(name for name, keep in zip(dataset.instance_names, kept, strict=True) if keep)
    return replace(own, instance=(np.cumsum(kept) - 1)[own.instance], instance_names=names)
