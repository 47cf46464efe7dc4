"""Labels: training targets of trades, each with the time at which it is known.

What a trade is worth to its trader, the money, is `models.fitness`.
"""

__all__ = ["base", "outcomes", "scaled_return", "top_quantile", "triple_barrier", "laws", "registry", "user_labels"]
