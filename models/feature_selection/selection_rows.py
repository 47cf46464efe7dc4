"""The rows that a selection reads, which must be training rows only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tradesieve.market.errors import BadInput


@dataclass(frozen=True, eq=False)
class SelectionRows:
    """Rows in decision order, as `models.feature_selection.registry.select` checked them.

    Parameters
    ----------
    X : float64 (n_rows, n_features), NaN where unknown.
    y : float64 (n_rows,), the targets.
    seed : of methods that draw at random.
    feature_names : of the columns, or None.
    spans : (decision_time, exit_time) of the rows, int64 ns UTC (n_rows,), or None.
    """

    X: np.ndarray
    y: np.ndarray
    seed: int
    feature_names: tuple[str, ...] | None
    spans: tuple[np.ndarray, np.ndarray] | None

    @property
    def positive(self) -> np.ndarray:
        """Whether the target is above zero: float64 (n_rows,), 0 or 1."""
        return (self.y > 0.0).astype(np.float64)

    def required_spans(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the spans for a method that needs them.

        Raises
        ------
        BadInput : if there are none.
        """
        if self.spans is None:
            raise BadInput(f"selection {name} needs the decision and exit times of the {len(self.X)} rows")
        return self.spans
