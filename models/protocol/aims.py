"""Aims: what a trader wants of a filter, as defaults of a plan."""

from __future__ import annotations

from dataclasses import dataclass

from tradesieve.market.errors import lookup


@dataclass(frozen=True)
class Aim:
    """Defaults of a plan.

    Parameters
    ----------
    application : how the scores of a regression become sizes, see `models.applications`.
    of_classes : the same for those of a classification.
    selected_by : the measure that ranks trials and chooses an application's parameters. It estimates with less noise
        than a Sortino ratio, which hangs on few losing days; the studies show that it ends in a better one.
    """

    application: str
    of_classes: str
    selected_by: str


AIMS = {
    "smooth": Aim("positive_score", "proportional", "expectancy_by_coverage"),
    "money": Aim("per_strategy_threshold", "per_strategy_threshold", "total_return"),
}
"""``smooth``: a high Sortino ratio, sizes grow with the score. ``money``: a high return, whole stakes or none."""


def aim_named(name: str) -> Aim:
    """Return the aim of this name.

    Raises
    ------
    Unknown : if there is no such aim.
    """
    return lookup("aim", name, AIMS)
