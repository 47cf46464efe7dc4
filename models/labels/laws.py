"""The law of a label: a target follows from what is known at its time, and from nothing later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from tradesieve.market.bars import format_time
from tradesieve.market.errors import Refused
from tradesieve.models.labels.base import Label

if TYPE_CHECKING:
    import pandas as pd

    from tradesieve.market.bars import Bars

_BORDERS = (0.25, 0.5, 0.75)
_OUTCOMES = ("net_return", "gross_return", "cost", "r_multiple", "mae", "mfe", "exit_price", "bars_held")


def check_label(
    label: Label, trades: pd.DataFrame, features: np.ndarray, bars: Mapping[tuple[str, str], Bars] | None = None
) -> None:
    """Check that no target changes with an outcome that is not known yet.

    1. Take a time, after a quarter, a half and three quarters of the exits.
    2. Change the outcomes of all trades that exit after it, and drop the bars after it.
    3. The targets that are known by it stay the same, bit for bit.

    Parameters
    ----------
    trades, features, bars : as `Label.compute`.

    Raises
    ------
    Refused : if one changes; names the label and the time of its row. Such a target tells a training row of its test
        fold, and of the hold-out.
    """
    before = label.compute(trades, features, bars)
    generator = np.random.default_rng(0)
    for border in np.quantile(trades["exit_time"].to_numpy(), _BORDERS, method="lower"):
        known = before.known_time <= border
        if not known.any():
            continue
        changed = _changed_after(trades, int(border), generator)
        cut = None if bars is None else {series: own.between(None, int(border)) for series, own in bars.items()}
        after = label.compute(changed, features, cut)
        differs = known & ~np.isclose(before.values, after.values, rtol=0.0, atol=0.0, equal_nan=True)
        if differs.any():
            row = int(np.argmax(differs))
            raise Refused(
                f"label {label.name}: the target of the trade decided at "
                f"{format_time(int(trades['decision_time'].iloc[row]))} is known at "
                f"{format_time(int(before.known_time[row]))}, but changes with what happens after "
                f"{format_time(int(border))}: read only outcomes that are known by then"
            )


def _changed_after(trades: pd.DataFrame, border: int, generator: np.random.Generator) -> pd.DataFrame:
    later = (trades["exit_time"] > border).to_numpy()
    changed = trades.copy()
    for name in set(_OUTCOMES) & set(trades.columns):
        values = trades[name].to_numpy(dtype=np.float64, copy=True)
        values[later] *= generator.uniform(2.0, 5.0, int(later.sum()))
        changed[name] = values if name != "bars_held" else values.astype(np.int64)
    if "exit_reason" in trades:
        reasons = trades["exit_reason"].to_numpy(copy=True)
        reasons[later] = generator.permutation(reasons[later])
        changed["exit_reason"] = reasons
    return changed
