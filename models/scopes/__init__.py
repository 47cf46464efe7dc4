"""Scopes: which trades one model is fitted on, one file each; fitting within the folds is `models.protocol`.

To add one, subclass `base.Scope` in a file of its own, as `rule.py` does, and list it in `registry`.
"""

__all__ = ["category_columns", "base", "pooled", "rule", "instance", "categories", "regime", "registry"]
