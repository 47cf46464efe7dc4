"""Whether a result could be luck: permutation tests, bootstrap bounds, deflated Sharpe, overfitting, the export gate.

What is judged here was found by `models.protocol`.
"""

__all__ = ["resampling_kernels", "permutation", "bootstrap", "deflated_sharpe", "overfitting", "gate"]
