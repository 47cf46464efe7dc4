"""Expressions over bars and factors, such as ``close > previous(bars__highest__window_20)``.

They are parsed, evaluated and written as Python. What reads files of rules is in `strategies.rule_files`.
"""

__all__ = ["vocabulary", "tree", "parsing", "evaluation", "python_source"]
