"""Whether a result could be luck: random filters, bootstrap bounds, deflated Sharpe, overfitting, the export gate.

What is judged here was found by `models.protocol`.
"""

__all__ = [
    "rotation_kernels",
    "random_filters",
    "bootstrap",
    "intervals",
    "deflated_sharpe",
    "overfitting",
    "gate",
    "verdicts",
]
