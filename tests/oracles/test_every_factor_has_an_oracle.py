"""Every factor of bars is in some oracle's table, and its docstring says what it equals."""

from __future__ import annotations

import ast
from pathlib import Path

from tradesieve.features.factor import FACTORS
from tradesieve.features.feature_names import parse_feature

parse_feature("trade__side")  # registers the families


def held_to_an_oracle() -> list[str]:
    """Read the keys of the tables named EQUALS beside this file."""
    names = []
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == "EQUALS":
                names += [ast.literal_eval(key) for key in node.value.keys]  # type: ignore[union-attr]
    return names


def test_every_factor_of_bars_has_one_oracle():
    held = held_to_an_oracle()
    assert sorted(held) == sorted(name for name, factor in FACTORS.items() if factor.kind != "decision")


def test_every_factor_of_bars_says_what_it_equals():
    silent = [
        name
        for name, factor in FACTORS.items()
        if factor.kind != "decision" and "Equals: ``" not in (factor.kernel.__doc__ or "")
    ]
    assert silent == []
