"""tsfresh's calculators as factors, the most used ones with compiled kernels, and its tests of relevance.

The only code that imports tsfresh; our own factors belong to `features.families`.
"""

__all__ = ["kernels", "calculators", "relevance"]
