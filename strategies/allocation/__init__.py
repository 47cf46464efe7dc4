"""Allocation: what share of the capital each strategy instance gets, estimated from its closed trades.

A filter sizes single trades, in `models.applications`; here whole instances are weighted.
"""

__all__ = ["instance_returns", "skfolio_methods", "methods", "reestimation"]
