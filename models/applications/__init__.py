"""Applications turn scores into sizes: one file each, chosen by fitness, never on the rows they are judged on."""

from models.applications.base import Application, NoChoice
from models.applications.kelly import Kelly
from models.applications.out_of_fold import out_of_fold_sizes
from models.applications.per_strategy_threshold import PerStrategyThreshold
from models.applications.proportional import Proportional
from models.applications.quantile import Quantile
from models.applications.registry import APPLICATIONS, application_named, from_parameters
from models.applications.threshold import Threshold

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
