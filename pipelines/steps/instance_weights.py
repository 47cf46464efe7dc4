"""Weights of strategy instances, estimated on what is shown of their trades, as a configuration for production."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tradesieve.market.bars import format_time
from tradesieve.market.errors import BadInput
from tradesieve.market.storage.files import atomic_write
from tradesieve.models.json_values import json_safe
from tradesieve.pipelines.progress import Progress, silent
from tradesieve.pipelines.trade_sets import fingerprint_of
from tradesieve.strategies.allocation.instance_returns import InstanceReturns
from tradesieve.strategies.allocation.reestimation import Estimation, Estimator, WeightPath, weight_paths
from tradesieve.strategies.statistics.grouping import Backtest
from tradesieve.strategies.trades import is_closed

FORMAT = 1
"""The version of the configuration's layout."""
_ROUNDING = 1e-6


@dataclass(frozen=True, eq=False)
class FoundWeights:
    """Weights for the time after the trades, and what such weights would have earned.

    Parameters
    ----------
    estimation : how they were estimated.
    names : of the instances.
    weights : float64 (n_instances,), at least 0, of sum 1 or 0.
    n_closed : int64 (n_instances,), closed trades of each.
    paths : each way of re-estimating, on the days after the warm-up.
    n_failed : days on which a solver found no weights, so that those before stayed.
    period : of the trades, int64 ns UTC.
    fingerprint : hash of the closed trades, their period and instances.
    """

    estimation: Estimation
    names: tuple[str, ...]
    weights: np.ndarray
    n_closed: np.ndarray
    paths: tuple[WeightPath, ...]
    n_failed: int
    period: tuple[int, int]
    fingerprint: str

    def rows(self) -> list[dict[str, Any]]:
        """Return the weight of each instance, the largest first."""
        order = np.argsort(-self.weights, kind="stable")
        return [
            {"instance": self.names[row], "weight": float(self.weights[row]), "n_trades": int(self.n_closed[row])}
            for row in order.tolist()
        ]

    def path_rows(self) -> list[dict[str, Any]]:
        """Return the measures of each path, JSON-safe."""
        return [{"path": path.name, **json_safe(path.measures)} for path in self.paths]


def find_weights(
    trades: pd.DataFrame,
    backtest: Backtest,
    estimation: Estimation,
    *,
    warm_up: int | None = None,
    progress: Progress = silent,
) -> FoundWeights:
    """Estimate weights on all closed trades, and follow weights that were re-estimated as time went on.

    Parameters
    ----------
    trades, backtest : what is shown: the hold-out is not among them unless the look is recorded.
    warm_up : days that are not traded; None: a quarter.

    Raises
    ------
    BadInput : if no trade closed, no day is left to trade, or a library is missing.
    BadData : if a solver finds no weights.
    """
    closed = trades[is_closed(trades)]
    if not len(closed):
        raise BadInput("no trade closed, so there is nothing to weigh: choose other strategies or a longer time")
    estimator = Estimator(InstanceReturns.of(trades, backtest), estimation)
    paths = tuple(weight_paths(estimator, warm_up=warm_up, on_progress=partial(progress, "weights")))
    names = backtest.instance_names
    return FoundWeights(
        estimation=estimation,
        names=names,
        weights=estimator.at(len(estimator.returns.days)),
        n_closed=np.bincount(estimator.returns.code, minlength=len(names)),
        paths=paths,
        n_failed=len(estimator.failed),
        period=backtest.period,
        fingerprint=fingerprint_of(closed, [list(backtest.period), list(names)]),
    )


def read_configuration(path: Path) -> dict[str, float]:
    """Read the weights of a configuration that `write_configuration` wrote, or that was edited by hand.

    Returns
    -------
    The share of the whole capital by name of the instance.

    Raises
    ------
    BadInput : if the file cannot be read, is of another format, or holds weights that are no shares of one capital.
    """
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise BadInput(f"{path} is not valid JSON: {error}") from error
    weights = held.get("weights") if isinstance(held, dict) and held.get("format") == FORMAT else None
    if not isinstance(weights, dict):
        raise BadInput(
            f"{path} is no configuration of weights of format {FORMAT}: write one with `tradesieve trades weights "
            f"--output {path.name}`"
        )
    for name, weight in weights.items():
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight <= 1:
            raise BadInput(f"{path}: the weight of {name} is {weight!r}; write a share of the capital from 0 to 1")
    if sum(weights.values()) > 1 + _ROUNDING:
        raise BadInput(f"{path}: the weights add up to {sum(weights.values()):.6g}, more than the whole capital")
    return {name: float(weight) for name, weight in weights.items()}


def write_configuration(found: FoundWeights, path: Path, *, reestimate: str, trades: str | None) -> None:
    """Write the weights as a configuration, as a whole or not at all.

    Parameters
    ----------
    reestimate : how often they are meant to be estimated anew.
    trades : the name of the imported set; None: simulated trades.

    Raises
    ------
    BadInput : if the file cannot be written.
    """
    estimation = found.estimation
    first, last = (format_time(time) for time in found.period)
    configuration = {
        "format": FORMAT,
        "tradesieve": version("tradesieve"),
        "method": estimation.method,
        "window_days": estimation.window,
        "minimum_trades": estimation.minimum_trades,
        "reestimate": reestimate,
        "trades": {
            "set": trades, "fingerprint": found.fingerprint, "n_trades": int(found.n_closed.sum()),
            "from": first, "to": last,
        },
        "weights": {row["instance"]: row["weight"] for row in found.rows()},
    }  # fmt: skip
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(configuration, indent=1, allow_nan=False) + "\n", encoding="utf-8")
