"""What is learned: labels, datasets, splits, engines, search, fitness, significance, ledger, gate, artifact.

Everything before `models.tracking.runs` is pure: no clock, no network, no environment, no hidden randomness.
HTTP lives in `serving`, scheduling in `pipelines`.
"""

__all__ = [
    "dataset",
    "labels",
    "information_coefficient",
    "splits",
    "fitness",
    "fitted",
    "engines",
    "applications",
    "significance",
    "protocol",
    "artifact",
    "tracking",
]
