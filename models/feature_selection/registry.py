"""Feature selection by name: the columns of X that a candidate's model reads, chosen on its training rows alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tradesieve.features.inputs import is_beside
from tradesieve.market.errors import BadInput, Unknown
from tradesieve.models.feature_selection.boruta import boruta
from tradesieve.models.feature_selection.importance import clustered_importance, permutation_importance
from tradesieve.models.feature_selection.pruning import all_columns, uncorrelated, varying
from tradesieve.models.feature_selection.relevance import relevant_bh, relevant_by
from tradesieve.models.feature_selection.selection_rows import SelectionRows
from tradesieve.models.feature_selection.stability import stable
from tradesieve.models.feature_selection.univariate import better_half_by_f, better_half_by_information

Method = Callable[[SelectionRows], np.ndarray]
"""Returns the numbers of the columns that it keeps, ascending; none where it finds nothing."""

SELECTIONS: dict[str, Method] = {
    "all": all_columns,
    "univariate": better_half_by_f,
    "mutual_information": better_half_by_information,
    "correlation": uncorrelated,
}
"""The methods that random candidates are drawn from; candidates keep their keys, so the list stays as it is."""

OWN_SYMBOL = "own_symbol"
"""The method that drops the features of symbols beside the decision's: its model requires the bars of no other."""

NAMED: dict[str, Method] = {
    "variance": varying,
    "tsfresh_bh": relevant_bh,
    "tsfresh_by": relevant_by,
    "permutation": permutation_importance,
    "clustered": clustered_importance,
    "boruta": boruta,
    "stability": stable,
}
"""Further methods, which a plan asks for by name."""


def select(
    name: str,
    X: np.ndarray,
    y: np.ndarray,
    *,
    seed: int,
    feature_names: Sequence[str] | None = None,
    spans: tuple[np.ndarray, np.ndarray] | None = None,
) -> np.ndarray:
    """Select columns on the given rows, which must be training rows only.

    Where a method finds nothing, as on noise, the first column stays, so that a model can be fitted.

    Parameters
    ----------
    name : of `SELECTIONS` or `NAMED`, or `OWN_SYMBOL`, which goes by the names of the features.
    X : float64 (n_rows, n_features), NaN where unknown, in decision order.
    y : float64 (n_rows,), the targets.
    seed : of methods that draw at random.
    feature_names : of the columns; only `OWN_SYMBOL` needs them.
    spans : (decision_time, exit_time) of the rows, int64 ns UTC (n_rows,); only importance on purged inner folds needs
        them.

    Returns
    -------
    int64 column numbers, ascending, at least one.

    Raises
    ------
    Unknown : if there is no such method.
    BadInput : if `X` has no column or no row, `y` does not fit it, or the method lacks what it needs.
    """
    check_selection(name)
    if X.ndim != 2 or not X.size or y.shape != (len(X),):
        raise BadInput(f"X has shape {X.shape} and y {y.shape}: selection needs rows, columns and one y per row")
    names = None if feature_names is None else tuple(feature_names)
    rows = SelectionRows(X, y, seed, names, spans)
    if name == OWN_SYMBOL:
        return _own_symbol(rows)
    chosen = (SELECTIONS | NAMED)[name](rows)
    return chosen.astype(np.int64) if len(chosen) else np.zeros(1, dtype=np.int64)


def check_selection(name: str) -> None:
    """Raise Unknown if there is no such method."""
    if name not in SELECTIONS and name not in NAMED and name != OWN_SYMBOL:
        raise Unknown("selection", name, (*SELECTIONS, *NAMED, OWN_SYMBOL))


def _own_symbol(rows: SelectionRows) -> np.ndarray:
    names = rows.feature_names
    if names is None or len(names) != rows.X.shape[1]:
        raise BadInput(f"selection {OWN_SYMBOL} needs the names of the {rows.X.shape[1]} features")
    own = np.flatnonzero([not is_beside(name) for name in names])
    if not len(own):
        raise BadInput("every feature reads another symbol than the decision's")
    return own.astype(np.int64)
