"""Engines: the estimators of one library per file, all behind `base.Engine`; fitted models are `models.fitted`.

To add one, subclass `base.Engine` in a file of its own, as `lightgbm.py` does, and name it in `registry.ENGINES`.

Judged in November 2026, and left out:

- AutoKeras is alive (3.0.0 of November 2025) but asks for TensorFlow, and searches architectures for images and text;
  of a table it makes perceptrons, which `neural_network` is without TensorFlow.
- Auto_ViML (autoviml 0.2.2 of January 2025) is hardly alive: a function that cleans, selects and splits by itself, so
  that none of it can be fitted inside a purged fold.
- automl-gs is dead (0.2.1 of April 2019): it writes scripts for TensorFlow 1, whose port to 2 was asked for in 2020
  and never made.
"""

__all__ = [
    "base",
    "search_spaces",
    "scikit_pipeline",
    "lightgbm",
    "lightgbm_optuna",
    "pycaret",
    "sklearn",
    "neural_network",
    "registry",
]
