"""Feature selection, fitted inside the fold: the columns of X that a candidate's model reads, one family a file.

To add a method, write a function of `selection_rows.SelectionRows` and list it in `registry`.
"""

__all__ = [
    "selection_rows",
    "pruning",
    "univariate",
    "relevance",
    "stability",
    "trees",
    "importance",
    "boruta",
    "registry",
]
