"""What features look like: summaries, clusters of correlated ones, drift between periods.

Whether they predict anything is `models.information_coefficient`.
"""

__all__ = ["summary", "clusters", "drift"]
