"""Applications turn scores into sizes: one file each, chosen by fitness, never on the rows they are judged on."""

from tradesieve.models.applications.base import Application, NoChoice
from tradesieve.models.applications.kelly import Kelly
from tradesieve.models.applications.out_of_fold import out_of_fold_sizes
from tradesieve.models.applications.per_strategy_threshold import PerStrategyThreshold
from tradesieve.models.applications.proportional import Proportional
from tradesieve.models.applications.quantile import Quantile
from tradesieve.models.applications.registry import APPLICATIONS, application_named, from_parameters
from tradesieve.models.applications.threshold import Threshold

__all__ = [
    "APPLICATIONS",
    "Application",
    "Kelly",
    "NoChoice",
    "PerStrategyThreshold",
    "Proportional",
    "Quantile",
    "Threshold",
    "application_named",
    "from_parameters",
    "out_of_fold_sizes",
]
