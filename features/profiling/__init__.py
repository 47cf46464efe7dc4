"""Profiles of features: summary statistics, clusters of correlated features, drift between periods.

Whether features predict anything belongs to `models.information_coefficient`.
"""

__all__ = ["summary", "clusters", "drift"]
