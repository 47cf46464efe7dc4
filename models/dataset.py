"""The dataset: one row for each training trade, in decision order, with the span of time that its outcome covers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from tradesieve.market.calendars.trading_days import TradingCalendar
from tradesieve.market.errors import BadData, BadInput, lookup
from tradesieve.models.labels.base import Label, Targets
from tradesieve.models.labels.laws import check_label
from tradesieve.models.labels.registry import is_users, label_named

if TYPE_CHECKING:
    import pandas as pd

    from tradesieve.market.bars import Bars


@dataclass(frozen=True, eq=False)
class Dataset:
    """Trades with features, labels and outcomes.

    Parameters
    ----------
    X : float64 (n_trades, n_factors), C order. NaN where a factor lacks history.
    feature_names : the names of the columns of `X`.
    y : float64 (n_trades,), the label; NaN where it is unknown, and the row is not trained on.
    weight : float64 (n_trades,), positive.
    decision_time, exit_time : int64 ns UTC (n_trades,); a row's money is known at its exit. `decision_time` ascends.
    net_return : float64 (n_trades,), fraction of entry notional, after costs.
    stake : float64 (n_trades,), fraction of the instance's capital that the rule itself invests.
    instance : int64 (n_trades,), index into `instance_names`.
    instance_names : every strategy instance that was run (``strategy|symbol|timeframe``), also those without a trade,
        but one for all that have the same trades; each holds an equal share of the capital.
    period : (start_time, end_time), int64 ns UTC, covered by the daily returns.
    calendar : the trading days within `period`.
    same_trades_as : the one of `instance_names` that stands for it, by the name of each instance that was joined with
        an earlier one of the same trades.
    scope_columns : of `feature_names`, those that are there for scopes, see `models.scopes`; other candidates do not
        read them.
    """

    X: np.ndarray
    feature_names: tuple[str, ...]
    y: np.ndarray
    weight: np.ndarray
    decision_time: np.ndarray
    exit_time: np.ndarray
    net_return: np.ndarray
    stake: np.ndarray
    instance: np.ndarray
    instance_names: tuple[str, ...]
    period: tuple[int, int]
    calendar: TradingCalendar
    same_trades_as: Mapping[str, str] = field(default_factory=dict)
    label_time: np.ndarray | None = None
    more_targets: Mapping[str, np.ndarray] = field(default_factory=dict)
    factor_sets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    scope_columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.decision_time)
        if self.X.shape != (n, len(self.feature_names)):
            raise BadData(f"X has shape {self.X.shape}, expected {(n, len(self.feature_names))}")
        for name in ("y", "weight", "exit_time", "net_return", "stake", "instance"):
            if getattr(self, name).shape != (n,):
                raise BadData(f"{name} has shape {getattr(self, name).shape}, expected {(n,)}")
        for name, targets in self.more_targets.items():
            if targets.shape != (n,):
                raise BadData(f"the targets {name} have shape {targets.shape}, expected {(n,)}")
        if n and np.any(np.diff(self.decision_time) < 0):
            row = int(np.argmax(np.diff(self.decision_time) < 0)) + 1
            raise BadData(f"row {row} was decided before row {row - 1}: sort the rows by decision time")
        if np.any(self.exit_time <= self.decision_time):
            row = int(np.argmax(self.exit_time <= self.decision_time))
            raise BadData(f"row {row} ends at {self.exit_time[row]}, not after its decision")
        if self.span_end.shape != (n,) or np.any(self.span_end < self.exit_time):
            raise BadData("label_time needs one time for each row, at its exit or later")

    @property
    def span_end(self) -> np.ndarray:
        """Where the span of each row ends: both its money and its labels are known then."""
        return self.exit_time if self.label_time is None else self.label_time

    def targets(self, label: str = "") -> np.ndarray:
        """Return the targets of a label; without a name, `y`.

        Raises
        ------
        Unknown : if the rows do not have it.
        """
        return lookup("label of the dataset", label, self.more_targets) if label else self.y

    def columns_of(self, factors: str = "", *, categories: Sequence[str] = ()) -> np.ndarray | None:
        """Return the columns that a candidate reads, int64, ascending; None where it reads all of them.

        Parameters
        ----------
        factors : a factor set; without a name, every feature that is not there for a scope.
        categories : the names of category columns that it reads besides.

        Raises
        ------
        Unknown : if the rows do not have the factor set.
        """
        if not factors and not self.scope_columns:
            return None
        own: Sequence[str] = [name for name in self.feature_names if name not in self.scope_columns]
        if factors:
            own = lookup("factor set of the dataset", factors, self.factor_sets)
        return np.flatnonzero(np.isin(self.feature_names, [*own, *categories]))

    def __len__(self) -> int:
        return len(self.decision_time)

    def take(self, rows: np.ndarray, *, period: tuple[int, int] | None = None) -> Dataset:
        """Keep `rows` (ascending indices or a boolean mask), under the same period or another."""
        columns = ("X", "y", "weight", "decision_time", "exit_time", "net_return", "stake", "instance")
        kept = {name: getattr(self, name)[rows] for name in columns}
        return replace(
            self,
            **kept,
            period=period or self.period,
            label_time=None if self.label_time is None else self.label_time[rows],
            more_targets={name: targets[rows] for name, targets in self.more_targets.items()},
        )

    def by_instance(self) -> tuple[np.ndarray, np.ndarray]:
        """Group the rows by strategy instance.

        Returns
        -------
        order : int64 (n_trades,), row numbers, instance after instance, each in decision order.
        offsets : int64 (n_instances + 1,); the rows of instance i are ``order[offsets[i] : offsets[i + 1]]``.
        """
        order = np.argsort(self.instance, kind="stable")
        return order, np.searchsorted(self.instance[order], np.arange(len(self.instance_names) + 1))

    @property
    def fingerprint(self) -> str:
        """Hash of content, names, period and calendar; equal datasets have equal fingerprints."""
        digest = hashlib.sha256()
        for name in ("X", "y", "weight", "decision_time", "exit_time", "net_return", "stake", "instance"):
            digest.update(np.ascontiguousarray(getattr(self, name)).tobytes())
        digest.update(repr((self.feature_names, self.instance_names, self.period, self.calendar)).encode())
        # A dataset without these keeps the fingerprint that it had before they existed.
        if self.label_time is not None:
            digest.update(np.ascontiguousarray(self.label_time).tobytes())
        for name, targets in self.more_targets.items():
            digest.update(name.encode() + np.ascontiguousarray(targets).tobytes())
        if self.factor_sets:
            digest.update(repr(sorted(self.factor_sets.items())).encode())
        if self.scope_columns:
            digest.update(repr(self.scope_columns).encode())
        return digest.hexdigest()[:16]


def dataset_from_trades(
    trades: pd.DataFrame,
    X: np.ndarray,
    feature_names: Sequence[str],
    *,
    labels: Sequence[str],
    label_features: Mapping[str, np.ndarray] | None = None,
    bars: Mapping[tuple[str, str], Bars] | None = None,
    instance_names: Sequence[str],
    period: tuple[int, int],
    calendar: TradingCalendar,
    same_trades_as: Mapping[str, str] | None = None,
    factor_sets: Mapping[str, tuple[str, ...]] | None = None,
    scope_columns: tuple[str, ...] = (),
) -> Dataset:
    """Build a dataset from trades and their features.

    Trades that ended only because the data did are left out, because their outcome is unknown. A trade whose label is
    unknown stays, because its money is known; models are trained without it.

    Parameters
    ----------
    trades : the trades table, in decision order; trades of the instances of `same_trades_as` are left out.
    X : float64 (n_trades, n_features).
    feature_names, period, calendar, same_trades_as, factor_sets, scope_columns : see `Dataset`.
    labels : names, see `models.labels`; the first one becomes `Dataset.y`.
    label_features : float64 (n_trades,) of each feature that a label reads, by name.
    bars : by symbol and timeframe, for labels that read them.
    instance_names : every strategy instance that was run, those of `same_trades_as` too.

    Raises
    ------
    BadInput : if no trade is left, one is of an instance that `instance_names` lacks, or a label is unknown for all.
    Unknown : if there is no such label.
    Refused : if a user's label reads what is not known at its time.
    """
    from tradesieve.strategies.trades import (  # needs pandas; applying a model does not
        instance_codes,
        instance_of,
        is_closed,
    )

    joined = same_trades_as or {}
    closed = is_closed(trades)
    if not closed.any():
        raise BadInput("the strategies made no trade that closed: choose others, more symbols, or a longer time")
    codes = instance_codes(trades, instance_names)
    if codes[closed].min() < 0:
        row = int(np.argmax(closed & (codes < 0)))
        raise BadInput(f"instance_names lacks {instance_of(trades, row)}, which has trades")
    distinct = np.array([name not in joined for name in instance_names])
    kept = closed & distinct[codes]
    table, instance = trades[kept], (np.cumsum(distinct) - 1)[codes[kept]]
    read = {name: column[kept] for name, column in (label_features or {}).items()}
    targets = {name: _targets(label_named(name), table, read, bars) for name in labels}
    known_time = np.max([each.known_time for each in targets.values()], axis=0)
    exit_time = table["exit_time"].to_numpy()
    return Dataset(
        X=np.ascontiguousarray(X[kept]),
        feature_names=tuple(feature_names),
        y=targets[labels[0]].values,
        weight=np.ones(len(table)),
        decision_time=table["decision_time"].to_numpy(),
        exit_time=exit_time,
        net_return=table["net_return"].to_numpy(),
        stake=table["stake"].to_numpy(),
        instance=instance,
        instance_names=tuple(name for name in instance_names if name not in joined),
        period=period,
        calendar=calendar,
        same_trades_as=joined,
        label_time=known_time if np.any(known_time > exit_time) else None,
        more_targets={name: each.values for name, each in targets.items()} if len(labels) > 1 else {},
        factor_sets=factor_sets or {},
        scope_columns=scope_columns,
    )


def _targets(
    label: Label,
    trades: pd.DataFrame,
    features: Mapping[str, np.ndarray],
    bars: Mapping[tuple[str, str], Bars] | None,
) -> Targets:
    columns = [lookup(f"feature of the label {label.name}", name, features) for name in label.features]
    read = np.column_stack(columns) if columns else np.empty((len(trades), 0))
    if is_users(label):
        check_label(label, trades, read)
    return label.compute(trades, read, bars)
