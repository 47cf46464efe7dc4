"""The limit on the number of strategies, said where it leaves some out."""

from __future__ import annotations

from tradesieve.pipelines.experiment import Experiment
from tradesieve.pipelines.help_pages import option_in
from tradesieve.strategies.registry import count_available

max_option = option_in("Strategies")(
    "--max",
    "max_instances",
    type=int,
    metavar="N",
    help="At most N strategies x symbols x timeframes.",
)


def count_chosen(experiment: Experiment) -> dict[str, int]:
    """Return the number of strategies that an experiment takes, `chosen`, and of those to choose from, `available`.

    Markets with sessions have fewer strategies to choose from: the numbers are those of the market with the most.
    """
    if experiment.trades is not None:
        return {"chosen": len(experiment.strategies), "available": len(experiment.strategies)}
    counts = [
        {
            "chosen": len(experiment.chosen_strategies(symbol)),
            "available": count_available(experiment.strategy_texts(), session=session),
        }
        for session, symbol in experiment.symbols_by_session().items()
    ]
    return max(counts, key=lambda count: count["available"])


def describe_limit(strategies: dict[str, int], *, options: str = "--num-strategies or --max") -> list[str]:
    """Return a line about strategies that were left out, or none.

    Parameters
    ----------
    strategies : from `count_chosen`.
    options : those of the command that limit the number.
    """
    chosen, available = strategies["chosen"], strategies["available"]
    if chosen == available:
        return []
    return [f"limited to {chosen:,} of {available:,} strategies, one of each rule in turn: raise {options} for more"]
