"""The event table: how often moves followed a condition on the bars of chunks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tradesieve.features.feature_names import parse_feature
from tradesieve.market.errors import BadInput
from tradesieve.market.timeframes import DAY
from tradesieve.pipelines.steps.chunks import Chunk
from tradesieve.strategies.expressions.evaluation import evaluate, feature_columns
from tradesieve.strategies.expressions.tree import Condition, Factor, Number, reads
from tradesieve.strategies.expressions.vocabulary import bars_needed
from tradesieve.strategies.statistics.event_moves import event_bars, event_rates


def count_events(
    condition: Condition, chunks: Sequence[Chunk], *, within: int, move: float, seed: int
) -> dict[str, Any]:
    """Count how often a move followed a condition, see `strategies.statistics.event_moves`.

    Parameters
    ----------
    condition : without parameters.
    chunks : all of one timeframe.

    Returns
    -------
    JSON values: ``within``, ``move``, ``n_bars``, ``n_events``, ``n_episodes``, ``block_days`` and ``rows``.

    Raises
    ------
    BadInput : if no bar is left between the lookback and the last bars.
    """
    read = list(reads(condition))
    names = dict.fromkeys(node.template for node, _ in read if isinstance(node, Factor))
    earlier = [
        (node.template if isinstance(node, Factor) else node.name, sum(n.value for n in back if isinstance(n, Number)))
        for node, back in read
    ]
    features = {name: parse_feature(name) for name in names}
    tables = []
    for chunk in chunks:
        is_event = evaluate(condition, chunk.bars, feature_columns(chunk.bars, features), {})
        needed = bars_needed(((name, int(n)) for name, n in earlier), chunk.timeframe)
        tables.append(
            event_bars(
                chunk.bars, np.broadcast_to(is_event, len(chunk.bars)), n_needed=needed, within=within, move=move
            )
        )
    n_bars = sum(len(table.time) for table in tables)
    if n_bars == 0:
        raise BadInput(f"no bar has a known event and {within} bars after it: store more bars, or lower --within")
    duration = within * max(chunk.timeframe.duration for chunk in chunks)
    rows = event_rates(tables, duration=duration, seed=seed)
    return {
        "within": within,
        "move": move,
        "n_bars": n_bars,
        "n_events": rows[0]["n_events"],
        "n_episodes": rows[0]["n_episodes"],
        "block_days": max(1, math.ceil(2 * duration / DAY)),
        "rows": rows,
    }
