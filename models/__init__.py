"""What is learned: labels, datasets, splits, engines, fitness, significance, the protocol, artifacts, tracking.

Everything before `models.tracking` is pure: no clock, no network, no environment, no hidden randomness.
HTTP is `serving`, scheduling `pipelines`.
"""

__all__ = [
    "labels",
    "json_values",
    "dataset",
    "splits",
    "combinatorial_splits",
    "feature_selection",
    "fitted",
    "scopes",
    "engines",
    "information_coefficient",
    "leakage",
    "weights",
    "fitness",
    "applications",
    "significance",
    "protocol",
    "artifact",
    "tracking",
]
