"""The description of an experiment's features on its development part: what they look like, and what they tell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tradesieve.features.profiling.clusters import Clusters, cluster_features, rank_correlation, rank_features
from tradesieve.features.profiling.drift import Stability, population_stability, reference_parts
from tradesieve.features.profiling.summary import SUMMARY, summarise_features
from tradesieve.market.calendars.periods import Periods, split_periods
from tradesieve.market.errors import BadInput, Unknown
from tradesieve.models.dataset import Dataset
from tradesieve.models.information_coefficient import MINIMUM_ROWS, InformationCoefficients, information_coefficients
from tradesieve.pipelines.progress import Progress, silent
from tradesieve.strategies.instance import Instance

LEVEL = 0.05
"""Features whose adjusted p-value is at most this are said to tell something."""

RESULTS = {"net_return": "the net return of the trade", "label": "what models learn of the trade (the label)"}
"""What features are correlated with: its meaning."""

COLUMNS = {
    **SUMMARY,
    "psi": "highest population stability index of a later period against the first part of time",
    "psi_by_luck": "what the index of that period stays below 19 times in 20 when nothing has moved",
    "psi_last": "index of the last period",
    "drift": "by the worst period that luck does not explain: stable (below 0.1), watch, shifted (0.25 and above)",
    "cluster": "features of a cluster say the same: the ranks of any two correlate by the threshold; 1 is the largest",
    "representative": "feature that correlates most with the others of its cluster",
    "ic": "information coefficient: Spearman's rank correlation with the result of the trade",
    "ic_error": "its standard error, by days, with neighbouring days hanging together (Newey and West)",
    "ic_t": "coefficient over error",
    "ic_p": "chance of so large a coefficient, either way, of a feature that tells nothing",
    "ic_p_adjusted": "the same, adjusted for the number of features (Benjamini and Hochberg)",
    "ic_mean": "mean of the coefficients of the periods",
    "ic_ratio": "that mean over their standard deviation (ICIR)",
    "ic_sign_rate": "periods whose coefficient has the sign of the whole, as a fraction of those that have one",
}
"""Column of the table: its meaning, in order."""


@dataclass(frozen=True)
class Alike:
    """Features that say the same: the number of their cluster, one for all, the others, and the weakest correlation."""

    cluster: int
    representative: str
    others: tuple[str, ...]
    weakest: float


@dataclass(frozen=True, eq=False)
class Description:
    """What the features of development trades look like.

    Parameters
    ----------
    development : the trades, with their features.
    table : one row a feature: ``feature``, then `COLUMNS`.
    periods : of the decisions.
    later : names of the periods that are compared with the first part of time, in the rows of ``stability``.
    reference : names of the periods of the first part of time, which hold at least a quarter of the trades.
    stability, clusters, information : see `features.profiling.drift`, `features.profiling.clusters` and
        `models.information_coefficient`.
    correlation : float64 (n_features, n_features), of ranks.
    threshold : of the clusters.
    against : what features are correlated with, one of `RESULTS`.
    """

    development: Dataset
    table: pd.DataFrame
    periods: Periods
    later: tuple[str, ...]
    reference: tuple[str, ...]
    stability: Stability
    clusters: Clusters
    information: InformationCoefficients
    correlation: np.ndarray
    threshold: float
    against: str

    @property
    def n_judged(self) -> int:
        """Count the features that have a coefficient with an error."""
        return int(np.sum(~np.isnan(self.information.p_value)))

    @property
    def n_telling(self) -> int:
        """Count the features that tell something after adjustment for their number."""
        return int(np.sum(self.information.p_adjusted <= LEVEL))

    @property
    def alike(self) -> list[Alike]:
        """List the clusters of more than one feature, the largest first."""
        names, found = self.development.feature_names, []
        for number, chosen in enumerate(self.clusters.representative):
            members = np.flatnonzero(self.clusters.code == number)
            if len(members) > 1:
                others = tuple(names[place] for place in members if place != chosen)
                weakest = float(np.abs(self.correlation[np.ix_(members, members)]).min())
                found.append(Alike(number + 1, names[chosen], others, weakest))
        return found


def describe_factors(
    development: Dataset,
    *,
    per: str | None = None,
    threshold: float = 0.7,
    against: str = "net_return",
    progress: Progress = silent,
) -> Description:
    """Describe the features of trades, and what they tell of the trades' results.

    Parameters
    ----------
    development : the part before the hold-out; the sealed part is for the one look of `models.protocol`.
    per : see `market.calendars.periods.split_periods`.
    threshold : see `features.profiling.clusters.cluster_features`.
    against : see `RESULTS`.

    Raises
    ------
    BadInput : if there are too few trades to describe, or an argument is out of its range.
    """
    if against not in RESULTS:
        raise Unknown("result", against, RESULTS)
    if len(development) < MINIMUM_ROWS:
        raise BadInput(
            f"{len(development)} trades before the hold-out are too few to describe features with: at least "
            f"{MINIMUM_ROWS} are needed, so choose more strategies, more symbols, or a longer time"
        )
    # By column, since every statistic goes through the columns one by one.
    X, names = np.asfortranarray(development.X), development.feature_names
    periods = split_periods(development.decision_time, per=per)
    steps = ("distributions", "stability", "clusters", "information")

    def tell(step: str) -> None:
        progress("describe", steps.index(step), len(steps), step)

    tell("distributions")
    table = summarise_features(X, names)
    tell("stability")
    part = reference_parts(periods.code)
    stability = population_stability(X, part, n_independent=_own_rows(development, part))
    tell("clusters")
    ranks = rank_features(X)
    correlation = rank_correlation(ranks)
    clusters = cluster_features(correlation, threshold=threshold)
    tell("information")
    information = information_coefficients(
        ranks, development.net_return if against == "net_return" else development.y,
        decision_time=development.decision_time, exit_time=development.exit_time, period=periods.code,
    )  # fmt: skip
    progress("describe", len(steps), len(steps), "done")
    first = len(periods.names) - int(part.max())
    return Description(
        development=development,
        table=table.assign(**_moved(stability), **_alike(clusters, names), **_told(information)),
        periods=periods,
        later=periods.names[first:],
        reference=periods.names[:first],
        stability=stability,
        clusters=clusters,
        information=information,
        correlation=correlation,
        threshold=threshold,
        against=against,
    )


def _own_rows(dataset: Dataset, part: np.ndarray) -> np.ndarray:
    """Count, part by part, the closes at which trades were decided: strategies that share one share its features."""
    series = [Instance.parse(name).series for name in dataset.instance_names]
    number = {each: place for place, each in enumerate(dict.fromkeys(series))}
    of_instance = np.array([number[each] for each in series])
    closes = pd.DataFrame({"bars": of_instance[dataset.instance], "time": dataset.decision_time, "part": part})
    return np.bincount(closes.drop_duplicates()["part"], minlength=int(part.max()) + 1)


def _moved(stability: Stability) -> dict[str, np.ndarray | list[str]]:
    index, by_luck = stability.index, stability.by_luck
    nothing = np.full(index.shape[1], np.nan)
    if not len(index):
        return {"psi": nothing, "psi_by_luck": nothing, "psi_last": nothing, "drift": stability.drift}
    worst = np.argmax(np.nan_to_num(index, nan=-1.0), axis=0)
    return {
        "psi": stability.worst,
        "psi_by_luck": by_luck[worst, np.arange(len(worst))],
        "psi_last": index[-1],
        "drift": stability.drift,
    }


def _alike(clusters: Clusters, names: tuple[str, ...]) -> dict[str, np.ndarray | list[str]]:
    chosen = clusters.representative[clusters.code]
    return {"cluster": clusters.code + 1, "representative": [names[place] for place in chosen]}


def _told(information: InformationCoefficients) -> dict[str, np.ndarray]:
    return {
        "ic": information.coefficient,
        "ic_error": information.standard_error,
        "ic_t": information.t_statistic,
        "ic_p": information.p_value,
        "ic_p_adjusted": information.p_adjusted,
        "ic_mean": information.mean,
        "ic_ratio": information.ratio,
        "ic_sign_rate": information.sign_rate,
    }
