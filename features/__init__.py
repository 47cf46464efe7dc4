"""What was knowable: factors, the engine that alone slices history, and the laws that every factor obeys.

A factor is a pure function of a declared finite window of bars. Trades and labels live to the right.
"""

__all__ = [
    "inputs",
    "factor",
    "families",
    "tsfresh",
    "feature_names",
    "feature_sets",
    "requirements",
    "decisions",
    "engine",
    "invariants",
    "profiling",
    "user_factors",
    "user_modules",
]
