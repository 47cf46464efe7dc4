"""Parameters of rules chosen on the past and traded on what came next.

The search for filters is `models.protocol`.
"""

__all__ = ["search_space", "walk_forward"]
