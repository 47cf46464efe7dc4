"""The profile of an experiment's features on its development part: distribution, stability, redundancy, information."""

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

SIGNIFICANCE_LEVEL = 0.05
"""A feature is informative if its adjusted p-value is at most this."""

RESULTS = {"net_return": "the net return of the trade", "label": "the label that models learn"}
"""What features may be correlated with, and its meaning."""

COLUMNS = {
    **SUMMARY,
    "psi": "highest population stability index (PSI) of a later period against the reference periods",
    "psi_by_luck": "95th percentile of that period's PSI if the distribution had not changed",
    "psi_last": "PSI of the last period",
    "drift": "by the worst period that chance does not explain: stable (below 0.1), watch, shifted (0.25 and above)",
    "cluster": "cluster of redundant features: the ranks of any two correlate by the threshold; 1 is the largest",
    "representative": "feature that correlates most with the others of its cluster",
    "ic": "information coefficient (IC): Spearman's rank correlation with the result of the trade",
    "ic_error": "standard error of the IC, from daily sums with autocorrelation (Newey and West)",
    "ic_t": "IC over its standard error",
    "ic_p": "two-sided p-value of the IC",
    "ic_p_adjusted": "p-value adjusted for the number of features (Benjamini and Hochberg)",
    "ic_mean": "mean of the ICs of the periods",
    "ic_ratio": "that mean over their standard deviation (ICIR)",
    "ic_sign_rate": "fraction of the periods with an IC whose IC has the sign of the overall IC",
}
"""The columns of the table, in order, and their meaning."""


@dataclass(frozen=True)
class FeatureCluster:
    """Redundant features: their cluster's number, its representative, the others, and the weakest correlation."""

    cluster: int
    representative: str
    others: tuple[str, ...]
    weakest: float


@dataclass(frozen=True, eq=False)
class FeatureProfile:
    """The profile of the features of development trades.

    Parameters
    ----------
    development : the trades, with their features.
    table : one row a feature: ``feature``, then `COLUMNS`.
    periods : of the decisions.
    later : names of the periods that are compared with the reference, in the rows of ``stability``.
    reference : names of the first periods, which together hold at least a quarter of the trades.
    stability, clusters, information : see `features.profiling.drift`, `features.profiling.clusters` and
        `models.information_coefficient`.
    correlation : float64 (n_features, n_features), of ranks.
    threshold : least correlation within a cluster.
    against : what the features are correlated with, one of `RESULTS`.
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
        """Number of features that have an IC with a standard error."""
        return int(np.sum(~np.isnan(self.information.p_value)))

    @property
    def n_informative(self) -> int:
        """Number of features that are informative after adjustment for their number."""
        return int(np.sum(self.information.p_adjusted <= SIGNIFICANCE_LEVEL))

    @property
    def redundant(self) -> list[FeatureCluster]:
        """The clusters of more than one feature, the largest first."""
        names, found = self.development.feature_names, []
        for number, chosen in enumerate(self.clusters.representative):
            members = np.flatnonzero(self.clusters.code == number)
            if len(members) > 1:
                others = tuple(names[place] for place in members if place != chosen)
                weakest = float(np.abs(self.correlation[np.ix_(members, members)]).min())
                found.append(FeatureCluster(number + 1, names[chosen], others, weakest))
        return found


def profile_features(
    development: Dataset,
    *,
    per: str | None = None,
    threshold: float = 0.7,
    against: str = "net_return",
    progress: Progress = silent,
) -> FeatureProfile:
    """Profile the features of trades and their relation to the trades' results.

    1. Summarise the distribution of each feature.
    2. Compare its later periods with the reference periods (PSI).
    3. Cluster redundant features by their rank correlation.
    4. Correlate each feature with the results (IC).

    Parameters
    ----------
    development : the part before the hold-out, which stays sealed here.
    per : see `market.calendars.periods.split_periods`.
    threshold : see `features.profiling.clusters.cluster_features`.
    against : see `RESULTS`; trades whose label is unknown are left out of a profile against it.

    Raises
    ------
    BadInput : if there are too few trades to profile, or an argument is out of range.
    """
    if against == "label":
        development = development.take(np.isfinite(development.y))
    _check_request(development, against)

    def report(done: int, step: str) -> None:
        progress("describe", done, 4, step)

    # In Fortran order, since every statistic goes through the columns one by one.
    X, names = np.asfortranarray(development.X), development.feature_names
    periods = split_periods(development.decision_time, per=per)
    report(0, "distributions")
    summary = summarise_features(X, names)
    report(1, "stability")
    part = reference_parts(periods.code)
    stability = population_stability(X, part, n_independent=_independent_rows(development, part))
    report(2, "clusters")
    ranks = rank_features(X)
    correlation = rank_correlation(ranks)
    clusters = cluster_features(correlation, threshold=threshold)
    report(3, "information")
    information = information_coefficients(
        ranks, development.net_return if against == "net_return" else development.y,
        decision_time=development.decision_time, exit_time=development.exit_time, period=periods.code,
    )  # fmt: skip
    report(4, "done")
    n_reference = len(periods.names) - int(part.max())
    return FeatureProfile(
        development=development,
        table=summary.assign(
            **_stability_columns(stability), **_cluster_columns(clusters, names), **_information_columns(information)
        ),
        periods=periods,
        later=periods.names[n_reference:],
        reference=periods.names[:n_reference],
        stability=stability,
        clusters=clusters,
        information=information,
        correlation=correlation,
        threshold=threshold,
        against=against,
    )


def _check_request(development: Dataset, against: str) -> None:
    if against not in RESULTS:
        raise Unknown("result", against, RESULTS)
    if len(development) < MINIMUM_ROWS:
        raise BadInput(
            f"{len(development)} trades before the hold-out are too few to profile features with: at least "
            f"{MINIMUM_ROWS} are needed, so choose more strategies, more symbols, or a longer period"
        )


def _independent_rows(dataset: Dataset, part: np.ndarray) -> np.ndarray:
    """Count the closes of each part at which trades were decided; strategies that decide at one share its features."""
    series = [Instance.parse(name).series for name in dataset.instance_names]
    number = {each: place for place, each in enumerate(dict.fromkeys(series))}
    series_of_instance = np.array([number[each] for each in series])
    closes = pd.DataFrame({"series": series_of_instance[dataset.instance], "time": dataset.decision_time, "part": part})
    return np.bincount(closes.drop_duplicates()["part"], minlength=int(part.max()) + 1)


def _stability_columns(stability: Stability) -> dict[str, np.ndarray | list[str]]:
    index, by_luck = stability.index, stability.by_luck
    undefined = np.full(index.shape[1], np.nan)
    if not len(index):
        return {"psi": undefined, "psi_by_luck": undefined, "psi_last": undefined, "drift": stability.drift}
    worst = np.argmax(np.nan_to_num(index, nan=-1.0), axis=0)
    return {
        "psi": stability.worst,
        "psi_by_luck": by_luck[worst, np.arange(len(worst))],
        "psi_last": index[-1],
        "drift": stability.drift,
    }


def _cluster_columns(clusters: Clusters, names: tuple[str, ...]) -> dict[str, np.ndarray | list[str]]:
    representative = clusters.representative[clusters.code]
    return {"cluster": clusters.code + 1, "representative": [names[place] for place in representative]}


def _information_columns(information: InformationCoefficients) -> dict[str, np.ndarray]:
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
