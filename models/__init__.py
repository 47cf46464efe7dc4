"""What is learned: labels, datasets, splits, engines, search, fitness, significance, ledger, gate, artifact.

Everything before `models.tracking` is pure: no clock, no network, no environment, no hidden randomness.
HTTP lives in `serving`, scheduling in `pipelines`.
"""
