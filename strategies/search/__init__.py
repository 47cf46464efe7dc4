"""Walk-forward optimisation: parameters chosen on the past and traded on the bars that follow.

The search for filters is `models.protocol`.
"""

__all__ = ["search_space", "walk_forward"]
