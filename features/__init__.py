"""What was knowable at a decision: factors, the engine that alone slices history, and the invariants of every feature.

A factor is a pure function of a declared finite window of bars. Trades and labels belong to the rooms to the right.
"""

__all__ = [
    "inputs",
    "factor",
    "families",
    "tsfresh",
    "prophet_factors",
    "feature_names",
    "feature_sets",
    "requirements",
    "volume_features",
    "decisions",
    "engine",
    "invariants",
    "profiling",
    "user_functions",
    "user_factors",
    "user_definitions",
    "user_modules",
]
