"""The engine: cuts windows from history, runs kernels over them, and caches the columns.

The only code that slices history. Definitions of factors belong to `features.factor` and `features.families`.
"""

__all__ = ["mirror", "history", "higher_timeframe", "interpreted", "compiled", "compute", "code_hash", "column_cache"]
