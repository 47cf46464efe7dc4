"""Fitted models: saved in their library's own format, loaded and scored without an AutoML library.

Fitting is `models.engines`; the folder that carries a model is `models.artifact`.
"""

__all__ = [
    "calibration",
    "sklearn_scoring",
    "single_row",
    "model",
    "combination",
    "grouping",
    "grouped_model",
    "formats",
]
