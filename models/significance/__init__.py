"""Whether a result could be luck: permutations, bootstrap bounds, overfitting, and the gate for export.

What is judged here was searched in `models.protocol`.
"""

__all__ = ["bootstrap_kernels", "permutation", "overfitting", "gate"]
