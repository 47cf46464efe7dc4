"""Engines: the estimators of one library per file, all behind `base.Engine`; fitted models are `models.fitted`.

To add one, subclass `base.Engine` in a file of its own, as `lightgbm.py` does, and name it in `registry.ENGINES`.

Judged in November 2026, and left out:

- AutoKeras lives (3.0.0 of November 2025, with its models of tables back), but searches network architectures through
  Keras and TensorFlow, which nothing else here needs; a small network for tables is `neural_network`.
- Auto_ViML hardly lives (autoviml 0.2.2 of January 2025, for numpy below 2): one function that cleans, selects and
  splits by itself, so that nothing of it can be fitted inside a purged fold.
- automl-gs is dead (0.2.1 of April 2019): the scripts that it writes are for TensorFlow 1 and the XGBoost of then.
"""

__all__ = [
    "base",
    "search_spaces",
    "scikit_pipeline",
    "lightgbm",
    "tuning",
    "lightgbm_optuna",
    "flaml",
    "pycaret",
    "pycaret_ensemble",
    "sklearn",
    "neural_network",
    "xgboost",
    "catboost",
    "external",
    "registry",
]
