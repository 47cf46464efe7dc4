"""tsfresh's calculators as factors, and compiled twins of the common ones.

The only door to tsfresh; factors of our own live in `features.families`.
"""

__all__ = ["kernels", "calculators"]
