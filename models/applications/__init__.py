"""Applications: rules that turn a model's scores into position sizes, one file each; their choice is `models.protocol`.

To add one, subclass `base.Application` in a file of its own, as `threshold.py` does, and list it in `registry`.
"""

__all__ = [
    "base",
    "threshold",
    "quantile",
    "positive_score",
    "proportional",
    "kelly",
    "per_strategy_threshold",
    "per_rule_threshold",
    "registry",
]
