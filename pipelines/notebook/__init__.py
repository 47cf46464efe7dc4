"""The functions of `import tradesieve as ts`: what the commands do, with values in place of options and files.

Each does the steps of one command, on the same state folder, and so finds and reuses the same results.
"""

__all__ = ["stored_bars", "chosen_experiment", "pages", "trade_set", "weights", "feature_table", "runs", "service"]
