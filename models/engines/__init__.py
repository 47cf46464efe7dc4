"""Engines: the estimators of one library per file, all behind `base.Engine`; fitted models are `models.fitted`.

To add one, subclass `base.Engine` in a file of its own, as `lightgbm.py` does, and name it in `registry.ENGINES`.
"""

__all__ = ["base", "search_spaces", "scikit_pipeline", "lightgbm", "pycaret", "sklearn", "neural_network", "registry"]
