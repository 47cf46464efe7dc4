"""Per-rule threshold: all instances of a rule, on whatever symbol and timeframe, have one threshold of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tradesieve.models.applications.per_strategy_threshold import PerStrategyThreshold
from tradesieve.strategies.instance import Instance


@dataclass(frozen=True)
class PerRuleThreshold(PerStrategyThreshold):
    """Size 1 where the score is at least the threshold of the row's rule, else 0.

    A rule is found on many instances, with several parameters each. So its threshold rests on more trades than that of
    one instance, while a rule that wins often still does not set the threshold of one that wins seldom.

    Parameters
    ----------
    thresholds : one for each of the dataset's ``instance_names``, the same for all of a rule; `fallback` where the
        trades of the rule are too few.
    fallback : the threshold of all instances pooled; also for instances that it was not fitted on.
    """

    name: ClassVar[str] = "per_rule_threshold"
    shared_by: ClassVar[str] = "rule"

    @classmethod
    def _groups(cls, instance_names: Sequence[str]) -> list[list[int]]:
        groups: dict[str, list[int]] = {}
        for index, name in enumerate(instance_names):
            groups.setdefault(Instance.parse(name).rule, []).append(index)
        return list(groups.values())
