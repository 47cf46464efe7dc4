"""How features are computed: windows cut from history, kernels run over them, columns cached.

The only code that slices history. What a factor is stands one level up, the factors in `features.families`.
"""

__all__ = ["history", "higher_timeframe", "interpreted", "compiled", "compute", "code_hash", "column_cache"]
